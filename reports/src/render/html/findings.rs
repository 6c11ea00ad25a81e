//! Findings, the chains behind them, what was ruled out and what could not be used.

use std::collections::BTreeMap;

use super::proof::Targets;
use super::variants::{Variant, Variants};
use crate::render::chart::{WIDTHS, chain};
use crate::render::findings::{self, Shown};
use crate::render::trace::place;
use crate::render::{Page, number, text};
use crate::run::{Finding, TraceCase, TracePolls, TraceSite};

/// Chains that are drawn.
const MOST_CHAINS: usize = 6;
/// Those of one variant.
const MOST_OF_VARIANT: usize = 2;

/// The section.
pub(super) struct Findings {
    pub(super) how: &'static str,
    pub(super) shown: Vec<Told>,
    pub(super) nothing: Option<String>,
    /// Sentence and command.
    pub(super) undecided: Vec<(String, String)>,
    pub(super) chains: Vec<Chain>,
    pub(super) ruled_out: Vec<(String, String)>,
    pub(super) unused: Vec<(String, String)>,
}

/// A finding and where it is proved.
pub(super) struct Told {
    pub(super) finding: Shown,
    /// Id and name; [`Findings::prove`] finds them, once the page has its sections.
    pub(super) proof: Option<(String, &'static str)>,
}

/// From an operation that was late back to what it was late for.
pub(super) struct Chain {
    pub(super) variant: String,
    pub(super) sentence: String,
    pub(super) wide: String,
    pub(super) narrow: String,
}

impl Findings {
    pub(super) fn new(page: &Page<'_>) -> Self {
        let summary = page.summary;
        let chain = |(variant, case): (&String, &TraceCase)| {
            let [wide, narrow] = WIDTHS.map(|width| chain::svg(case, width));
            Chain { variant: text::name(variant), sentence: text::sentence(&case.sentence()), wide, narrow }
        };
        let cases = page.traces.iter().flat_map(|(variant, trace)| trace.cases.iter().map(move |case| (variant, case)));
        // One variant's do not hide another's.
        let mut drawn: BTreeMap<&String, usize> = BTreeMap::new();
        let telling = cases.filter(|(_, case)| case.links.len() > 1).filter(|(variant, _)| {
            let of_variant = drawn.entry(*variant).or_default();
            *of_variant += 1;
            *of_variant <= MOST_OF_VARIANT
        });
        let mut chains: Vec<Chain> = telling.take(MOST_CHAINS).map(chain).collect();
        let of_threads = summary.findings.iter().filter_map(|finding| kept(page, finding));
        // Two findings may be told by one row.
        let mut known: Vec<(&str, &TracePolls)> = Vec::new();
        for (variant, row) in of_threads {
            if chains.len() < MOST_CHAINS && !known.contains(&(variant, row)) {
                known.push((variant, row));
                let [wide, narrow] = WIDTHS.map(|width| chain::of_threads(row, width));
                chains.push(Chain { variant: text::name(variant), sentence: sentence(row), wide, narrow });
            }
        }
        Self {
            how: findings::HOW,
            shown: findings::shown(summary).into_iter().map(|finding| Told { finding, proof: None }).collect(),
            nothing: findings::nothing(summary),
            undecided: summary.undecided.iter().map(findings::undecided).collect(),
            chains,
            ruled_out: summary
                .ruled_out
                .iter()
                .map(|one| (text::name(&one.variant), findings::ruled_out(one)))
                .collect(),
            unused: summary.unused.iter().map(|one| (text::name(&one.variant), findings::unused(one))).collect(),
        }
    }

    /// Leads each finding to what proves it.
    pub(super) fn prove(&mut self, targets: &Targets, variants: &Variants<'_>) {
        for told in &mut self.shown {
            let variant = variants.all.iter().find(|variant| variant.name == told.finding.variant);
            let key = variant.map(Variant::key).unwrap_or_default();
            told.proof = targets.find(&told.finding.proof, &key);
        }
    }

