//! Findings, the chains behind them, what was ruled out and what could not be used.

use std::collections::BTreeMap;

use super::proof::Targets;
use super::variants::{Variant, Variants};
use crate::render::chart::{WIDTHS, chain};
use crate::render::findings::{self, Shown};
use crate::render::{Page, text};
use crate::run::TraceCase;

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
        Self {
            how: findings::HOW,
            shown: findings::shown(summary).into_iter().map(|finding| Told { finding, proof: None }).collect(),
            nothing: findings::nothing(summary),
            undecided: summary.undecided.iter().map(findings::undecided).collect(),
            chains: telling.take(MOST_CHAINS).map(chain).collect(),
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
