//! A small checker of JSON Schemas: the keywords that ours use, and a panic for any other.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Words that only explain.
const PROSE: &[&str] = &["$schema", "$defs", "title", "description"];

/// What does not fit, as paths with a reason; empty where everything does.
pub(crate) fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

/// A run as `--json` prints it fits the schema that `schema run` prints.
pub(crate) fn assert_run(run: &Value) {
    let schema = serde_json::from_str(reports::render::json::SCHEMA).expect("a schema");
    assert_eq!(misfits(&schema, run), [""; 0]);
}

/// The same question to a validator that is not ours, where Python has one: `None` where it has not.
pub(crate) fn misfits_by_another(schema: &Value, value: &Value) -> Option<String> {
    const ASK: &str = "import json, sys, jsonschema\nschema, value = json.load(sys.stdin)\n\
                       jsonschema.Draft202012Validator.check_schema(schema)\n\
                       for error in jsonschema.Draft202012Validator(schema).iter_errors(value):\n\
                       \x20   print(error.json_path, error.message)";
    let there = Command::new("python3").args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", ASK]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut asked = command.spawn().expect("python");
    let text = serde_json::json!([schema, value]).to_string();
    asked.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let ran = crate::program::finish(asked);
    Some(ran.stdout + &ran.stderr)
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "required" => {
                for name in rule.as_array().expect("a list").iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        found.push(format!("{path}: `{name}` is missing"));
                    }
                }
            }
            "$ref" => {
                let pointer = rule.as_str().expect("a reference").trim_start_matches('#');
                check(root, root.pointer(pointer).expect("a reference leads somewhere"), value, path, found);
            }
            "oneOf" | "anyOf" => {
                let fits = |schema: &Value| {
                    let mut inner = Vec::new();
                    check(root, schema, value, path, &mut inner);
                    inner.is_empty()
                };
                let fitting = rule.as_array().expect("a list").iter().filter(|schema| fits(schema)).count();
                if fitting == 0 || keyword == "oneOf" && fitting != 1 {
                    found.push(format!("{path}: fits {fitting} of {keyword}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}/{index}"), found);
                }
            }
            "properties" => {
                for (name, inner) in rule.as_object().expect("an object") {
                    if let Some(field) = value.get(name) {
                        check(root, inner, field, &format!("{path}/{name}"), found);
                    }
                }
            }
            "additionalProperties" => {
                let known = |name: &String| schema.get("properties").is_some_and(|all| all.get(name).is_some());
                for (name, field) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
                    match rule {
                        Value::Bool(false) => found.push(format!("{path}: `{name}` is not known")),
                        Value::Bool(true) => {}
                        schema => check(root, schema, field, &format!("{path}/{name}"), found),
                    }
                }
            }
            keyword => found.extend(misfit(keyword, rule, value).map(|why| format!("{path}: {why}"))),
        }
    }
}

/// What a rule about the value itself says.
fn misfit(keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let against = |breaks: fn(f64, f64) -> bool| {
        let bound = rule.as_f64().expect("a bound is a number");
        value.as_f64().is_none_or(|number| !breaks(number, bound))
    };
    let fits = match keyword {
        "type" => match rule {
            Value::Array(types) => types.iter().filter_map(Value::as_str).any(|kind| is(value, kind)),
            one => is(value, one.as_str().expect("a type")),
        },
        "const" => value == rule,
        "enum" => rule.as_array().expect("a list").contains(value),
        "minimum" => against(|number, bound| number < bound),
        "maximum" => against(|number, bound| number > bound),
        "exclusiveMinimum" => against(|number, bound| number <= bound),
        "exclusiveMaximum" => against(|number, bound| number >= bound),
        "minItems" => {
            let least = rule.as_u64().expect("a number");
            value.as_array().is_none_or(|items| items.len() as u64 >= least)
        }
        // Patterns are for editors; here no crate reads them.
        "pattern" => true,
        word if PROSE.contains(&word) => true,
        word => panic!("the schema uses `{word}`, which is not checked here"),
    };
    (!fits).then(|| format!("{value} does not fit {keyword} {rule}"))
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}
