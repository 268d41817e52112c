//! The fields of a control request, from its query and its body, JSON or form.

use serde_json::{Map, Value};

use crate::ApiRequest;

/// Why a control did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Bad(String),
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Conflict(String),
}

impl Refused {
    pub fn bad(message: &str) -> Self {
        Self::Bad(message.to_owned())
    }

    pub fn absent(message: &str) -> Self {
        Self::Absent(message.to_owned())
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Bad(_) => 400,
            Self::Absent(_) => 404,
            Self::Conflict(_) => 409,
        }
    }
}

#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    pub fn are_form(request: &ApiRequest) -> bool {
        request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    pub fn of(request: &ApiRequest) -> Result<Self, Refused> {
        let mut fields = Map::new();
        add_form(&mut fields, request.query.as_bytes());
        if Self::are_form(request) {
            add_form(&mut fields, &request.body);
        } else if !request.body.is_empty() {
            match serde_json::from_slice(&request.body) {
                Ok(Value::Object(object)) => fields.extend(object),
                _ => return Err(Refused::bad("the body is a JSON object or a form")),
            }
        }
        Ok(Self(fields))
    }

    /// A text that is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    pub fn required(&self, name: &str) -> Result<&str, Refused> {
        self.text(name)
            .ok_or_else(|| Refused::Bad(format!("{name} is missing")))
    }

    pub fn int(&self, name: &str) -> Result<Option<i64>, Refused> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_i64(),
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Refused::Bad(format!("{name} is a whole number"))),
        }
    }

    pub fn small(&self, name: &str) -> Result<Option<u16>, Refused> {
        self.int(name)?
            .map(|number| {
                u16::try_from(number).map_err(|_| Refused::Bad(format!("{name} is 0 to 65535")))
            })
            .transpose()
    }

    /// 0 to 100; a flag that is set reads as 100.
    pub fn percent(&self, name: &str) -> Result<u8, Refused> {
        let number = match self.0.get(name) {
            Some(Value::Bool(flag)) => i64::from(*flag) * 100,
            Some(Value::String(text)) if text == "true" => 100,
            _ => self.int(name)?.unwrap_or(0),
        };
        u8::try_from(number)
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| Refused::Bad(format!("{name} is 0 to 100")))
    }

    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "1" | "on" | "yes"),
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            _ => false,
        }
    }

    /// A number of any size, as Discord writes permissions.
    pub fn bits(&self, name: &str) -> Result<Option<u64>, Refused> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_u64(),
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Refused::Bad(format!("{name} is a whole number"))),
        }
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The texts of an object.
    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let Some(Value::Object(object)) = self.0.get(name) else {
            return Vec::new();
        };
        object
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    /// An array, or one text with commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect(),
            Some(Value::String(text)) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn add_form(fields: &mut Map<String, Value>, form: &[u8]) {
    for (name, value) in url::form_urlencoded::parse(form) {
        fields.insert(name.into_owned(), Value::String(value.into_owned()));
    }
}
