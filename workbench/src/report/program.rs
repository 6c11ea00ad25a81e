//! What a reader should know where the subject was a program that is not ours.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::{Heed, LoadedRun};

use crate::subject::external::COMMAND;

/// What trials remarked, and what could not be proven of settings.
pub(super) fn doubts(run: &LoadedRun) -> Vec<String> {
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for trial in &run.trials {
        for remark in &trial.remarks {
            told.entry(remark).or_default().insert(&trial.variant);
        }
    }
    let of = |variants: &BTreeSet<&str>| {
        let planned = run.plan.variants.iter().map(|variant| variant.name.as_str());
        let each: Vec<String> =
            planned.filter(|name| variants.contains(name)).map(|name| format!("`{name}`")).collect();
        if each.len() < run.plan.variants.len() { format!("{}: ", each.join(", ")) } else { String::new() }
    };
    let mut doubts: Vec<String> = told.iter().map(|(remark, variants)| format!("{}{remark}", of(variants))).collect();
    doubts.extend(unproven(run));
    doubts
}

/// Settings that were only seen in the environment, and why nothing shows more.
fn unproven(run: &LoadedRun) -> Option<String> {
    let external = run.trials.iter().any(|trial| trial.effective.contains_key(COMMAND));
    let paths = run.plan.variants.iter().flat_map(|variant| variant.requested.keys());
    let mut seen: Vec<&String> = paths.filter(|path| *path != "cpu.affinity").collect();
    seen.sort_unstable();
    seen.dedup();
    let heed = |path: &String| run.trials.iter().find_map(|trial| trial.heeded.get(path));
    let told: Vec<String> = seen
        .into_iter()
        .filter_map(|path| match heed(path) {
            Some(Heed::Proven { .. }) => None,
            Some(Heed::NotProvable { because }) => Some(format!("{path} ({because})")),
            None => Some(path.clone()),
        })
        .collect();
    (external && !told.is_empty()).then(|| {
        format!(
            "{} {} read back from the environment of the running program: nothing outside proves that the program heeds {}",
            told.join(", "),
            if told.len() == 1 { "was" } else { "were" },
            if told.len() == 1 { "it" } else { "them" }
        )
    })
}
