//! What a rule answers.

use super::Culprit;
use crate::run::{TraceFrame, TraceSite};

/// A cause before it has a rank.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Cause {
    /// Slug.
    pub(super) rule: &'static str,
    pub(super) title: String,
    /// Part of the excess latency that it explains, 0 to 1.
    pub(super) share: f64,
    pub(super) culprit: Option<Culprit>,
    pub(super) evidence: Vec<String>,
    pub(super) refuted_by: String,
    pub(super) next: String,
    pub(super) proof: &'static str,
    /// Of causes at one place, the one that lies deeper stands for all.
    pub(super) depth: u8,
    /// It stands before all causes without, whatever their share: what they say follows from it.
    pub(super) foremost: bool,
}

/// What a rule says of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// These.
    Found(Vec<Cause>),
    /// The mechanism is not there: what was seen instead.
    RuledOut(String),
    /// It cannot be told without this evidence.
    Blind(&'static str),
    /// It cannot be told with what there is of this evidence, and why.
    Unfit { evidence: &'static str, because: String },
    /// What was seen has two meanings, and the command tells them apart; `place` is where, if it is one.
    Open { place: Option<Culprit>, sentence: String, experiment: String },
}

impl Answer {
    /// Causes, or that there are none.
    pub(super) fn of(causes: Vec<Cause>, otherwise: impl FnOnce() -> String) -> Self {
        if causes.is_empty() { Self::RuledOut(otherwise()) } else { Self::Found(causes) }
    }
}

/// A frame as a culprit.
pub(super) fn at(frame: &TraceFrame) -> Culprit {
    Culprit { function: frame.function.clone(), file: frame.file.clone(), line: frame.line }
}

/// The innermost function of the program in a site.
pub(super) fn innermost(site: &TraceSite) -> Option<Culprit> {
    let own = site.own.first().map(at);
    own.or_else(|| {
        (!site.function.is_empty()).then(|| Culprit {
            function: site.function.clone(),
            file: site.file.clone(),
            line: site.line,
        })
    })
}

/// A time for a sentence: `13.6 ms`.
pub(super) fn time(seconds: f64) -> String {
    crate::render::seconds(seconds)
}

/// A part for a sentence: `37 %`.
pub(super) fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.005 { "less than 1 %".to_owned() } else { format!("{:.0} %", 100.0 * part) }
}
