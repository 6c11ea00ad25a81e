//! What is said about one candidate against the base.

use super::words::{Speaker, importance, list, quoted, value};
use crate::compare::ratio::{interval, percent, ratio};
use crate::metric::{self, Better};
use crate::run::{Comparison, VariantSummary, Verdict};

/// Changes told with their values; what is left is counted.
const IN_FULL: Told = Told { lead: 3, price: 2, values: true };
/// The same where several candidates share the page.
const IN_BRIEF: Told = Told { lead: 2, price: 1, values: false };

/// How much is told.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// Changes in the direction of the most important one.
    lead: usize,
    /// Changes in the other direction.
    price: usize,
    /// Whether values stand beside ratios.
    values: bool,
}

/// One candidate with its comparisons, sorted by what a scenario asks about.
pub(super) struct Candidate<'a> {
    base: &'a VariantSummary,
    variant: &'a VariantSummary,
    /// Improved or regressed.
    changed: Vec<&'a Comparison>,
    /// Tested, and nothing shown.
    open: Vec<&'a Comparison>,
    same: Vec<&'a Comparison>,
    /// Not tested, or without a better direction.
    untold: Vec<&'a Comparison>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(base: &'a VariantSummary, variant: &'a VariantSummary, all: &'a [Comparison]) -> Self {
        let mut mine: Vec<&Comparison> = all.iter().filter(|one| one.candidate == variant.name).collect();
        mine.sort_by_key(|one| (importance(&one.metric), &one.metric));
        let mut found = Self { base, variant, changed: vec![], open: vec![], same: vec![], untold: vec![] };
        for one in mine {
            match one.verdict {
                Verdict::Improved | Verdict::Regressed => found.changed.push(one),
                Verdict::Same => found.same.push(one),
                Verdict::CannotTell if one.ratio.is_some() && has_direction(&one.metric) => found.open.push(one),
                Verdict::CannotTell | Verdict::NotComparable => found.untold.push(one),
            }
        }
        found
    }

    /// Everything, for a run of two variants.
    pub(super) fn in_full(&self) -> String {
        let mut speaker = Speaker::default();
        let mut clauses = Vec::new();
        if !self.changed.is_empty() {
            clauses.push(format!("{} {}", quoted(&self.variant.name), self.changes(IN_FULL, &mut speaker)));
        }
        if !self.open.is_empty() {
            let why = tail(&self.open);
            clauses.push(format!("no difference shown in {}{why}", names(&self.open, &mut speaker)));
        }
        if !self.same.is_empty() {
            let each = self.same.iter().map(|one| {
                let margin = one.margin.map(|margin| format!(" (±{})", percent(margin))).unwrap_or_default();
                format!("{}{margin}", speaker.name(&one.metric, &one.operations))
            });
            clauses.push(format!("the same: {}", list(&each.collect::<Vec<_>>())));
        }
        if !self.untold.is_empty() {
            let why = only_reason(&self.untold).unwrap_or("see the table");
            clauses.push(format!("no verdict on {} ({why})", names(&self.untold, &mut speaker)));
        }
        let text = clauses.join("; ");
        if self.changed.is_empty() {
            format!("{} against {}: {text}", quoted(&self.variant.name), quoted(&self.base.name))
        } else {
            text
        }
    }

    /// `lowers p99 latency from 21 ms to 3.1 ms (0.15× [0.11, 0.20]), but raises …`: the most important change and those
    /// in its direction, then the price.
    fn changes(&self, told: Told, speaker: &mut Speaker) -> String {
        let lead = self.changed.first().map(|one| one.verdict);
        let (same_way, other_way): (Vec<&Comparison>, Vec<&Comparison>) =
            self.changed.iter().partition(|one| Some(one.verdict) == lead);
        let mut text = self.effects(&same_way[..same_way.len().min(told.lead)], told, speaker);
        let price = &other_way[..other_way.len().min(told.price)];
        if !price.is_empty() {
            text.push_str(&format!(", but {}", self.effects(price, told, speaker)));
        }
        let more = same_way.len().saturating_sub(told.lead) + other_way.len().saturating_sub(told.price);
        if more > 0 {
            text.push_str(&format!(", and changes {more} more"));
        }
        text
    }

    fn effects(&self, changes: &[&Comparison], told: Told, speaker: &mut Speaker) -> String {
        let mut verb = "";
        let effects = changes.iter().map(|one| {
            let now = one.ratio.unwrap_or(1.0);
            let next = if now < 1.0 { "lowers" } else { "raises" };
            let said = if next == verb { String::new() } else { format!("{next} ") };
            verb = next;
            let values = self.values(one, now).filter(|_| told.values).unwrap_or_default();
            let range = one.low.zip(one.high).map(|(low, high)| format!(" {}", interval(low, high)));
            let worse = if one.verdict == Verdict::Regressed { ", worse" } else { "" };
            let name = speaker.name(&one.metric, &one.operations);
            format!("{said}{name}{values} ({}{}{worse})", ratio(now), range.unwrap_or_default())
        });
        list(&effects.collect::<Vec<_>>())
    }

    /// ` from 21 ms to 3.1 ms`, unless the two say otherwise than the paired ratio: they come from all trials, it does not.
    fn values(&self, one: &Comparison, ratio: f64) -> Option<String> {
        let number = |variant: &VariantSummary| variant.metrics.get(&one.metric).map(|metric| metric.value);
        let (before, after) = (number(self.base)?, number(self.variant)?);
        let agree = (after - before) * (ratio - 1.0) > 0.0;
        let (before, after) = (value(self.base, &one.metric)?, value(self.variant, &one.metric)?);
        (agree && before != after).then(|| format!(" from {before} to {after}"))
    }
}

