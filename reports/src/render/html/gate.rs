//! What a gate decided: its limits, each with its interval and what it allows.

use super::charts::Picture;
use super::prose::prose;
use crate::limits::LimitVerdict;
use crate::render::chart::forest::{self, Row};
use crate::render::terminal::gate as words;
use crate::render::{number, text};
use crate::run::{GateOutcome, LimitOutcome, RunSummary, Stopped};

/// The section.
pub(super) struct Section {
    pub(super) how: String,
    pub(super) rows: Vec<Line>,
    pub(super) pictures: Vec<Picture>,
    /// What the pictures show, beside each.
    pub(super) captions: Vec<&'static str>,
    pub(super) base: String,
    pub(super) candidate: String,
}

/// A limit in the table.
pub(super) struct Line {
    pub(super) limit: String,
    pub(super) place: String,
    pub(super) class: &'static str,
    pub(super) verdict: &'static str,
    pub(super) found: String,
    pub(super) base: String,
    pub(super) new: String,
    /// HTML.
    pub(super) sentence: String,
}

impl Section {
    /// `None` where nothing was gated.
    pub(super) fn new(summary: &RunSummary) -> Option<Self> {
        let gate = summary.gate.as_ref()?;
        let relative: Vec<Row> = gate.limits.iter().filter(|limit| limit.relative).filter_map(row).collect();
        let absolute: Vec<Row> = gate.limits.iter().filter(|limit| !limit.relative).filter_map(row).collect();
        let drawn = [
            (relative, "new ÷ base; 1 = no change", "Candidate ÷ base, from trials side by side."),
            (absolute, "value ÷ limit; 1 = the limit", "The candidate's own value ÷ what is allowed."),
        ];
        let (mut pictures, mut captions) = (Vec::new(), Vec::new());
        for (rows, one, caption) in drawn {
            if let Some(picture) = Picture::new(|width| forest::svg(&rows, one, width)) {
                pictures.push(picture);
                captions.push(caption);
            }
        }
        Some(Self {
            how: how(gate),
            rows: gate.limits.iter().map(line).collect(),
            pictures,
            captions,
            base: side(&gate.base),
            candidate: side(&gate.candidate),
        })
    }
}

fn side(side: &crate::run::GateSide) -> String {
    let program =
        if side.binary.is_empty() { String::new() } else { format!(" (program {})", text::name(&side.binary)) };
    format!("{}{program}", text::sentence(&side.from))
}

fn how(gate: &GateOutcome) -> String {
    let looks = gate.looks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let ended = match gate.stopped {
        Stopped::Early => "and ended as soon as the limits were decided",
        Stopped::AllPairs => "and took all of them",
        Stopped::OutOfTime => "and ended when its time was up",
        Stopped::CutShort => "and was cut short",
    };
    format!(
        "Base and candidate ran in {} pairs side by side, in random order, a new process each. The gate looks after {looks} \
         pairs {ended}. Bars are 95 % intervals, adjusted for the looks; the shaded part is what a limit allows. A limit is \
         broken where a change is shown (chance of a false alarm {} over all limits and looks) and its estimate lies outside; \
         it is kept where the whole bar lies inside; anything else is \u{201c}cannot tell\u{201d}.",
        gate.pairs,
        percent(gate.alpha),
    )
}

fn percent(share: f64) -> String {
    format!("{} %", number::count(share * 100.0))
}

fn line(limit: &LimitOutcome) -> Line {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| words::plain(value, &limit.unit));
    let place = limit.source.as_ref().map(|source| format!("{}:{}", text::name(&source.file), source.line));
    Line {
        limit: text::name(&limit.limit),
        place: place.unwrap_or_default(),
        class: class(limit.verdict),
        verdict: words::verdict(limit.verdict),
        found: words::found(limit),
        base: value(limit.base_value),
        new: value(limit.candidate_value),
        sentence: prose(&limit.sentence),
    }
}

/// An interval against its limit, on a scale of ratios.
fn row(limit: &LimitOutcome) -> Option<Row> {
    let (estimate, low, high) = (limit.estimate?, limit.low?, limit.high?);
    let by = if limit.relative { 1.0 } else { limit.bound };
    if by <= 0.0 || !high.is_finite() {
        return None;
    }
    let bound = limit.bound / by;
    Some(Row {
        label: text::name(&limit.limit),
        interval: [low, estimate, high].map(|end| (end / by).max(1e-6)),
        band: Some(if limit.upper { (0.0, bound) } else { (bound, f64::INFINITY) }),
        class: class(limit.verdict),
        value: words::found(limit),
    })
}

/// CSS class of a verdict.
pub(super) fn class(verdict: LimitVerdict) -> &'static str {
    match verdict {
        LimitVerdict::Held => "improved",
        LimitVerdict::Broken => "regressed",
        LimitVerdict::CannotTell => "unknown",
        LimitVerdict::NotComparable => "void",
    }
}
