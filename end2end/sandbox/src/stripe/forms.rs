//! Form-encoded parameters with nesting, `a[b][0][c]=x` and `expand[]=y`, and typed reads of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::errors::{Outcome, Refusal};

/// What a customer or operator attached to an object.
pub(super) type Metadata = BTreeMap<String, String>;

/// Deeper keys than this are refused.
const MAX_DEPTH: usize = 8;

/// Decodes pairs into a tree of objects and strings; lists are objects keyed `0`, `1`, …
pub(super) fn decode(encoded: &[u8], into: &mut Map<String, Value>) -> Outcome<()> {
    for (key, value) in form_urlencoded::parse(encoded) {
        let parts = split_key(&key)?;
        insert(into, &parts, value.into_owned())?;
    }
    Ok(())
}

fn split_key(key: &str) -> Outcome<Vec<&str>> {
    let Some(open) = key.find('[') else {
        return Ok(vec![key]);
    };
    let bad = || Refusal::invalid(format!("Invalid parameter name: {key}"));
    let mut parts = vec![&key[..open]];
    let mut rest = &key[open..];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(bad)?;
        let close = inner.find(']').ok_or_else(bad)?;
        parts.push(&inner[..close]);
        rest = &inner[close + 1..];
        if parts.len() > MAX_DEPTH {
            return Err(bad());
        }
    }
    Ok(parts)
}

fn insert(into: &mut Map<String, Value>, parts: &[&str], value: String) -> Outcome<()> {
    let Some((first, rest)) = parts.split_first() else {
        return Ok(());
    };
    let name = if first.is_empty() {
        append_at(into, rest)
    } else {
        (*first).to_owned()
    };
    if rest.is_empty() {
        into.insert(name, Value::String(value));
        return Ok(());
    }
    let child = into
        .entry(name.clone())
        .or_insert_with(|| Value::Object(Map::new()));
    match child {
        Value::Object(map) => insert(map, rest, value),
        _ => Err(Refusal::param(
            name,
            "Invalid parameter: it is given both as a value and as a hash",
        )),
    }
}

/// `list[]=` appends; `list[][a]=&list[][b]=` fills one element until a name comes again.
fn append_at(into: &Map<String, Value>, rest: &[&str]) -> String {
    let last = into.len().wrapping_sub(1).to_string();
    match (rest.first(), into.get(&last)) {
        (Some(next), Some(Value::Object(open))) if !open.contains_key(*next) => last,
        _ => into.len().to_string(),
    }
}

/// A hash of parameters and where it stands, for error messages.
#[derive(Clone, Debug)]
pub(super) struct Params<'a> {
    map: &'a Map<String, Value>,
    prefix: String,
}

