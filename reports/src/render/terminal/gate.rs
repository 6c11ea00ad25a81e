//! What `gate` and `baseline list` print.

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::baseline::Baseline;
use crate::limits::words::{self, pairs};
use crate::metric::{self, format_value};
use crate::render::slo::sentences;
use crate::render::text;
use crate::run::{GateOutcome, GateSide, GateVerdict, LimitOutcome, LimitVerdict, RunSummary};

/// The verdict of a gate: one sentence, a line for each limit, who was measured, where the rest is. `width` in columns.
pub fn gate(summary: &RunSummary, outcome: &GateOutcome, color: bool, width: usize) -> String {
    let (ink, width) = (Ink { color }, width.max(40));
    let mut out = ink.paint(Look::Bold, &text::name(&summary.scenario));
    out.push_str("\n\n");
    out.push_str(&hanging(of(outcome.verdict), &text::sentence(&outcome.sentence), 0, width, ink));
    out.push('\n');
    let head = ["limit", "verdict", "found [95 %]", "base", "new", "from"].map(|head| Piece::new(head, Look::Dim));
    let mut rows = vec![head.to_vec()];
    rows.extend(outcome.limits.iter().map(row));
    let aligns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Left];
    out.push_str(&grid(&rows, &aligns, 0, width, ink));
    for limit in outcome.limits.iter().filter(|limit| limit.why.is_some()) {
        let why = limit.why.as_deref().unwrap_or_default();
        out.push_str(&hanging(
            Look::Dim,
            &format!("{}: {}", text::name(&limit.limit), text::sentence(why)),
            2,
            width,
            ink,
        ));
    }
    out.push('\n');
    for said in sentences(summary) {
        out.push_str(&format!("{}\n", paragraph(&said, 2, width)));
    }
    if summary.slo.is_some() || summary.budget.is_some() {
        out.push('\n');
    }
    for warning in &summary.warnings {
        out.push_str(&ink.paint(Look::Warn, "warning"));
        out.push_str(&format!(": {}\n", paragraph(&text::sentence(warning), 9, width)));
    }
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("base    {}\n", side(&outcome.base)));
    out.push_str(&format!("new     {}\n", side(&outcome.candidate)));
    out.push_str(&format!("run     {}\n", text::name(&summary.run)));
    if !summary.path.is_empty() {
        out.push_str(&format!("report  {}/report.html\n", text::sentence(summary.path.trim_end_matches('/'))));
    }
    out
}

fn row(limit: &LimitOutcome) -> Vec<Piece> {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| plain(value, &limit.unit));
    vec![
        Piece::plain(text::name(&limit.limit)),
        Piece::new(verdict(limit.verdict), of_limit(limit.verdict)),
        Piece::new(found(limit), of_limit(limit.verdict)),
        Piece::plain(value(limit.base_value)),
        Piece::plain(value(limit.candidate_value)),
        Piece::new(from(limit), Look::Dim),
    ]
}

/// `+5.2 % [+3.9 %, +6.5 %]`.
pub(crate) fn found(limit: &LimitOutcome) -> String {
    let spoken = |value: f64| words::spoken(limit.relative, value, &limit.unit);
    match (limit.estimate, limit.low, limit.high) {
        (Some(estimate), Some(low), Some(high)) => {
            format!("{} [{}, {}]", spoken(estimate), spoken(low), spoken(high))
        }
        (Some(estimate), ..) => spoken(estimate),
        _ => "–".to_owned(),
    }
}

/// `12 pairs`, with where the limit is written.
fn from(limit: &LimitOutcome) -> String {
    let from = pairs(limit);
    match &limit.source {
        Some(source) => format!("{from}; {}:{}", text::name(&source.file), source.line),
        None => from,
    }
}

/// A value of a trial, shares in percent.
pub(crate) fn plain(value: f64, unit: &str) -> String {
    if unit == "1" { words::spoken(false, value, unit) } else { format_value(value, unit) }
}

/// The word for what became of a limit.
pub(crate) fn verdict(verdict: LimitVerdict) -> &'static str {
    match verdict {
        LimitVerdict::Held => "kept",
        LimitVerdict::Broken => "BROKEN",
        LimitVerdict::CannotTell => "cannot tell",
        LimitVerdict::NotComparable => "no verdict",
    }
}

fn of_limit(verdict: LimitVerdict) -> Look {
    match verdict {
        LimitVerdict::Held => Look::Good,
        LimitVerdict::Broken => Look::Bad,
        LimitVerdict::CannotTell => Look::Warn,
        LimitVerdict::NotComparable => Look::Dim,
    }
}

fn of(verdict: GateVerdict) -> Look {
    match verdict {
        GateVerdict::Passed => Look::Good,
        GateVerdict::Broken => Look::Bad,
        GateVerdict::CannotTell => Look::Warn,
        GateVerdict::NotComparable | GateVerdict::SubjectFailed => Look::Bold,
    }
}

