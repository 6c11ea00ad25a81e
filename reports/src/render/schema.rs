//! `schema/run.json`, made from the types themselves, so that it cannot drift from what is written.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::run::RunSummary;

const WHAT: &str = "What --json prints and run.json holds, as this version writes it. Units are SI. Later versions of the \
                    same format may add fields: readers pass over what they do not know.";
/// Set, it has the file written anew.
const UPDATE: &str = "UPDATE_SCHEMA";

fn generated() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<RunSummary>().to_value();
    tidy(&mut schema);
    schema["title"] = json!("workbench run");
    schema["description"] = json!(WHAT);
    // Readers take the same number and refuse others.
    schema["properties"]["format"]["const"] = json!(crate::run::FORMAT);
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// Closes every object whose fields are known, lets numbers be `null` as JSON has no others for what is none, and takes
/// Rust's own words out.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A field may be called like a keyword: only schemas have these.
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                properties.values_mut().for_each(tidy);
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            for name in ["default", "format", "title"] {
                fields.remove(name);
            }
            numbers(fields);
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = plain(text);
            }
            for (name, inner) in fields.iter_mut().filter(|(name, _)| *name != "properties") {
                if name == "$defs" {
                    inner.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(tidy);
                } else {
                    tidy(inner);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// NaN and infinities are written as `null`.
fn numbers(fields: &mut Map<String, Value>) {
    if fields.get("type") == Some(&json!("number")) {
        fields.insert("type".to_owned(), json!(["number", "null"]));
    }
}

/// A doc comment without its links: ``[`FORMAT`](super::FORMAT)`` is `` `FORMAT` ``.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        shown.push_str(&format!("{before}`{name}`"));
        rest = match after.strip_prefix('(').and_then(|link| link.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    (shown + rest).replace('\n', " ")
}

#[test]
fn the_schema_is_that_of_the_types() {
    let generated = generated();
    if std::env::var_os(UPDATE).is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/schema/run.json");
        std::fs::write(file, &generated).unwrap();
        return;
    }
    assert!(
        generated == super::json::SCHEMA,
        "what a run holds has changed: write the schema anew with `{UPDATE}=1 cargo test -p reports --lib schema`"
    );
}

/// Every object that the format fixes is closed: a field that the schema does not know has no place in it.
#[test]
fn objects_with_known_fields_are_closed() {
    let schema: Value = serde_json::from_str(super::json::SCHEMA).unwrap();
    let closed = |schema: &Value| schema.get("properties").is_none() || schema["additionalProperties"] == json!(false);
    assert!(closed(&schema));
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(closed(definition), "{name}");
    }
    for field in ["movers", "undecided", "unused", "ruled_out", "blame", "attached", "gate", "slo", "budget"] {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
}

#[test]
fn links_of_doc_comments_are_names() {
    assert_eq!(plain("[`FORMAT`](super::FORMAT), and\n[`A::b`]."), "`FORMAT`, and `A::b`.");
    assert_eq!(plain("no [`end"), "no [`end");
}
