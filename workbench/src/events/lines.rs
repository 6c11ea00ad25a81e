//! Events as JSON lines: what `--events` prints, described by [`SCHEMA`].

use reports::run::{PlannedTrial, RunSummary, Settings, Status, TrialKind};
use serde::Serialize;

use super::Happening;
use crate::subject::Phase;

/// JSON Schema of one line.
pub const SCHEMA: &str = include_str!("schema.json");

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    RunStarted { at: &'a str, run: &'a str, left: usize, total: usize },
    Preflight { at: &'a str, variant: &'a str, effective: &'a Settings },
    TrialStarted { at: &'a str, index: u32, block: Option<u32>, variant: &'a str, kind: &'a str },
    Phase { at: &'a str, index: u32, phase: &'a str },
    TrialFinished { at: &'a str, index: u32, block: Option<u32>, variant: &'a str, kind: &'a str, result: &'a str },
    TrialFailed { at: &'a str, index: u32, block: Option<u32>, variant: &'a str, kind: &'a str, reason: &'a str },
    TrialLeftOut { at: &'a str, index: u32, block: Option<u32>, variant: &'a str, kind: &'a str, reason: &'a str },
    Warning { at: &'a str, message: &'a str },
    RunFinished { at: &'a str, status: Status },
    Result { at: &'a str, summary: &'a RunSummary },
}

/// What happened at a moment (RFC 3339) of a run, as one line without its end.
pub fn line(happening: &Happening<'_>, run: &str, at: &str) -> String {
    let line = match *happening {
        Happening::Started { left, total } => Line::RunStarted { at, run, left, total },
        Happening::Preflight { variant, effective } => Line::Preflight { at, variant, effective },
        Happening::TrialStarted(&PlannedTrial { index, block, ref variant, kind }) => {
            Line::TrialStarted { at, index, block, variant, kind: kind_name(kind) }
        }
        Happening::Phase(trial, phase) => Line::Phase { at, index: trial.index, phase: phase_name(phase) },
        Happening::TrialFinished { trial: &PlannedTrial { index, block, ref variant, kind }, result } => {
            Line::TrialFinished { at, index, block, variant, kind: kind_name(kind), result }
        }
        Happening::TrialFailed { trial: &PlannedTrial { index, block, ref variant, kind }, reason } => {
            Line::TrialFailed { at, index, block, variant, kind: kind_name(kind), reason }
        }
        Happening::TrialLeftOut { trial: &PlannedTrial { index, block, ref variant, kind }, reason } => {
            Line::TrialLeftOut { at, index, block, variant, kind: kind_name(kind), reason }
        }
        Happening::Warning(message) => Line::Warning { at, message },
        Happening::Finished(status) => Line::RunFinished { at, status },
    };
    written(&line)
}

/// The last line: the whole result.
pub fn result(summary: &RunSummary, at: &str) -> String {
    written(&Line::Result { at, summary })
}

fn written(line: &Line<'_>) -> String {
    // Every key is text, and numbers that JSON cannot hold become null.
    serde_json::to_string(line).unwrap_or_default()
}

fn kind_name(kind: TrialKind) -> &'static str {
    match kind {
        TrialKind::Measure => "measure",
        TrialKind::Evidence(kind) => kind.name(),
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::WarmUp => "warm_up",
        Phase::Saturated => "saturated",
        Phase::Open => "open",
        Phase::Ladder => "ladder",
        Phase::Stopping => "stopping",
    }
}

#[cfg(test)]
mod tests {
    use reports::run::EvidenceKind;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_event_is_a_line_that_the_schema_knows() {
        let trial = PlannedTrial { index: 7, block: Some(4), variant: "a\nb".into(), kind: TrialKind::Measure };
        let evidence = PlannedTrial { block: None, kind: TrialKind::Evidence(EvidenceKind::Cpu), ..trial.clone() };
        let effective = Settings::from([("allocator.kind".to_owned(), "jemalloc".to_owned())]);
        let lines: Vec<String> = [
            Happening::Started { left: 20, total: 26 },
            Happening::Preflight { variant: "a", effective: &effective },
            Happening::TrialStarted(&trial),
            Happening::Phase(&trial, Phase::WarmUp),
            Happening::TrialFinished { trial: &trial, result: "capacity 1" },
            Happening::TrialFailed { trial: &evidence, reason: "it crashed" },
            Happening::TrialLeftOut { trial: &evidence, reason: "it has no tokio in it" },
            Happening::Warning("careful"),
            Happening::Finished(Status::Complete),
        ]
        .iter()
        .map(|happening| line(happening, "20260102-030405-shop-aaaa", "2026-01-02T03:04:05Z"))
        .collect();
        insta::assert_snapshot!(lines.join("\n"));
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let kinds = schema["oneOf"].as_array().unwrap();
        for line in &lines {
            let line: Value = serde_json::from_str(line).unwrap();
            let of_this = |kind: &&Value| kind["properties"]["event"]["const"] == line["event"];
            let kind = kinds.iter().find(of_this).unwrap_or_else(|| panic!("{line} is not in the schema"));
            for required in kind["required"].as_array().unwrap() {
                assert!(line.get(required.as_str().unwrap()).is_some(), "{required} of {line}");
            }
        }
    }
}