fn side(side: &GateSide) -> String {
    let program =
        if side.binary.is_empty() { String::new() } else { format!(", program {}", text::name(&side.binary)) };
    format!("{}{program}", text::sentence(&side.from))
}

/// One line of `baseline list`.
#[derive(Debug, Clone)]
pub struct BaselineLine<'a> {
    /// Name.
    pub name: &'a str,
    /// What it says, or what is wrong with it.
    pub told: Result<&'a Baseline, String>,
}

/// Baselines, in the order given; `width` in columns.
pub fn baselines(lines: &[BaselineLine<'_>], color: bool, width: usize) -> String {
    if lines.is_empty() {
        return "No baselines yet: `workbench run … --save-as NAME` keeps one.\n".into();
    }
    let ink = Ink { color };
    let heads = ["baseline", "scenario", "saved", "commit", "build", "program", "p99 latency", "CPU per op"];
    let mut rows = vec![heads.map(|head| Piece::new(head, Look::Dim)).to_vec()];
    for line in lines {
        let name = Piece::plain(text::name(line.name));
        let Ok(baseline) = &line.told else {
            rows.push(vec![name, Piece::new("cannot be read", Look::Bad)]);
            continue;
        };
        let value = |metric: &str| {
            let found = baseline.variants.first().and_then(|variant| variant.metrics.get(metric));
            Piece::plain(found.map_or_else(|| "–".to_owned(), |value| plain(value.value, &value.unit)))
        };
        let bytes: u64 = baseline.programs.first().map_or(0, |program| program.bytes);
        #[allow(clippy::cast_precision_loss, reason = "a size to be read")]
        let size = format_value(bytes as f64, "B");
        let commit = if baseline.protocol.is_some() { baseline.build.commit.as_str() } else { "–" };
        rows.push(vec![
            name,
            Piece::plain(format!("{} v{}", text::name(&baseline.scenario), baseline.scenario_version)),
            Piece::plain(text::name(baseline.saved_at.get(..16).unwrap_or(&baseline.saved_at))),
            Piece::plain(text::name(commit)),
            Piece::plain(text::name(&baseline.build.profile)),
            Piece::plain(size),
            value("latency.p99"),
            value("cpu_per_op"),
        ]);
    }
    debug_assert_eq!(metric::words("cpu_per_op"), "CPU per op");
    grid(&rows, &[Align::Left; 8], 0, width, ink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture;
    use crate::run::{LimitSource, OnCannotTell, Stopped};

    fn limit(text: &str, verdict: LimitVerdict) -> LimitOutcome {
        LimitOutcome {
            limit: text.into(),
            metric: "cpu_per_op".into(),
            candidate: "new".into(),
            source: Some(LimitSource { file: "shop\u{1b}.toml".into(), line: 7, column: 1 }),
            verdict,
            relative: true,
            bound: 1.03,
            upper: true,
            unit: "s/op".into(),
            estimate: Some(1.052),
            low: Some(1.03),
            high: Some(1.07),
            level: 0.95,
            base_value: Some(2e-5),
            candidate_value: Some(2.1e-5),
            pairs: 12,
            counted: false,
            pairs_needed: None,
            why: (verdict == LimitVerdict::CannotTell).then(|| "too few".to_owned()),
            sentence: "CPU per op +5.2 %".into(),
        }
    }

    fn outcome() -> GateOutcome {
        let side =
            |from: &str| GateSide { from: from.into(), binary: "0123456789abcdef".into(), ..GateSide::default() };
        GateOutcome {
            verdict: GateVerdict::Broken,
            exit: 10,
            sentence: "Failed, decided after 12 pairs: 1 of 3 limits is broken.".into(),
            base: side("baseline main (commit c0ffee)"),
            candidate: side("this build"),
            on_cannot_tell: OnCannotTell::Fail,
            alpha: 0.01,
            looks: vec![12, 16, 24, 32],
            pairs: 12,
            stopped: Stopped::Early,
            limits: vec![
                limit("cpu_per_op<+3%", LimitVerdict::Broken),
                LimitOutcome { source: None, ..limit("cpu_per_op<+9%", LimitVerdict::Held) },
                LimitOutcome { estimate: None, ..limit("cpu_per_op<+4%", LimitVerdict::CannotTell) },
            ],
        }
    }

    #[test]
    fn a_gate_and_its_limits() {
        let mut summary = fixture::run("20260101-000000-http-service-abcd", Vec::new());
        summary.warnings.push("the gate ended early".into());
        let text = gate(&summary, &outcome(), false, 110);
        for line in [
            "Failed, decided after 12 pairs: 1 of 3 limits is broken.",
            "cpu_per_op<+3%  BROKEN",
            "+5.2 % [+3 %, +7 %]",
            "12 pairs; shop\\u{1b}.toml:7",
            "cpu_per_op<+4%: too few",
            "warning: the gate ended early",
            "base    baseline main (commit c0ffee), program 0123456789abcdef",
            "run     20260101-000000-http-service-abcd",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
