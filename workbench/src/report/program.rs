//! What a reader should know where the subject was a program that is not ours.

use std::collections::BTreeMap;

use reports::run::LoadedRun;

use crate::subject::external::COMMAND;

/// What trials remarked, and what could not be proven of settings.
pub(super) fn doubts(run: &LoadedRun) -> Vec<String> {
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for trial in &run.trials {
        for remark in &trial.remarks {
            let variants = told.entry(remark).or_default();
            if !variants.contains(&trial.variant.as_str()) {
                variants.push(&trial.variant);
            }
        }
    }
    let named = |variants: &[&str]| {
        let each: Vec<String> = variants.iter().map(|variant| format!("`{variant}`")).collect();
        if run.plan.variants.len() > 1 { format!("{}: ", each.join(", ")) } else { String::new() }
    };
    let mut doubts: Vec<String> =
        told.iter().map(|(remark, variants)| format!("{}{remark}", named(variants))).collect();
    doubts.extend(unproven(run));
    doubts
}

/// Settings that were only seen in the environment.
fn unproven(run: &LoadedRun) -> Option<String> {
    let external = run.trials.iter().any(|trial| trial.effective.contains_key(COMMAND));
    let paths = run.plan.variants.iter().flat_map(|variant| variant.requested.keys());
    let mut seen: Vec<&str> = paths.map(String::as_str).filter(|path| *path != "cpu.affinity").collect();
    seen.sort_unstable();
    seen.dedup();
    (external && !seen.is_empty()).then(|| {
        format!(
            "{} {} read back from the environment of the running program: that the program heeds it is not proven from \
             outside",
            seen.join(", "),
            if seen.len() == 1 { "was" } else { "were" }
        )
    })
}