/// One element of a list parameter.
#[derive(Clone, Debug)]
pub(super) enum Element<'a> {
    Text(&'a str),
    Hash(Params<'a>),
}

impl<'a> Params<'a> {
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self {
            map,
            prefix: String::new(),
        }
    }

    /// The full name of a parameter here, as `items[0][price]`.
    pub fn name(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}[{name}]", self.prefix)
        }
    }

    /// Refuses every name not listed. `expand` is known everywhere at the top.
    pub fn only(&self, known: &[&str]) -> Outcome<()> {
        match self.map.keys().find(|key| {
            !known.contains(&key.as_str()) && (!self.prefix.is_empty() || key.as_str() != "expand")
        }) {
            Some(key) => Err(Refusal::unknown(self.name(key))),
            None => Ok(()),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The text as sent; an empty text is `Some("")`.
    pub fn text(&self, name: &str) -> Outcome<Option<&'a str>> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::param(
                self.name(name),
                format!("Invalid string: {}", self.name(name)),
            )),
        }
    }

    /// The text, an empty one counted as absent.
    pub fn filled(&self, name: &str) -> Outcome<Option<&'a str>> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    pub fn need(&self, name: &str) -> Outcome<&'a str> {
        self.filled(name)?
            .ok_or_else(|| Refusal::missing(self.name(name)))
    }

    pub fn owned(&self, name: &str) -> Outcome<Option<String>> {
        Ok(self.filled(name)?.map(str::to_owned))
    }

    /// Sets `field` when the parameter is given; an empty text clears it.
    pub fn set(&self, name: &str, field: &mut Option<String>) -> Outcome<()> {
        if let Some(text) = self.text(name)? {
            *field = (!text.is_empty()).then(|| text.to_owned());
        }
        Ok(())
    }

    pub fn int(&self, name: &str) -> Outcome<Option<i64>> {
        match self.filled(name)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                let mut refusal =
                    Refusal::param(self.name(name), format!("Invalid integer: {text}"));
                refusal.code = Some("parameter_invalid_integer");
                refusal
            }),
        }
    }

    pub fn flag(&self, name: &str) -> Outcome<Option<bool>> {
        match self.filled(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(Refusal::param(
                self.name(name),
                format!("Invalid boolean: {text}"),
            )),
        }
    }

    /// A text that must be one of `choices`.
    pub fn choice(&self, name: &str, choices: &[&'static str]) -> Outcome<Option<&'static str>> {
        let Some(text) = self.filled(name)? else {
            return Ok(None);
        };
        choices
            .iter()
            .find(|choice| **choice == text)
            .copied()
            .map(Some)
            .ok_or_else(|| {
                Refusal::param(
                    self.name(name),
                    format!(
                        "Invalid {}: must be one of {}",
                        self.name(name),
                        choices.join(", ")
                    ),
                )
            })
    }

    pub fn hash(&self, name: &str) -> Outcome<Option<Params<'a>>> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Params {
                map,
                prefix: self.name(name),
            })),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(_) => Err(Refusal::param(self.name(name), "Invalid object")),
        }
    }

    /// The elements of a list in the order of their indices.
    pub fn list(&self, name: &str) -> Outcome<Vec<Element<'a>>> {
        let Some(hash) = self.hash(name)? else {
            return Ok(Vec::new());
        };
        let mut keyed = Vec::new();
        for (key, value) in hash.map {
            let index: usize = key
                .parse()
                .map_err(|_| Refusal::param(self.name(name), "Invalid array"))?;
            let element = match value {
                Value::Object(map) => Element::Hash(Params {
                    map,
                    prefix: hash.name(key),
                }),
                Value::String(text) => Element::Text(text),
                _ => continue,
            };
            keyed.push((index, element));
        }
        keyed.sort_by_key(|(index, _)| *index);
        Ok(keyed.into_iter().map(|(_, element)| element).collect())
    }

    pub fn hashes(&self, name: &str) -> Outcome<Vec<Params<'a>>> {
        self.list(name)?
            .into_iter()
            .map(|element| match element {
                Element::Hash(hash) => Ok(hash),
                Element::Text(_) => Err(Refusal::param(self.name(name), "Invalid object")),
            })
            .collect()
    }

    pub fn texts(&self, name: &str) -> Outcome<Vec<&'a str>> {
        self.list(name)?
            .into_iter()
            .map(|element| match element {
                Element::Text(text) => Ok(text),
                Element::Hash(_) => Err(Refusal::param(self.name(name), "Invalid string")),
            })
            .collect()
    }

    /// Merges `metadata[key]=value` into what is there; an empty value removes its key, and
    /// `metadata=` removes all.
    pub fn merge_metadata(&self, into: &mut Metadata) -> Outcome<()> {
        if self.text("metadata").is_ok_and(|text| text == Some("")) {
            into.clear();
            return Ok(());
        }
        let Some(hash) = self.hash("metadata")? else {
            return Ok(());
        };
        let mut merged = into.clone();
        for key in hash.map.keys() {
            let value = hash.text(key)?.unwrap_or("");
            if key.chars().count() > 40 {
                return Err(Refusal::param(
                    hash.name(key),
                    "Metadata keys can have at most 40 characters.",
                ));
            }
            if value.chars().count() > 500 {
                return Err(Refusal::param(
                    hash.name(key),
                    "Metadata values can have up to 500 characters.",
                ));
            }
            if value.is_empty() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.to_owned());
            }
        }
        if merged.len() > 50 {
            return Err(Refusal::param(
                "metadata",
                "Metadata can have at most 50 keys.",
            ));
        }
        *into = merged;
        Ok(())
    }

    pub fn metadata(&self) -> Outcome<Metadata> {
        let mut metadata = Metadata::new();
        self.merge_metadata(&mut metadata)?;
        Ok(metadata)
    }
}
