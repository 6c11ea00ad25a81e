//! Findings as people read them, wherever that is.

use super::{number, text, words};
use crate::findings::{Culprit, Finding, RuledOut, Undecided, Unused};
use crate::run::RunSummary;

/// What is said of how to read them.
pub(super) const HOW: &str = "Each names a mechanism, the part of the excess latency it explains, where it sits, what \
                              would be seen if it were wrong, and what to run next.";
/// Said where there is none.
const NONE: &str = "Nothing found.";

/// A finding, every text visible.
pub(crate) struct Shown {
    pub(crate) rank: u32,
    pub(crate) title: String,
    pub(crate) variant: String,
    pub(crate) rule: String,
    /// How much it is: a part of the excess latency, or of what else it is about.
    pub(crate) share: String,
    /// `function (file:line)`; may be empty.
    pub(crate) place: String,
    /// `called (file:line) ← culprit (file:line) ← caller (file:line)`; empty where the culprit stands alone.
    pub(crate) path: String,
    pub(crate) evidence: Vec<String>,
    pub(crate) refuted_by: String,
    pub(crate) next: String,
    /// Kind of evidence that proves it.
    pub(crate) proof: String,
    /// Name of the section of the report that holds such evidence; empty where there is none.
    pub(crate) section: &'static str,
}

/// All findings of a run, variant by variant, the most important first.
pub(crate) fn shown(summary: &RunSummary) -> Vec<Shown> {
    let mut all: Vec<&Finding> = summary.findings.iter().collect();
    let position = |finding: &Finding| summary.variants.iter().position(|one| one.name == finding.variant);
    all.sort_by_key(|finding| (finding.rank, position(finding)));
    all.into_iter().map(one).collect()
}

fn one(finding: &Finding) -> Shown {
    Shown {
        rank: finding.rank,
        title: text::sentence(&finding.title),
        variant: text::name(&finding.variant),
        rule: text::name(&finding.rule),
        share: weight(finding),
        place: finding.culprit.as_ref().map(|culprit| text::sentence(&culprit.sentence())).unwrap_or_default(),
        path: path(finding),
        evidence: finding.evidence.iter().map(|line| text::sentence(line)).collect(),
        refuted_by: text::sentence(&finding.refuted_by),
        next: text::sentence(&finding.next),
        proof: finding.proof.clone(),
        section: section(&finding.proof),
    }
}

/// What a finding weighs, by its mechanism: growth, and what is never answered, are no part of any latency.
fn weight(finding: &Finding) -> String {
    let part = number::percent(finding.share);
    match finding.rule.as_str() {
        "unbounded-growth" | "task-growth" | "never-answered" | "wrong-build" => "whatever the latency".to_owned(),
        "allocator-churn" => format!("{part} of the CPU"),
        _ => format!("explains {part} of the excess latency"),
    }
}

/// Functions of a path that are shown: beside the culprit so many that it called, and that called it.
const CALLED: usize = 2;
const CALLERS: usize = 4;

/// The functions around a culprit; those beyond the nearest are counted.
fn path(finding: &Finding) -> String {
    let is_culprit = |one: &Culprit| finding.culprit.as_ref() == Some(one);
    let is_named = |one: &Culprit| finding.culprit.as_ref().is_some_and(|culprit| culprit.function == one.function);
    let path = &finding.path;
    if path.len() < 2 {
        return String::new();
    }
    let at = path.iter().position(is_culprit).or_else(|| path.iter().position(is_named)).unwrap_or(0);
    let (first, last) = (at.saturating_sub(CALLED), (at + CALLERS + 1).min(path.len()));
    let more = |count: usize| (count > 0).then(|| format!("{count} more"));
    let names = path[first..last].iter().map(Culprit::sentence);
    let all: Vec<String> = more(first).into_iter().chain(names).chain(more(path.len() - last)).collect();
    text::sentence(&all.join(" ← "))
}

/// Name of the section of the report that holds a kind of evidence.
fn section(proof: &str) -> &'static str {
    match proof {
        "cpu" => "CPU",
        "wait" => "Threads",
        "trace" => "Tasks from outside",
        "tasks" => "Stalls",
        "latency" => "Result",
        "levels" => "Concurrency",
        "breach" => "When late",
        _ => "",
    }
}

/// That nothing was found, and how much could be looked at; `None` where something was, or nothing was looked for.
pub(crate) fn nothing(summary: &RunSummary) -> Option<String> {
    if !summary.findings.is_empty() || (summary.ruled_out.is_empty() && summary.unused.is_empty()) {
        return None;
    }
    let out = summary.ruled_out.len() as u64;
    let blind: u64 = summary.unused.iter().map(|unused| unused.rules.len() as u64).sum();
    let looked = format!(
        "{} {} ruled out",
        words::plural(out, "mechanism", "mechanisms"),
        if out == 1 { "was" } else { "were" }
    );
    let not = if blind > 0 { format!("; of {blind} nothing can be said") } else { String::new() };
    Some(format!("{NONE} {looked}{not}."))
}

/// Causes that remain, as sentence and command.
pub(crate) fn undecided(undecided: &Undecided) -> (String, String) {
    let sentence = format!("`{}`: cannot tell: {}", undecided.variant, undecided.sentence);
    (text::sentence(&sentence), text::sentence(&undecided.experiment))
}

/// A mechanism that is not there.
pub(crate) fn ruled_out(one: &RuledOut) -> String {
    text::sentence(&format!("{}: {}", one.rule, one.because))
}

/// Evidence that could not be used.
pub(crate) fn unused(one: &Unused) -> String {
    let silent = match one.rules.as_slice() {
        [] => String::new(),
        rules => format!(", so that nothing is said of {}", rules.join(", ")),
    };
    text::sentence(&format!("{}: {}{silent}", one.evidence, one.because))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_said_to_be_of_what_it_is() {
        let of = |rule: &str| weight(&Finding { rule: rule.into(), share: 0.88, ..Finding::default() });
        assert_eq!(of("rare-stall"), "explains 88 % of the excess latency");
        assert_eq!(of("allocator-churn"), "88 % of the CPU");
        assert_eq!(of("task-growth"), "whatever the latency");
    }
}