/// A short sentence for each candidate that differs, one for all that do not, one for what could not be tested.
pub(super) fn in_brief(base: &str, all: &[Candidate<'_>]) -> Vec<String> {
    let mut sentences = Vec::new();
    for one in all.iter().filter(|one| !one.changed.is_empty()) {
        let changes = one.changes(IN_BRIEF, &mut Speaker::default());
        sentences.push(format!("{} {changes}", quoted(&one.variant.name)));
    }
    let quiet: Vec<&Candidate<'_>> =
        all.iter().filter(|one| one.changed.is_empty() && !(one.open.is_empty() && one.same.is_empty())).collect();
    if !quiet.is_empty() {
        let tested: Vec<&Comparison> = quiet.iter().flat_map(|one| one.open.iter().chain(&one.same)).copied().collect();
        let why = tail(&tested);
        let whom = if quiet.len() == all.len() { "any other variant".to_owned() } else { variants(&quiet) };
        sentences.push(format!("no difference shown for {whom}{why}"));
    }
    if let Some(first) = sentences.first_mut() {
        *first = format!("Against {}, {first}", quoted(base));
    }
    let silent: Vec<&Candidate<'_>> = all.iter().filter(|one| !one.untold.is_empty()).collect();
    let mut untold: Vec<&Comparison> = silent.iter().flat_map(|one| &one.untold).copied().collect();
    if !untold.is_empty() {
        let why = only_reason(&untold).unwrap_or("see the table");
        let of = if silent.len() == all.len() { String::new() } else { format!(" of {}", variants(&silent)) };
        let text = format!(" ({why})");
        untold.sort_by_key(|one| (importance(&one.metric), &one.metric));
        untold.dedup_by_key(|one| &one.metric);
        // With variants named, `p99 latency of orders of x` would be one name too many.
        let metrics: Vec<String> = untold.iter().map(|one| metric::words(&one.metric)).collect();
        sentences.push(format!("No verdict on {}{of}{text}", list(&metrics)));
    }
    for later in sentences.iter_mut().skip(1) {
        if let Some(rest) = later.strip_prefix("no ") {
            *later = format!("No {rest}");
        }
    }
    sentences
}

fn variants(candidates: &[&Candidate<'_>]) -> String {
    list(&candidates.iter().map(|one| quoted(&one.variant.name)).collect::<Vec<_>>())
}

fn names(comparisons: &[&Comparison], speaker: &mut Speaker) -> String {
    list(&comparisons.iter().map(|one| speaker.name(&one.metric, &one.operations)).collect::<Vec<_>>())
}

/// The reason that all of them share, if they do.
fn only_reason<'a>(comparisons: &[&'a Comparison]) -> Option<&'a str> {
    let first = comparisons.first()?.why.as_deref()?;
    comparisons.iter().all(|one| one.why.as_deref() == Some(first)).then_some(first)
}

/// What stands behind tests that showed nothing: a reason that all share, or where to look where each has its own.
fn tail(comparisons: &[&Comparison]) -> String {
    match only_reason(comparisons) {
        Some(why) => format!(" ({why})"),
        None if comparisons.iter().all(|one| one.why.is_some()) => " (see the table)".to_owned(),
        None => String::new(),
    }
}

/// Metrics without a better direction may differ and still have no verdict.
fn has_direction(metric: &str) -> bool {
    metric::lookup(metric).is_none_or(|metric| metric.better != Better::Neither)
}
