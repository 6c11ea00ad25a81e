//! One plain sentence that a person can act on: what changed, at what price, what was not shown. Never names a winner
//! without a test; what stands behind "cannot tell" is the table's business.

mod candidate;
mod words;

use candidate::Candidate;
use words::{Speaker, list, quoted, value};

use crate::run::{Comparison, VariantSummary};

/// The verdict sentence of a run against its first variant; with one variant a description, with more than two a short
/// sentence for each that differs.
pub fn sentence(variants: &[VariantSummary], comparisons: &[Comparison]) -> String {
    let mut parts: Vec<String> = match variants {
        [] => return "Nothing was measured: the plan has no variants.".to_owned(),
        [only] => vec![description(only)],
        [base, candidates @ ..] if comparisons.is_empty() => {
            let names = candidates.iter().map(|variant| quoted(&variant.name)).collect::<Vec<_>>();
            vec![format!("{} against {}: nothing to compare yet", list(&names), quoted(&base.name))]
        }
        [base, candidate] => vec![Candidate::new(base, candidate, comparisons).in_full()],
        [base, candidates @ ..] => {
            let all: Vec<_> = candidates.iter().map(|one| Candidate::new(base, one, comparisons)).collect();
            candidate::in_brief(&base.name, &all)
        }
    };
    for variant in variants.iter().filter(|variant| variant.failed > 0) {
        let of = variant.failed + variant.trials;
        parts.push(format!("{} failed in {} of {of} trials", quoted(&variant.name), variant.failed));
    }
    parts.join(if variants.len() > 2 { ". " } else { "; " }) + "."
}

/// The sentence of `compare A B` for two separate runs: that nothing is judged, and why.
pub fn runs_sentence(comparisons: &[Comparison]) -> String {
    match comparisons.first() {
        Some(first) => {
            let why = first.why.as_deref().unwrap_or("two separate runs were never interleaved");
            format!(
                "The ratios describe and prove nothing: {why}. To compare, run both as variants of one run \
                 (`--vary`)."
            )
        }
        None => "The two runs have no metric in common.".to_owned(),
    }
}

fn description(variant: &VariantSummary) -> String {
    let name = quoted(&variant.name);
    if variant.trials == 0 {
        return format!("{name}: no trial ended well, so there is nothing to report");
    }
    let mut speaker = Speaker::default();
    let shown: Vec<String> = ["latency.p99", "latency.p50", "capacity", "cpu_per_op"]
        .into_iter()
        .filter_map(|metric| {
            let text = value(variant, metric)?;
            let operations = if metric.starts_with("latency.") { variant.measured_operations.as_slice() } else { &[] };
            Some(format!("{} {text}", speaker.name(metric, operations)))
        })
        .collect();
    let trials = if variant.trials == 1 { "1 trial".to_owned() } else { format!("{} trials", variant.trials) };
    let values = if shown.is_empty() { "no metrics".to_owned() } else { shown.join(", ") };
    let limited = match variant.driver_limited {
        0 => String::new(),
        limited => format!(", the load driver could not keep up in {limited} of them"),
    };
    format!("{name}: {values} ({trials}{limited}); one variant, so nothing is compared")
}
