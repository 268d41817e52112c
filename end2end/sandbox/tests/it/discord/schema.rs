//! Holds answers against Discord's OpenAPI description. `discord-schemas.json` is the part of
//! it that these tests meet (responses by route and status, schemas without their prose).

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Bench, Got};

fn book() -> &'static Value {
    static BOOK: OnceLock<Value> = OnceLock::new();
    BOOK.get_or_init(|| {
        let mut book: Value =
            serde_json::from_str(include_str!("../discord-schemas.json")).unwrap();
        // The description says the codes below `_errors` are numbers; Discord's reference
        // ("Error Messages") and its answers have words such as BASE_TYPE_REQUIRED.
        book["schemas"]["InnerErrors"]["properties"]["_errors"]["items"] = json!({
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        });
        book
    })
}

/// Panics when the answer is not what the route may say. Routes that are not described pass.
pub fn hold(method: &str, path: &str, got: &Got) {
    let Some(answers) = described(method, path) else {
        return;
    };
    let exact = got.status.to_string();
    let schema = answers.get(&exact).or_else(|| {
        answers
            .get("4XX")
            .filter(|_| (400..500).contains(&got.status))
    });
    let Some(schema) = schema else {
        assert!(
            got.status >= 500,
            "{method} {path}: {exact} is no answer of this route"
        );
        return;
    };
    if schema.is_null() {
        assert!(
            got.raw.body.is_empty(),
            "{method} {path}: {exact} has no body"
        );
        return;
    }
    let mut wrong = Vec::new();
    check(schema, &got.body, "$", true, &mut wrong);
    assert!(
        wrong.is_empty(),
        "{method} {path} {exact}:\n{}\n{:#}",
        wrong.join("\n"),
        got.body
    );
}

fn described(method: &str, path: &str) -> Option<&'static Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |route: &str| {
        let parts: Vec<&str> = route.split('/').collect();
        parts.len() == segments.len()
            && parts
                .iter()
                .zip(&segments)
                .all(|(part, segment)| part == segment || part.starts_with('{'))
    };
    let routes = book()["answers"].as_object().unwrap();
    let of_method = routes.iter().filter_map(|(name, answers)| {
        let (verb, route) = name.split_once(' ').unwrap();
        (verb == method && fits(route)).then_some((route, answers))
    });
    // `/members/@me` is meant before `/members/{user_id}`.
    of_method
        .min_by_key(|(route, _)| route.matches('{').count())
        .map(|(_, answers)| answers)
}

/// `whole`: no other properties than those described.
fn check(schema: &Value, value: &Value, at: &str, whole: bool, wrong: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        return;
    };
    for (keyword, rule) in schema {
        let fits = match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().rsplit('/').next().unwrap();
                let target = &book()["schemas"][name];
                assert!(target.is_object(), "no schema {name}");
                check(target, value, at, whole, wrong);
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| of_type(one, value)),
                one => of_type(one, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "oneOf" | "anyOf" => rule.as_array().unwrap().iter().any(|branch| {
                let mut inner = Vec::new();
                check(branch, value, at, whole, &mut inner);
                inner.is_empty()
            }),
            "allOf" => {
                for branch in rule.as_array().unwrap() {
                    check(branch, value, at, false, wrong);
                }
                true
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.is_object() && value.get(name).is_none() {
                        wrong.push(format!("{at}: {name} is missing"));
                    }
                }
                true
            }
            "properties" => {
                properties(schema, rule, value, at, whole, wrong);
                true
            }
            "additionalProperties" => {
                let named = schema.get("properties");
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if named.is_none_or(|named| named.get(name).is_none()) {
                        check(rule, inner, &format!("{at}.{name}"), true, wrong);
                    }
                }
                true
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, inner, &format!("{at}[{index}]"), true, wrong);
                }
                true
            }
            "uniqueItems" => value.as_array().is_none_or(|items| {
                items
                    .iter()
                    .enumerate()
                    .all(|(index, item)| !items[..index].contains(item))
            }),
            "minimum" => value.as_f64().is_none_or(|it| it >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|it| it <= rule.as_f64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
            "pattern" => {
                assert_eq!(rule, "^(0|[1-9][0-9]*)$", "a pattern to teach this checker");
                value.as_str().is_none_or(|text| {
                    text == "0"
                        || (!text.starts_with('0')
                            && !text.is_empty()
                            && text.bytes().all(|byte| byte.is_ascii_digit()))
                })
            }
            "format" => of_format(rule.as_str().unwrap(), value),
            other => panic!("a keyword to teach this checker: {other}"),
        };
        if !fits {
            wrong.push(format!("{at}: {value} is not {keyword} {rule}"));
        }
    }
}

fn properties(
    schema: &serde_json::Map<String, Value>,
    rule: &Value,
    value: &Value,
    at: &str,
    whole: bool,
    wrong: &mut Vec<String>,
) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        match rule.get(name) {
            Some(rule) => check(rule, inner, &format!("{at}.{name}"), true, wrong),
            None if whole && !schema.contains_key("additionalProperties") => {
                wrong.push(format!("{at}: {name} is not described"));
            }
            None => {}
        }
    }
}

fn of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("a type to teach this checker: {other}"),
    }
}

fn of_format(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("int32", Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        ("date-time", Value::String(text)) => {
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
                .is_ok()
        }
        ("uri", Value::String(text)) => url::Url::parse(text).is_ok(),
        _ => true,
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let mut bench = Bench::new();
    let role = bench.guild("GET", "/roles", None).body[1].clone();
    let reference = json!({"$ref": "#/components/schemas/GuildRoleResponse"});
    let faults = |role: &Value| {
        let mut wrong = Vec::new();
        check(&reference, role, "$", true, &mut wrong);
        wrong.len()
    };
    assert_eq!(faults(&role), 0);
    for (key, value) in [
        ("id", json!("x1")),
        ("id", json!(12)),
        ("name", Value::Null),
        ("position", json!("1")),
        ("position", json!(3_000_000_000_u64)),
        ("colors", json!({"primary_color": 1})),
        ("tags", json!({"bot_id": "none"})),
        ("invented", json!(true)),
    ] {
        let mut broken = role.clone();
        broken[key] = value;
        assert!(faults(&broken) > 0, "{key}");
    }
    let mut short = role;
    short.as_object_mut().unwrap().remove("permissions");
    assert_eq!(faults(&short), 1);
}
