//! The scenario file as a JSON Schema (draft 2020-12), for editors and other generators. The reader checks more than a
//! schema can say; where the two disagree the reader is right.

use serde_json::{Map, Value, json};

use super::{EVIDENCE_KINDS, TOP};
use crate::knobs::{Acts, KNOBS, Kind, Knob};

/// The schema. TOML becomes JSON as every editor has it: tables are objects, dotted keys nest.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in TOP {
        properties.insert((*key).to_owned(), top(key));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "workbench scenario",
        "description": "What to run: a workload or a program, its load, and the variants to compare.",
        "type": "object",
        "properties": properties,
        "required": ["name", "version", "summary", "load"],
        "oneOf": [{ "required": ["workload"] }, { "required": ["subject"] }],
        "additionalProperties": false,
        "$defs": {
            "duration": { "type": "string", "description": "With a unit: `500ms`, `30s`, `1m 30s`.", "pattern": "^\\s*[0-9.]" },
            "scalar": { "type": ["string", "number", "integer", "boolean"] },
            "words": { "type": "array", "items": { "type": "string" } },
            "limit": { "type": "string", "description": "A sign and a bound: `<+3%`, `<=50ms`.", "pattern": "^\\s*[<>]=?" },
            "limits": limits(),
            "stage": object(&[("rate", positive()), ("from", number()), ("to", number()), ("for", duration())], &["for"]),
            "knobs": knobs(),
        },
    })
}

fn top(key: &str) -> Value {
    match key {
        "name" => described(json!({ "type": "string", "pattern": "^[a-z0-9-]+$" }), "Unique name."),
        "version" => described(
            json!({ "type": "integer", "minimum": 1 }),
            "Raised whenever results stop being comparable with earlier ones.",
        ),
        "summary" => described(text(), "One sentence."),
        "workload" => described(json!({ "type": "string", "pattern": "^[a-z0-9-]+$" }), "A workload of the catalogue."),
        "subject" => subject(),
        "trial" => trial(),
        "load" => load(),
        "mix" => json!({ "type": "array", "items": operation(), "minItems": 1 }),
        "knobs" => described(reference("knobs"), "Settings of every variant."),
        "workload_parameters" => {
            json!({ "type": "object", "description": "Parameters with their defaults.", "additionalProperties": reference("scalar") })
        }
        "variant" => json!({ "type": "array", "items": variant(), "minItems": 1 }),
        "limits" => described(reference("limits"), "What `gate` allows, by metric."),
        "evidence" => described(
            json!({ "type": "array", "items": { "enum": EVIDENCE_KINDS } }),
            "What is gathered after the measurements, unless a command says otherwise.",
        ),
        "slo" => described(
            object(
                &[
                    ("objective", json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })),
                    ("latency", duration()),
                    ("window", duration()),
                ],
                &["objective"],
            ),
            "What part of measured operations must be good.",
        ),
        // A key that joins the file without a schema of its own is not refused.
        _ => json!({}),
    }
}

