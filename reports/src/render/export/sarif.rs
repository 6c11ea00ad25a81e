//! SARIF 2.1.0: findings that name a file and a line of the repository.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::render::text;
use crate::run::{Culprit, Finding, RunSummary};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Findings with a place. Places outside of the repository (absolute paths: the standard library, dependencies) are left
/// out, since a viewer finds no line there; the notification says how many.
pub(super) fn sarif(summary: &RunSummary) -> String {
    let placed: Vec<(&Finding, &Culprit)> =
        summary.findings.iter().filter_map(|finding| Some((finding, finding.culprit.as_ref()?))).collect();
    let (inside, outside): (Vec<_>, Vec<_>) = placed.into_iter().partition(|(_, culprit)| is_inside(culprit));
    let left_out = summary.findings.len() - inside.len();
    let rules: BTreeMap<&str, Value> = inside
        .iter()
        .map(|(finding, _)| {
            (finding.rule.as_str(), json!({ "id": text::name(&finding.rule), "name": camel(&finding.rule) }))
        })
        .collect();
    let results: Vec<Value> = inside.iter().map(|(finding, culprit)| result(summary, finding, culprit)).collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "workbench",
            "version": summary.build.version,
            "rules": rules.into_values().collect::<Vec<_>>(),
        } },
        "automationDetails": { "id": format!("workbench/{}/{}", text::name(&summary.scenario), text::name(&summary.run)) },
        "results": results,
        "columnKind": "unicodeCodePoints",
    });
    if left_out > 0 {
        let why = format!(
            "{left_out} findings are left out: {} name no line, {} name one outside of the repository; see the report",
            left_out - outside.len(),
            outside.len()
        );
        run["invocations"] = json!([{
            "executionSuccessful": true,
            "toolExecutionNotifications": [{ "level": "note", "message": { "text": why } }],
        }]);
    }
    let document = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn is_inside(culprit: &Culprit) -> bool {
    let file = culprit.file.as_str();
    !file.is_empty()
        && culprit.line > 0
        && !file.starts_with('/')
        && !file.contains("://")
        && !file.split('/').any(|part| part == "..")
}

fn result(summary: &RunSummary, finding: &Finding, culprit: &Culprit) -> Value {
    let mut said = vec![text::sentence(&finding.title)];
    said.extend(finding.evidence.iter().map(|evidence| text::sentence(evidence)));
    if !finding.next.is_empty() {
        said.push(format!("Next: {}", text::sentence(&finding.next)));
    }
    json!({
        "ruleId": text::name(&finding.rule),
        "level": "warning",
        "message": { "text": said.join("\n") },
        "rank": (finding.share.clamp(0.0, 1.0) * 100.0),
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&culprit.file), "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": culprit.line },
            },
            "logicalLocations": [{ "fullyQualifiedName": text::visible(&culprit.function, 500), "kind": "function" }],
        }],
        // The same mechanism in the same function is the same finding, whatever line it moved to.
        "partialFingerprints": {
            "workbench/v1": format!("{}/{}/{}/{}", summary.scenario, finding.variant, finding.rule, culprit.function),
        },
    })
}

/// A path as a relative URI (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// `long-poll-cpu` as `LongPollCpu`.
fn camel(slug: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars().filter(|c| c.is_ascii_alphanumeric());
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    slug.split('-').map(part).collect()
}
