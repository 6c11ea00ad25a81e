//! Joins the evidence of a run for the rules of `reports::findings`: profiles and the program's own file become plain
//! tables.

mod build;
mod cpu;
mod keeper;
mod source;

use std::collections::BTreeMap;

use flamegraphs::profile::Profile;
use reports::findings::{Build, CpuTable, Explanation, Joined, Loops};
use reports::run::{LoadedRun, ProfileSummary, VariantSummary};

use crate::evidence::cpu::CPU_PROFILE;

/// What the evidence of a run says of causes.
pub(crate) fn explain(run: &LoadedRun, variants: &[VariantSummary], profiles: &[ProfileSummary]) -> Explanation {
    let watched: Vec<VariantSummary> = match &run.plan.attached {
        Some(origin) => vec![VariantSummary { name: origin.program.clone(), ..VariantSummary::default() }],
        None => variants.to_vec(),
    };
    let read: Vec<(&VariantSummary, Evidence)> =
        watched.iter().map(|variant| (variant, Evidence::of(run, &variant.name))).collect();
    let shaped = is_shaped(run);
    let joined: Vec<Joined<'_>> = read
        .iter()
        .map(|(variant, evidence)| {
            let mut joined = Joined::new(run, variant, evidence.cpu.as_ref(), evidence.build.as_ref());
            joined.command = command(run, &variant.name);
            joined.shaped = shaped;
            joined.loops = Some(&evidence.loops);
            for (kind, because) in missing(profiles, &variant.name).into_iter().chain(evidence.unusable.clone()) {
                joined.missing.entry(kind).or_insert(because);
            }
            if joined.attached {
                of_attached(&mut joined);
            }
            joined.partly.extend(of_another_version(&run.plan.build.version));
            joined
        })
        .collect();
    reports::findings::explain(&joined)
}

/// Whether the rate of a run follows from more than one number. What cannot be read is not run again at all.
fn is_shaped(run: &LoadedRun) -> bool {
    scenarios::file::parse("scenario.toml", &run.scenario_toml).is_ok_and(|scenario| scenario.load.is_shaped())
}

/// What only this crate can read of a variant's evidence.
#[derive(Default)]
struct Evidence {
    cpu: Option<CpuTable>,
    build: Option<Build>,
    loops: Loops,
    unusable: Vec<(&'static str, String)>,
}

impl Evidence {
    fn of(run: &LoadedRun, variant: &str) -> Self {
        let mut all = Self::default();
        let mut profiled = String::new();
        let read = profile(run, variant);
        match &read {
            Ok(Some(profile)) => {
                profiled = profile.mappings().first().map(|mapping| mapping.build_id.clone()).unwrap_or_default();
                all.cpu = cpu::table(profile);
                if all.cpu.is_none() {
                    all.unusable.push(("cpu", "its profile holds no CPU time".to_owned()));
                }
            }
            Ok(None) => {}
            Err(because) => all.unusable.push(("cpu", because.clone())),
        }
        match build::of(run, variant, Some(&profiled)) {
            Ok(build) => all.build = build,
            Err(because) => all.unusable.push(("binary", because)),
        }
        let profiles: Vec<&Profile> = read.iter().flatten().collect();
        let file = build::path_of(run, variant).and_then(|path| path.metadata().ok()?.modified().ok());
        all.loops = source::loops(
            run.traces.get(variant),
            run.waits.get(variant).and_then(|waits| waits.threads.as_ref()),
            all.cpu.as_ref(),
            &profiles,
            file,
        );
        all.cpu = all.cpu.map(|table| table.of_the_written(&all.loops));
        if let (Some(table), Ok(Some(profile))) = (&mut all.cpu, &read) {
            // Sources are read as a whole for this: of a process that does not grow there is nothing to keep.
            if grew(run, variant) {
                let stacks = keeper::Stacks::of(profile);
                keeper::tell(table, &stacks, &source::keeping(&stacks, &profiles, file));
            }
        }
        all
    }
}

/// Whether a process had more memory at the end than at the beginning.
fn grew(run: &LoadedRun, variant: &str) -> bool {
    let samples = run.waits.get(variant).and_then(|seen| seen.kernel.as_ref()).map(|kernel| kernel.samples.as_slice());
    let resident: Vec<u64> = samples.unwrap_or_default().iter().filter_map(|sample| sample.resident).collect();
    matches!(resident.as_slice(), [first, .., last] if last > first)
}

/// The CPU profile of a variant; `None` where there is none.
fn profile(run: &LoadedRun, variant: &str) -> Result<Option<Profile>, String> {
    let file = format!("{}/{CPU_PROFILE}", run.evidence_folder(variant));
    if run.changed.contains(&file) {
        return Ok(None);
    }
    let unreadable = |error: &dyn std::fmt::Display| format!("{file} cannot be read ({error}): gather it again");
    match std::fs::read(run.path.join(&file)) {
        Ok(bytes) => flamegraphs::read::pprof(&bytes).map(Some).map_err(|error| unreadable(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Of a process that ran already, why something is not there and how to get it.
fn of_attached(joined: &mut Joined<'_>) {
    let mut say = |kind, because: String| {
        joined.missing.entry(kind).or_insert(because);
    };
    say("latency", "nobody drove it and measured: `workbench run --target URL -- COMMAND` does".to_owned());
    let ladder = "nobody drove it with more and more clients: `workbench run --target URL -- COMMAND` does";
    say("levels", ladder.to_owned());
    let command = &joined.command;
    if joined.trace.is_none() && command.parse::<u32>().is_ok() {
        let because =
            format!("its tasks were not traced: `workbench attach {command} --tasks` does, where it has tokio in it");
        joined.missing.entry("trace").or_insert(because);
    }
}

/// That a run was written by another version: what that did not record yet is missing, whatever else is said.
fn of_another_version(written_by: &str) -> Option<(&'static str, String)> {
    let ours = env!("CARGO_PKG_VERSION");
    (written_by != ours && !written_by.is_empty()).then(|| {
        let said = format!("it was written by workbench {written_by}, and this is {ours}: what that version did not record counts as not gathered");
        ("run", said)
    })
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
    if let Some(origin) = &plan.attached {
        let target = origin.url.clone().or_else(|| Some(origin.pid?.to_string()));
        return target.unwrap_or_else(|| origin.program.clone());
    }
    let scenario = match &plan.target {
        Some(_) => run.scenario_path().to_string_lossy().into_owned(),
        None => plan.scenario.clone(),
    };
    let words = [scenario.as_str(), "--variant", variant];
    shlex::try_join(words).unwrap_or_else(|_| words.join(" "))
}
