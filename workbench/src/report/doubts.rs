//! What a reader should know before trusting the numbers.

use reports::run::reader::LoadedRun;
use reports::run::{Machine, ProfileSummary, VariantSummary};

use super::{memory_limit, program, sittings};

/// What a reader should know before trusting the numbers.
pub(super) fn of(run: &LoadedRun, variants: &[VariantSummary], profiles: &[ProfileSummary]) -> Vec<String> {
    let mut doubts = Vec::new();
    let build = &run.plan.build;
    if build.profile == "dev" || build.flags.iter().any(|flag| flag == "debug-assertions") {
        doubts.push("measured by a debug build: the numbers mean nothing; use `cargo run --release`".to_owned());
    }
    let handicaps = [
        ("tokio-tracing", "tokio's instrumentation", "every poll and wake", "the console child"),
        ("jemalloc-profiling", "jemalloc's heap profiler", "every allocation", "the heap-profiling child"),
    ];
    for (flag, what, who, child) in handicaps.iter().filter(|(flag, ..)| build.flags.iter().any(|has| has == flag)) {
        doubts.push(format!(
            "measured by a build with {what} compiled in ({flag}), which {who} pays for: use `workbench`, not {child}"
        ));
    }
    doubts.extend(configuration(&run.machine));
    for variant in variants {
        let Some(rate) = variant.metrics.get("error_rate").filter(|rate| rate.value > 0.0) else { continue };
        let percent = rate.value * 100.0;
        doubts.push(format!("`{}`: {percent:.2} % of operations failed, timed out or went unanswered", variant.name));
    }
    doubts.extend(limited(variants));
    doubts.extend(repeated(run));
    doubts.extend(memory_limit::doubts(variants));
    doubts.extend(thin(profiles));
    doubts.extend(coarser(profiles));
    doubts.extend(program::doubts(run));
    doubts.extend(sittings::doubts(run));
    let cut: u64 = run.trials.iter().filter_map(|t| t.drain.as_ref()).map(|d| d.cut).sum();
    if cut > 0 {
        doubts.push(format!("{cut} requests were cut when the drain deadline passed"));
    }
    doubts
}

/// Settings that nobody wrote into the plan: those that were kept from the subjects, and those that cannot be.
fn configuration(machine: &Machine) -> Vec<String> {
    let mut told = Vec::new();
    if !machine.kept_from_subjects.is_empty() {
        let names = machine.kept_from_subjects.join(", ");
        told.push(format!("{names} in the caller's environment had no effect: kept from every subject; use --set"));
    }
    for source in &machine.hidden_configuration {
        told.push(format!(
            "jemalloc of every subject also took options that the plan does not have: {source}; a knob overrides them, \
             and the settings shown are those in force"
        ));
    }
    told
}

/// Which variants the driver was too slow for: those whose latencies are all void, and those that lose some.
fn limited(variants: &[VariantSummary]) -> Vec<String> {
    let limited = variants.iter().filter(|variant| variant.driver_limited > 0);
    let (void, some): (Vec<_>, Vec<_>) = limited.partition(|variant| variant.driver_limited * 2 > variant.trials);
    let each = |variants: &[&VariantSummary]| {
        let each = variants.iter().map(|one| format!("{} of {} of `{}`", one.driver_limited, one.trials, one.name));
        each.collect::<Vec<_>>().join(", ")
    };
    let told =
        [(void, "all latencies of these variants are void"), (some, "the latencies of those trials do not count")];
    told.into_iter()
        .filter(|(variants, _)| !variants.is_empty())
        .map(|(variants, so)| format!("the driver could not keep up in some trials ({}): {so}", each(&variants)))
        .collect()
}

/// Attempts that were left out because the driver could not keep up.
fn repeated(run: &LoadedRun) -> Option<String> {
    let attempts: usize = run.measured_trials().map(|trial| trial.driver.repeated.len()).sum();
    let trials = run.measured_trials().filter(|trial| !trial.driver.repeated.is_empty()).count();
    (attempts > 0).then(|| {
        format!(
            "{attempts} {} at {trials} {} left out and run again, since the driver could not keep up: the machine is \
             busy with other things",
            if attempts == 1 { "attempt" } else { "attempts" },
            match (attempts, trials) {
                (1, _) => "trial was",
                (_, 1) => "trial were",
                _ => "trials were",
            }
        )
    })
}

