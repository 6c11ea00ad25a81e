//! Puts what a name may hold into every text of a run.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::render::fixture::Fixture;
use crate::run::{Culprit, Finding, HeapPeak, RuledOut, TrialOutcome, Undecided, Unused};

/// What a name may hold.
pub(super) fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "]]>",
        "-->",
        "</title></style></script></svg></table>",
        "\u{1b}[31mred\u{1b}]8;;http://evil.example\u{7}",
        "\u{9b}2J\u{0}\u{7f}\u{8}",
        "\u{202e}txt.exe\u{2066}",
        "zero\u{200b}width\u{feff}",
        "a|b\\|c",
        "`code` ``more`` \\`",
        "</iframe><script>alert(1)</script>",
        "line\nbreak\r\n# heading\n\n| a | b |\n|---|",
        "{{ summary }} {% raw %} &lt; &#60;",
        "[link](javascript:alert(1)) @someone #1 https://evil.example www.evil.example",
        "&quot; &#34;&gt;",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(10_000));
    texts.push("<b>".repeat(4_000));
    texts
}

/// Words that stand for variants of an enum, and the kind that decides where a profile is shown.
const KEPT: &[&str] = &[
    "complete",
    "interrupted",
    "failed",
    "measure",
    "evidence",
    "ok",
    "subject_failed",
    "evidence_missing",
    "improved",
    "regressed",
    "same",
    "cannot_tell",
    "unsure",
    "grew",
    "shrank",
    "not_comparable",
    "cpu",
];

/// Maps whose keys are data.
const FREE_KEYS: &[&str] = &["metrics", "knobs", "requested", "effective", "noise"];

/// Puts `evil` before every text of a document, keys of free maps included.
pub(super) fn poison<T: Serialize + DeserializeOwned>(document: &T, evil: &str) -> T {
    let mut value = serde_json::to_value(document).expect("documents serialise");
    walk(&mut value, evil);
    serde_json::from_value(value).expect("poisoned documents keep their shape")
}

fn walk(value: &mut Value, evil: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&text.as_str()) => *text = format!("{evil}{text}"),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, evil)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                walk(field, evil);
                if let (true, Value::Object(inner)) = (FREE_KEYS.contains(&name.as_str()), field) {
                    let copies: Vec<_> =
                        inner.iter().map(|(key, item)| (format!("{evil}{key}"), item.clone())).collect();
                    inner.extend(copies);
                }
            }
        }
        _ => {}
    }
}

pub(super) fn poisoned(evil: &str) -> Fixture {
    let clean = Fixture::three_variants().with_samples().with_movers();
    let mut fixture = clean.clone();
    fixture.summary.warnings.push("warning".into());
    fixture.summary.findings.push(Finding {
        variant: "sync".into(),
        rule: "poll-blocked".into(),
        rank: 1,
        title: "title".into(),
        share: 0.5,
        culprit: Some(Culprit { function: "function".into(), file: "file".into(), line: 1 }),
        path: [("function", 1), ("caller", 2)]
            .map(|(function, line)| Culprit { function: function.into(), file: "file".into(), line })
            .into(),
        evidence: vec!["evidence line".into()],
        refuted_by: "refuted".into(),
        next: "next".into(),
        proof: "cpu".into(),
    });
    fixture.summary.undecided.push(Undecided {
        variant: "sync".into(),
        rules: vec!["rare-stall".into()],
        sentence: "sentence".into(),
        experiment: "experiment".into(),
    });
    fixture.summary.ruled_out.push(RuledOut {
        variant: "sync".into(),
        rule: "throttled".into(),
        because: "because".into(),
    });
    fixture.summary.unused.push(Unused {
        variant: "sync".into(),
        evidence: "wait".into(),
        because: "because".into(),
        rules: vec!["throttled".into()],
    });
    let mut heap = fixture.summary.profiles[0].clone();
    heap.kind = "heap".into();
    let path = || "heap-peak.pb.gz".to_owned();
    heap.peak = Some(HeapPeak { path: path(), svg: path(), at_s: 1.0, live_bytes: 1, coverage: 1.0 });
    fixture.summary.profiles.push(heap);
    fixture.summary.profiles[1].missing = Some("because".into());
    fixture.trials[0].outcome = TrialOutcome::SubjectFailed { reason: "reason".into(), stderr: "one\ntwo".into() };
    fixture.trials[1].outcome = TrialOutcome::EvidenceMissing { because: "because".into() };
    fixture.trials[2].driver.limited = Some("limited".into());
    fixture.trials[3].exit.signal = Some("SIGSEGV".into());
    fixture.summary = poison(&fixture.summary, evil);
    fixture.plan = fixture.plan.map(|plan| poison(&plan, evil));
    fixture.trials = fixture.trials.iter().map(|trial| poison(trial, evil)).collect();
    fixture.curves = clean.curves.into_iter().map(|(name, curve)| (format!("{evil}{name}"), curve)).collect();
    let named = |name: String| format!("{evil}{name}");
    fixture.differences = clean.differences.into_iter().map(|(name, svg)| (named(name), svg)).collect();
    fixture.samples = clean.samples.into_iter().map(|(name, all)| (named(name), poison(&all, evil))).collect();
    fixture.breaches = clean
        .breaches
        .into_iter()
        .map(|(name, seen)| {
            let record = poison(&seen.record, evil);
            (named(name), crate::run::BreachEvidence { record, ..seen })
        })
        .collect();
    fixture.flamegraphs = clean
        .flamegraphs
        .into_iter()
        .map(|(name, svg)| {
            (format!("{evil}{name}"), svg.replace("orders::append", &format!("{evil}\"></iframe><script>")))
        })
        .collect();
    fixture
}
