//! Variants with their colours and their trials.

use crate::render::{Page, chart, text};
use crate::run::{TrialKind, TrialOutcome, TrialRecord};

/// Variants in the order of the summary.
pub(super) struct Variants<'a> {
    pub(super) all: Vec<Variant<'a>>,
}

/// One variant.
pub(super) struct Variant<'a> {
    /// Name as recorded: for look-ups only.
    pub(super) raw: &'a str,
    /// Name to show.
    pub(super) name: String,
    /// Position, which gives the colour.
    pub(super) index: usize,
    /// Measured trials that ended well, in the order they ran.
    pub(super) measured: Vec<&'a TrialRecord>,
}

impl<'a> Variants<'a> {
    pub(super) fn new(page: &Page<'a>) -> Self {
        let all = page.summary.variants.iter().enumerate().map(|(index, variant)| {
            let mut measured: Vec<_> = page
                .trials
                .iter()
                .filter(|trial| trial.variant == variant.name && trial.kind == TrialKind::Measure)
                .filter(|trial| trial.outcome == TrialOutcome::Ok)
                .collect();
            measured.sort_by_key(|trial| trial.index);
            Variant { raw: &variant.name, name: text::name(&variant.name), index, measured }
        });
        Self { all: all.collect() }
    }
}

impl Variant<'_> {
    /// What ids of its articles end in: unlike colours, no two variants share one.
    pub(super) fn key(&self) -> String {
        format!("s{}", self.index)
    }

    /// CSS class of its colour.
    pub(super) fn class(&self) -> String {
        chart::class(self.index)
    }
}
