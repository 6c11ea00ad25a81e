//! One plain sentence that a person can act on. Never names a winner without a test.

use super::ratio::{change, interval, percent, ratio};
use crate::metric::format_value;
use crate::run::{Comparison, VariantSummary, Verdict};

/// The verdict sentence of a run: what is shown against the first variant, what is the same, what cannot be told; with
/// one variant a description.
pub fn sentence(variants: &[VariantSummary], comparisons: &[Comparison]) -> String {
    let mut parts: Vec<String> = Vec::new();
    match variants {
        [] => return "Nothing was measured: the plan has no variants.".to_owned(),
        [only] => parts.push(description(only)),
        [_, candidates @ ..] if comparisons.is_empty() => {
            let names = candidates.iter().map(|variant| quoted(&variant.name)).collect::<Vec<_>>();
            parts.push(format!("{} against `{}`: nothing to compare yet", list(&names), variants[0].name));
        }
        [_, candidates @ ..] => {
            let of = |name: &str| comparisons.iter().filter(|one| one.candidate == name).collect::<Vec<_>>();
            parts.extend(candidates.iter().filter_map(|variant| candidate(&of(&variant.name))));
        }
    }
    for variant in variants.iter().filter(|variant| variant.failed > 0) {
        parts.push(format!(
            "`{}` failed in {} of {} trials",
            variant.name,
            variant.failed,
            variant.failed + variant.trials
        ));
    }
    parts.join(". ") + "."
}

/// The sentence of `compare A B` for two separate runs: that nothing is judged, and why.
pub fn runs_sentence(comparisons: &[Comparison]) -> String {
    match comparisons.first() {
        Some(first) => {
            let why = first.why.as_deref().unwrap_or("two separate runs were never interleaved");
            format!(
                "The ratios describe and prove nothing: {why}. To compare, run both as variants of one run \
                 (`--vary` or `--vary-cmd`)."
            )
        }
        None => "The two runs have no metric in common.".to_owned(),
    }
}

fn description(variant: &VariantSummary) -> String {
    if variant.trials == 0 {
        return format!("`{}`: no trial ended well, so there is nothing to report", variant.name);
    }
    let shown = ["latency.p50", "latency.p99", "capacity", "cpu_per_op"].into_iter().filter_map(|name| {
        let metric = variant.metrics.get(name)?;
        let operations =
            if name.starts_with("latency.") { of_operations(&variant.measured_operations) } else { String::new() };
        Some(format!("{name}{operations} {}", format_value(metric.value, &metric.unit)))
    });
    let trials = if variant.trials == 1 { "1 trial".to_owned() } else { format!("{} trials", variant.trials) };
    let shown: Vec<String> = shown.collect();
    let values = if shown.is_empty() { "no metrics".to_owned() } else { shown.join(", ") };
    let limited = match variant.driver_limited {
        0 => String::new(),
        limited => format!(", the load driver could not keep up in {limited} of them"),
    };
    format!("`{}`: {values} ({trials}{limited}); one variant, so nothing is compared", variant.name)
}

/// Everything about one candidate, what is shown first.
fn candidate(comparisons: &[&Comparison]) -> Option<String> {
    let first = comparisons.first()?;
    let with = |verdict: Verdict| {
        let mut found: Vec<&Comparison> = comparisons.iter().copied().filter(|one| one.verdict == verdict).collect();
        let size = |one: &Comparison| one.ratio.map_or(0.0, |ratio| ratio.ln().abs());
        found.sort_by(|a, b| size(b).total_cmp(&size(a)));
        found
    };
    let (improved, regressed) = (with(Verdict::Improved), with(Verdict::Regressed));
    let mut clauses = Vec::new();
    let effects = |found: &[&Comparison]| list(&found.iter().map(|one| effect(one)).collect::<Vec<_>>());
    match (improved.is_empty(), regressed.is_empty()) {
        (false, false) => clauses.push(format!(
            "`{}` {} of `{}`, but {} (worse)",
            first.candidate,
            effects(&improved),
            first.base,
            effects(&regressed)
        )),
        (false, true) => clauses.push(format!("`{}` {} of `{}`", first.candidate, effects(&improved), first.base)),
        (true, false) => {
            clauses.push(format!("`{}` {} of `{}` (worse)", first.candidate, effects(&regressed), first.base));
        }
        (true, true) => {}
    }
    let mut rest = Vec::new();
    let same = with(Verdict::Same);
    if !same.is_empty() {
        let within = |one: &&Comparison| format!("{} (within ±{})", name(one), percent(one.margin.unwrap_or(0.0)));
        rest.push(format!("{}: the same", list(&same.iter().map(within).collect::<Vec<_>>())));
    }
    rest.extend(untold(&with(Verdict::CannotTell)));
    if clauses.is_empty()
        && let Some(head) = rest.first_mut()
    {
        *head = format!("`{}` against `{}`: {head}", first.candidate, first.base);
    }
    clauses.extend(rest);
    Some(clauses.join("; "))
}

/// What cannot be told: a group for each reason, the plain lack of a difference first.
fn untold(found: &[&Comparison]) -> Vec<String> {
    let (reasoned, plain): (Vec<&Comparison>, Vec<&Comparison>) = found.iter().partition(|one| one.why.is_some());
    let mut groups: Vec<String> = Vec::new();
    let mut seen: Vec<String> = plain.iter().map(|one| limit(one)).collect();
    seen.dedup();
    match (plain.is_empty(), seen.as_slice()) {
        (true, _) => {}
        (false, [one]) => groups.push(format!("{}: no difference shown{}", names(&plain), parenthesis(one))),
        _ => {
            let each = plain.iter().map(|one| format!("{}{}", name(one), parenthesis(&limit(one)))).collect::<Vec<_>>();
            groups.push(format!("{}: no difference shown", list(&each)));
        }
    }
    let mut reasons: Vec<&str> = Vec::new();
    for why in reasoned.iter().filter_map(|one| one.why.as_deref()) {
        if !reasons.contains(&why) {
            reasons.push(why);
        }
    }
    for why in reasons {
        let of_it: Vec<&Comparison> = reasoned.iter().copied().filter(|one| one.why.as_deref() == Some(why)).collect();
        groups.push(format!("{}: cannot tell ({why})", names(&of_it)));
    }
    groups
}

/// What a comparison that showed nothing could have seen; empty where that is unknown.
fn limit(one: &Comparison) -> String {
    one.detectable.map(|share| format!("could have seen {}", change(share))).unwrap_or_default()
}

fn parenthesis(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

fn effect(one: &Comparison) -> String {
    let ratio_now = one.ratio.unwrap_or(1.0);
    let verb = if ratio_now < 1.0 { "lowers" } else { "raises" };
    let range = one.low.zip(one.high).map(|(low, high)| format!(" {}", interval(low, high))).unwrap_or_default();
    format!("{verb} {} to {}{range}", name(one), ratio(ratio_now))
}

fn name(one: &Comparison) -> String {
    // `latency.p99[login]` says its operation already.
    if one.metric.contains('[') {
        one.metric.clone()
    } else {
        format!("{}{}", one.metric, of_operations(&one.operations))
    }
}

fn names(found: &[&Comparison]) -> String {
    list(&found.iter().map(|one| name(one)).collect::<Vec<_>>())
}

fn of_operations(operations: &[String]) -> String {
    if operations.is_empty() { String::new() } else { format!(" ({})", operations.join(", ")) }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// `a`, `a and b`, `a, b and c`.
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
