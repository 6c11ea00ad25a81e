//! Joins the evidence of a run for the rules of `reports::findings`: profiles and the program's own file become plain
//! tables.

mod build;
mod cpu;

use std::collections::BTreeMap;

use reports::findings::{Build, CpuTable, Explanation, Joined};
use reports::run::{LoadedRun, ProfileSummary, VariantSummary};

use crate::evidence::cpu::CPU_PROFILE;

/// What the evidence of a run says of causes.
pub(crate) fn explain(run: &LoadedRun, variants: &[VariantSummary], profiles: &[ProfileSummary]) -> Explanation {
    let watched: Vec<VariantSummary> = match &run.plan.attached {
        Some(origin) => vec![VariantSummary { name: origin.program.clone(), ..VariantSummary::default() }],
        None => variants.to_vec(),
    };
    let read: Vec<(&VariantSummary, Option<CpuTable>, Option<Build>)> =
        watched.iter().map(|variant| (variant, table(run, &variant.name), build::of(run, &variant.name))).collect();
    let joined: Vec<Joined<'_>> = read
        .iter()
        .map(|(variant, table, build)| {
            let mut joined = Joined::new(run, variant, table.as_ref(), build.as_ref());
            joined.command = command(run, &variant.name);
            joined.missing = missing(profiles, &variant.name);
            joined
        })
        .collect();
    reports::findings::explain(&joined)
}

fn table(run: &LoadedRun, variant: &str) -> Option<CpuTable> {
    let file = run.path.join(run.evidence_folder(variant)).join(CPU_PROFILE);
    let profile = flamegraphs::read::pprof(&std::fs::read(file).ok()?).ok()?;
    cpu::table(&profile)
}

/// Why evidence is not there, by its kind.
fn missing(profiles: &[ProfileSummary], variant: &str) -> BTreeMap<&'static str, String> {
    let because = |kind: &'static str| {
        let profile = profiles.iter().find(|profile| profile.kind == kind && profile.variant == variant)?;
        Some((kind, profile.missing.clone()?))
    };
    ["cpu", "wait", "trace"].into_iter().filter_map(because).collect()
}

/// How to run the variant again, without flags of evidence; empty where it ran already. A program's command line may say
/// too little (requests, variables, other programs), the scenario that the run keeps says all.
fn command(run: &LoadedRun, variant: &str) -> String {
    let plan = &run.plan;
    if plan.attached.is_some() {
        return String::new();
    }
    let scenario = match &plan.target {
        Some(_) => run.scenario_path().to_string_lossy().into_owned(),
        None => plan.scenario.clone(),
    };
    let words = [scenario.as_str(), "--variant", variant];
    shlex::try_join(words).unwrap_or_else(|_| words.join(" "))
}