/// Which CPU profiles saw too little, and why where that is known.
fn thin(profiles: &[ProfileSummary]) -> Option<String> {
    let low =
        |profile: &&ProfileSummary| profile.coverage.is_some_and(|coverage| coverage < flamegraphs::Coverage::LOW);
    let thin: Vec<&ProfileSummary> = profiles.iter().filter(low).collect();
    let names: Vec<String> = thin.iter().map(|profile| format!("`{}`", profile.variant)).collect();
    let half = |profile: &&ProfileSummary| profile.source.contains(flamegraphs::capture::WITHOUT_KERNEL);
    let because = if thin.iter().any(half) {
        ": what it used within system calls is seen only by root or with CAP_PERFMON"
    } else {
        ""
    };
    (!names.is_empty())
        .then(|| format!("less than 90 % of the CPU used was seen by the CPU profile of {}{because}", names.join(", ")))
}

/// CPU profiles that lost callers to the bounds of a recording, and from when on.
fn coarser(profiles: &[ProfileSummary]) -> impl Iterator<Item = String> + '_ {
    let told = |profile: &ProfileSummary| {
        let sentence = profile.source.split("; ").find(|part| part.contains(flamegraphs::capture::TOO_MANY_STACKS))?;
        Some(format!("the {} profile of `{}` is coarser than it should be: {sentence}", profile.kind, profile.variant))
    };
    profiles.iter().filter_map(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thin_profiles_are_named_with_the_reason_where_it_is_known() {
        let profile = |variant: &str, coverage, source: &str| ProfileSummary {
            variant: variant.into(),
            coverage: Some(coverage),
            source: source.into(),
            ..ProfileSummary::default()
        };
        let whole = "perf events at 999 Hz from outside";
        let half = format!("{whole}, without the kernel's side; 3 records were lost");
        assert_eq!(thin(&[profile("a", 0.95, whole)]), None);
        let told = |profiles: &[ProfileSummary]| thin(profiles).unwrap();
        insta::assert_snapshot!(
            [told(&[profile("a", 0.8, whole), profile("b", 0.7, whole)]), told(&[profile("a", 0.8, &half)])].join("\n"),
            @r"
        less than 90 % of the CPU used was seen by the CPU profile of `a`, `b`
        less than 90 % of the CPU used was seen by the CPU profile of `a`: what it used within system calls is seen only by root or with CAP_PERFMON
        "
        );
    }

    #[test]
    fn a_profile_that_lost_callers_is_named_with_the_moment() {
        use flamegraphs::capture::{Coarser, Recording};

        let mut recording = Recording::default();
        (recording.wall_s, recording.ended_ns, recording.period_ns) = (9.0, 9_000_000_000, 1_001_001);
        recording.excess.callers = Coarser { count: 12, from_ns: 2_500_000_000 };
        let source = format!("{}; 3 records were lost; {}", recording.sampler(), recording.limits_reached().join("; "));
        let profile = |source: &str| ProfileSummary {
            variant: "deep".into(),
            kind: "cpu".into(),
            source: source.into(),
            ..ProfileSummary::default()
        };
        let told: Vec<String> = coarser(&[profile(&source), profile("perf events at 999 Hz from outside")]).collect();
        insta::assert_snapshot!(told.join("\n"), @"the cpu profile of `deep` is coarser than it should be: from 2.5 s on there were too many different stacks: samples are counted by their innermost function alone (12 of them)");
    }

    #[test]
    fn configuration_that_nobody_planned_is_told() {
        let machine = Machine {
            kept_from_subjects: vec!["MALLOC_ARENA_MAX".into(), "MIMALLOC_PURGE_DELAY".into()],
            hidden_configuration: vec!["link /etc/_rjem_malloc.conf: narenas:1".into()],
            ..Machine::default()
        };
        insta::assert_snapshot!(configuration(&machine).join("\n"), @r"
        MALLOC_ARENA_MAX, MIMALLOC_PURGE_DELAY in the caller's environment had no effect: kept from every subject; use --set
        jemalloc of every subject also took options that the plan does not have: link /etc/_rjem_malloc.conf: narenas:1; a knob overrides them, and the settings shown are those in force
        ");
        assert!(configuration(&Machine::default()).is_empty());
    }
}