fn subject() -> Value {
    described(
        object(
            &[
                ("command", reference("words")),
                ("target", text()),
                ("folder", text()),
                ("env", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
                ("ready", described(text(), "`port`, `http:/health` or `line:TEXT`.")),
                ("start_timeout", duration()),
                ("stop_timeout", duration()),
            ],
            &["command", "target"],
        ),
        "A program that is not ours, in the place of the workload.",
    )
}

fn trial() -> Value {
    let ladder = json!({ "oneOf": [
        { "enum": ["auto", "off"] },
        { "type": "array", "items": { "type": "integer", "minimum": 1 } },
    ] });
    shape(Acts::Trial, &[("ladder", described(ladder, "Closed loops of rising concurrency."))])
}

fn load() -> Value {
    let stages = json!({ "type": "array", "items": reference("stage"), "minItems": 1 });
    let burst =
        object(&[("size", json!({ "type": "integer", "minimum": 1 })), ("every", duration())], &["size", "every"]);
    shape(
        Acts::Load,
        &[
            ("tls_ca", text()),
            ("stages", stages),
            ("ramp", reference("stage")),
            ("burst", burst),
            ("trace", text()),
            ("scale", positive()),
        ],
    )
}

/// A section whose keys are knobs, and others.
fn shape(acts: Acts, others: &[(&str, Value)]) -> Value {
    let mut properties: Map<String, Value> =
        KNOBS.iter().filter(|knob| knob.acts == acts).map(|knob| (knob.name().to_owned(), value(knob))).collect();
    properties.extend(others.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())));
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn operation() -> Value {
    object(
        &[
            ("operation", json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+$" })),
            ("weight", positive()),
            ("rate", positive()),
            ("background", json!({ "type": "boolean" })),
            ("method", text()),
            ("path", text()),
            ("headers", reference("words")),
            ("body", text()),
            ("expect_status", json!({ "type": "integer", "minimum": 100, "maximum": 599 })),
            ("expect_body", text()),
            ("send", text()),
            ("expect", text()),
        ],
        &["operation"],
    )
}

fn variant() -> Value {
    object(
        &[
            ("name", text()),
            ("summary", text()),
            ("set", reference("knobs")),
            ("command", reference("words")),
            ("args", reference("words")),
        ],
        &["name"],
    )
}

/// Metrics nest, as `latency.p99` is written.
fn limits() -> Value {
    json!({
        "type": "object",
        "additionalProperties": { "oneOf": [
            reference("limit"),
            { "type": "array", "items": reference("limit") },
            reference("limits"),
        ] },
    })
}

/// Knobs that change the subject, nested by the parts of their paths.
fn knobs() -> Value {
    let mut root = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    for knob in KNOBS.iter().filter(|knob| knob.acts_on_subject()) {
        let mut parts = knob.path.split('.').peekable();
        let mut place = &mut root["properties"];
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place[part] = value(knob);
                break;
            }
            if place[part].is_null() {
                place[part] = json!({ "type": "object", "properties": {}, "additionalProperties": false });
            }
            place = &mut place[part]["properties"];
        }
    }
    for free in ["env", "workload"] {
        root["properties"][free] = json!({ "type": "object", "additionalProperties": reference("scalar") });
    }
    root
}

fn value(knob: &Knob) -> Value {
    let schema = match knob.kind {
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Signed { min, max } | Kind::Milliseconds { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Kind::Number { above, max } => json!({ "type": "number", "exclusiveMinimum": above, "maximum": max }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Duration { .. } => reference("duration"),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::CpuSet | Kind::Size { .. } | Kind::Pairs => text(),
        Kind::Bytes { .. } | Kind::Percent { .. } => json!({ "type": ["integer", "string"] }),
    };
    described(schema, &format!("{} Range: {}. Default: {}.", knob.doc, knob.kind.range(), knob.default.prose))
}

fn object(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn described(mut schema: Value, text: &str) -> Value {
    schema["description"] = json!(text);
    schema
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn positive() -> Value {
    json!({ "type": "number", "exclusiveMinimum": 0 })
}

fn duration() -> Value {
    reference("duration")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(schema: &Value, pointer: &str) -> Vec<String> {
        let properties = schema.pointer(pointer).and_then(Value::as_object).unwrap();
        properties.keys().cloned().collect()
    }

    /// A key that the reader learns must be learnt here, too.
    #[test]
    fn every_key_of_the_file_has_a_schema() {
        let schema = schema();
        let mut top = keys(&schema, "/properties");
        top.sort();
        let mut known = TOP.to_vec();
        known.sort_unstable();
        assert_eq!(top, known);
        for key in TOP {
            assert_ne!(schema["properties"][key], json!({}), "`{key}` has no schema");
        }
        let load = keys(&schema, "/properties/load/properties");
        for knob in KNOBS.iter().filter(|knob| knob.acts == Acts::Load) {
            assert!(load.contains(&knob.name().to_owned()), "{}", knob.path);
        }
        assert!(
            schema.pointer("/$defs/knobs/properties/allocator/properties/jemalloc/properties/dirty_decay_ms").is_some()
        );
    }

    /// Every `$ref` leads somewhere.
    #[test]
    fn references_are_defined() {
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|value| walk(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let schema = schema();
        let mut found = Vec::new();
        walk(&schema, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