    /// Nothing is to be said of causes.
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty() && self.nothing.is_none() && self.undecided.is_empty()
    }
}

/// The waits of threads that a finding is about: whoever kept them stands in the function that it names, or else they do.
fn kept<'a>(page: &Page<'a>, finding: &'a Finding) -> Option<(&'a str, &'a TracePolls)> {
    let culprit = finding.culprit.as_ref().filter(|_| finding.proof == "wait")?;
    let threads = page.waits.get(&finding.variant)?.threads.as_ref()?;
    let here = |site: &TraceSite| {
        site.own.iter().any(|frame| frame.function == culprit.function && frame.file == culprit.file)
    };
    let rows = || threads.kept_open.iter().chain(&threads.kept).filter(|row| !row.holders.is_empty());
    let by = rows().find(|row| row.holders.first().is_some_and(|holder| here(&holder.site)));
    let row = by.or_else(|| rows().find(|row| row.site.as_ref().is_some_and(here)))?;
    Some((finding.variant.as_str(), row))
}

/// `handler waited 4.00 s in all at shop::order (src/order.rs:7), mostly while shop::pay (src/pay.rs:7) was blocked in recvfrom`.
fn sentence(row: &TracePolls) -> String {
    let at = row.site.as_ref().map(|site| format!(" at {}", place(site))).unwrap_or_default();
    let first = row.holders.first().map(|first| {
        let part = if 2.0 * first.total_s >= row.total_s { "mostly" } else { "partly" };
        format!(", {part} while {} {}", place(&first.site), chain::held(first))
    });
    format!("{} waited {} in all{at}{}", text::name(&row.kind), number::seconds(row.total_s), first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;
    use crate::run::{Culprit, TraceFrame, TraceHolder};

    #[test]
    fn who_keeps_threads_is_drawn_under_those_who_wait() {
        let site = |function: &str| TraceSite {
            function: function.into(),
            call: "recvfrom".into(),
            own: vec![TraceFrame { function: function.into(), ..TraceFrame::default() }],
            ..TraceSite::default()
        };
        let holder = |function: &str| TraceHolder { site: site(function), total_s: 3.0, ..TraceHolder::default() };
        let waits = |function: &str, holders| TracePolls {
            kind: "handler<b>".into(),
            site: Some(site(function)),
            polls: 400,
            total_s: 4.0,
            holders,
            ..TracePolls::default()
        };
        let mut fixture = Fixture::two_variants().with_waits();
        let variant = fixture.waits.iter().find(|(_, seen)| seen.threads.is_some()).map(|(name, _)| name.clone());
        let variant = variant.expect("a variant whose threads were seen");
        let threads = fixture.waits.get_mut(&variant).and_then(|seen| seen.threads.as_mut()).expect("its threads");
        threads.kept_open =
            vec![waits("shop::idle", vec![holder("shop::main")]), waits("shop::order", vec![holder("shop::pay")])];
        let culprit = |function: &str| Some(Culprit { function: function.into(), ..Culprit::default() });
        let finding = |function: &str, proof: &str| Finding {
            variant: variant.clone(),
            culprit: culprit(function),
            proof: proof.into(),
            ..Finding::default()
        };
        // Two that one row tells, one that is proved elsewhere.
        let all = [("shop::pay", "wait"), ("shop::order", "wait"), ("shop::main", "cpu"), ("shop::other", "wait")];
        fixture.summary.findings = all.map(|(function, proof)| finding(function, proof)).to_vec();
        let told = Findings::new(&fixture.page()).chains;
        assert_eq!(
            told.iter().map(|chain| chain.sentence.as_str()).collect::<Vec<_>>(),
            ["handler<b> waited 4.00 s in all at shop::order, mostly while shop::pay was blocked in recvfrom"]
        );
        assert!(!told[0].wide.contains("<b>") && told[0].wide.contains("shop::pay"), "{}", told[0].wide);
    }
}
