//! Limits on what only evidence trials count: system calls, polls, spawns.
//!
//! Counts alone, never times: recording slows a program down, and does not make it call more often. Both sides are recorded
//! in the same way, and a change is looked at once, when all of their trials are there.

use std::collections::BTreeMap;

use super::counts::{Counts, absolute, relative};
use super::{Bound, Limit};
use crate::run::{Count, EvidenceKind};
use crate::stats::{Clustered, Counted};

/// What a limit stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Measured trials.
    Measured,
    /// Counts of evidence trials of this kind.
    Counted(EvidenceKind),
    /// Nothing that a verdict may rest on, because of this.
    Nothing(&'static str),
}

/// Changes below this many events per operation matter to nobody: one in a thousand operations.
const FLOOR: f64 = 1e-3;
/// The same for events per 1,000 operations: one in five thousand (design 06 §4: healthy programs have fewer).
const RARE_FLOOR: f64 = 2e-4;
/// Slots that an operation is cut into, each of which sees an event or does not: an operation may have several, and a
/// binomial of many slots is Poisson's distribution.
const SLOTS: f64 = 1e4;

/// Where values of `metric` come from in a gate; `own` programs are workloads of a catalogue, with our hooks and allocator.
pub(super) fn source(metric: &str, own: bool) -> Source {
    let tasks = if own { EvidenceKind::Tasks } else { EvidenceKind::Trace };
    match metric {
        "syscalls.count_per_op" => Source::Counted(EvidenceKind::Wait),
        "polls.count_per_op" | "polls.long_per_kop" | "tasks.spawned_per_op" => Source::Counted(tasks),
        "polls.blocked_per_kop" => Source::Nothing(
            "stalls are caught by looks from beside, so that how many are seen depends on how busy the machine is; \
             `polls.long_per_kop` counts every poll over 1 ms",
        ),
        "waits.long_per_kop" => Source::Nothing("no evidence counts waits by their length"),
        "schedule_delay.p99" | "runqueue.delay" => Source::Nothing(
            "it is a time that only evidence trials know, and what records slows a program down: counts of evidence decide, \
             times do not",
        ),
        _ if !own && (metric.starts_with("alloc.") || metric.starts_with("allocated.")) => Source::Nothing(
            "allocations are counted by our own allocator, and the program is not ours: `rss.max` is seen from outside",
        ),
        _ => Source::Measured,
    }
}

/// Values are per so many operations.
fn per(limit: &Limit) -> f64 {
    if limit.about().unit == "1/kop" { 1_000.0 } else { 1.0 }
}

/// What an evidence trial of a variant counted, by metric; or why it did not.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Variant.
    pub variant: String,
    /// Counts by metric.
    pub counts: Result<BTreeMap<String, Count>, String>,
}

/// What the evidence trials of a variant counted, trial by trial.
fn counted(trials: &[Evidence], variant: &str, metric: &str) -> Vec<Counted> {
    let own = trials.iter().filter(|trial| trial.variant == variant);
    let counts = own.filter_map(|trial| trial.counts.as_ref().ok()?.get(metric));
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    counts.map(|Count { events, operations }| Counted { events: *events, exposure: *operations as f64 }).collect()
}

/// The rate of a variant in the metric's unit; `None` where nothing was counted.
pub(super) fn rate(trials: &[Evidence], variant: &str, limit: &Limit) -> Option<f64> {
    let all = Clustered::of(&counted(trials, variant, &limit.metric));
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let rate = all.events as f64 / all.exposure * per(limit);
    (all.exposure > 0.0).then_some(rate)
}

/// Judges a limit by all that was counted; `Err` says why there is nothing to judge by.
pub(super) fn judge(
    trials: &[Evidence],
    (base, candidate): (&str, &str),
    limit: &Limit,
    alpha: f64,
) -> Result<Counts, String> {
    let [before, after] = [base, candidate].map(|variant| counted(trials, variant, &limit.metric));
    let missing = |variant: &str, kept: &[Counted]| {
        let some = kept.iter().any(|one| one.exposure > 0.0);
        (!some).then(|| why_missing(trials, variant, &limit.metric))
    };
    if let Some(why) = missing(candidate, &after) {
        return Err(why);
    }
    let [base_sum, candidate_sum] = [&before, &after].map(|side| Clustered::of(side));
    let of = |side: Clustered, trials: usize| {
        let noun = if trials == 1 { "trial" } else { "trials" };
        format!("{} in {} operations of {trials} {noun}", side.events, side.exposure)
    };
    match limit.bound {
        Bound::Value(bound) => {
            let slots = |one: &Counted| Counted { exposure: one.exposure * SLOTS, ..*one };
            let all = Clustered::of(&after.iter().map(slots).collect::<Vec<_>>());
            let mut counts = absolute(&all, (bound, SLOTS * per(limit)), limit, alpha, 1.0);
            counts.told = of(candidate_sum, after.len());
            Ok(counts)
        }
        Bound::Change(change) => {
            if let Some(why) = missing(base, &before) {
                return Err(why);
            }
            let floor = if per(limit) > 1.0 { RARE_FLOOR } else { FLOOR };
            let mut counts = relative(&before, &after, (change, floor), limit, alpha, 1.0);
            counts.told = format!("{} against {}", of(candidate_sum, after.len()), of(base_sum, before.len()));
            Ok(counts)
        }
    }
}

/// Why a variant has no counts.
fn why_missing(trials: &[Evidence], variant: &str, metric: &str) -> String {
    let own: Vec<&Evidence> = trials.iter().filter(|trial| trial.variant == variant).collect();
    match own.iter().find_map(|trial| trial.counts.as_ref().err()) {
        Some(because) => format!("evidence of `{variant}` is missing: {because}"),
        None if own.is_empty() => format!("no evidence of `{variant}` was gathered"),
        None => format!("evidence of `{variant}` did not count {metric}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture;
    use crate::limits::{Judge, LimitOutcome, Stopped, parse};

    /// A gate of these limits whose measured pair is followed by evidence trials with these counts of 1,000 operations.
    fn judged(texts: &[&str], metric: &str, base: &[u64], new: &[u64]) -> Vec<LimitOutcome> {
        let plan = fixture::plan(&["base", "new"], 1);
        let limits: Vec<Limit> = texts.iter().map(|text| parse(text).unwrap()).collect();
        let mut judge = Judge::new(&limits, "base", &["new".to_owned()], 12, crate::stats::GATE_ALPHA).unwrap();
        for trial in fixture::trials(&plan, &[("cpu_per_op", &[2e-5, 2e-5])], 0.1, 0.1) {
            judge.hear(trial);
        }
        assert!(judge.decided() && judge.awaits_counts(), "only evidence decides these limits");
        for (variant, counts) in [("base", base), ("new", new)] {
            for events in counts {
                let counts = [(metric.to_owned(), Count { events: *events, operations: 1_000 })];
                judge.count(Evidence { variant: variant.to_owned(), counts: Ok(counts.into()) });
            }
        }
        judge.outcomes(Stopped::Early)
    }

    fn sentences(outcomes: &[LimitOutcome]) -> String {
        outcomes.iter().map(|one| format!("{:?}: {}", one.verdict, one.sentence)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn counts_of_evidence_decide() {
        let calls = "syscalls.count_per_op";
        let (steady, more) = ([5_000, 5_010, 4_990, 5_005, 4_995, 5_000], [5_500, 5_510, 5_490, 5_505, 5_495, 5_500]);
        let relative = ["syscalls.count_per_op<+3%"];
        insta::assert_snapshot!(sentences(&judged(&relative, calls, &steady, &steady)), @"Held: system calls per op ±0 % [−1.6 %, +1.6 %]: `syscalls.count_per_op<+3%` is kept (30000 in 6000 operations of 6 trials against 30000 in 6000 operations of 6 trials)");
        insta::assert_snapshot!(sentences(&judged(&relative, calls, &steady, &more)), @"Broken: system calls per op +10 % [+8.3 %, +11.7 %]: `syscalls.count_per_op<+3%` is broken (33000 in 6000 operations of 6 trials against 30000 in 6000 operations of 6 trials)");
        insta::assert_snapshot!(sentences(&judged(&["syscalls.count_per_op<+0.1%"], calls, &steady, &steady)), @"CannotTell: system calls per op ±0 % [−1.6 %, +1.6 %]: cannot tell whether `syscalls.count_per_op<+0.1%` is kept (30000 in 6000 operations of 6 trials against 30000 in 6000 operations of 6 trials)");
        let absolute = ["syscalls.count_per_op<5.3", "syscalls.count_per_op<5.1", "syscalls.count_per_op>4"];
        insta::assert_snapshot!(sentences(&judged(&absolute, calls, &[], &steady)), @r"
        Held: system calls per op 5/op [4.94/op, 5.06/op]: `syscalls.count_per_op<5.3` is kept (30000 in 6000 operations of 6 trials)
        Held: system calls per op 5/op [4.94/op, 5.06/op]: `syscalls.count_per_op<5.1` is kept (30000 in 6000 operations of 6 trials)
        Held: system calls per op 5/op [4.94/op, 5.06/op]: `syscalls.count_per_op>4` is kept (30000 in 6000 operations of 6 trials)
        ");
        let long = ["polls.long_per_kop<=0.5", "polls.long_per_kop<+20%"];
        insta::assert_snapshot!(sentences(&judged(&long, "polls.long_per_kop", &[0; 6], &[9, 11, 10, 12, 8, 10])), @r"
        Broken: long polls 10/kop [7.63/kop, 12.9/kop]: `polls.long_per_kop<=0.5` is broken (60 in 6000 operations of 6 trials)
        Broken: long polls: `polls.long_per_kop<+20%` is broken (60 in 6000 operations of 6 trials against 0 in 6000 operations of 6 trials)
        ");
    }

    #[test]
    fn trials_that_differ_say_less_and_missing_ones_nothing() {
        let calls = "syscalls.count_per_op";
        let wild = ([3_000, 7_000, 5_200, 4_100, 6_500, 4_200], [4_000, 8_000, 6_100, 4_900, 7_100, 3_100]);
        insta::assert_snapshot!(sentences(&judged(&["syscalls.count_per_op<+3%"], calls, &wild.0, &wild.1)), @"CannotTell: system calls per op +10.7 % [−28.6 %, +72.1 %]: cannot tell whether `syscalls.count_per_op<+3%` is kept (33200 in 6000 operations of 6 trials against 30000 in 6000 operations of 6 trials)");
        insta::assert_snapshot!(sentences(&judged(&["syscalls.count_per_op<+3%"], "other", &[1], &[1])), @"CannotTell: system calls per op: cannot tell whether `syscalls.count_per_op<+3%` is kept (not counted): evidence of `new` did not count syscalls.count_per_op");
        insta::assert_snapshot!(sentences(&judged(&["syscalls.count_per_op<+3%"], calls, &[], &[1])), @"CannotTell: system calls per op: cannot tell whether `syscalls.count_per_op<+3%` is kept (not counted): no evidence of `base` was gathered");
        let mut judge =
            Judge::new(&[parse("polls.count_per_op<+3%").unwrap()], "base", &["new".to_owned()], 12, 0.01).unwrap();
        judge.count(Evidence { variant: "new".to_owned(), counts: Err("uprobes are refused".to_owned()) });
        insta::assert_snapshot!(sentences(&judge.outcomes(Stopped::OutOfTime)), @"CannotTell: polls per op: cannot tell whether `polls.count_per_op<+3%` is kept (not counted): evidence of `new` is missing: uprobes are refused");
    }

    #[test]
    fn what_evidence_cannot_count_is_no_source() {
        let names = crate::metric::METRICS.iter().map(|metric| metric.name);
        let told = |own| {
            let of = |name: &'static str| match source(name, own) {
                Source::Measured => None,
                other => Some(format!("{name}: {other:?}")),
            };
            names.clone().filter_map(of).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(true), @r#"
                syscalls.count_per_op: Counted(Wait)
                polls.count_per_op: Counted(Tasks)
                tasks.spawned_per_op: Counted(Tasks)
                polls.long_per_kop: Counted(Tasks)
                polls.blocked_per_kop: Nothing("stalls are caught by looks from beside, so that how many are seen depends on how busy the machine is; `polls.long_per_kop` counts every poll over 1 ms")
                waits.long_per_kop: Nothing("no evidence counts waits by their length")
                schedule_delay.p99: Nothing("it is a time that only evidence trials know, and what records slows a program down: counts of evidence decide, times do not")
                runqueue.delay: Nothing("it is a time that only evidence trials know, and what records slows a program down: counts of evidence decide, times do not")
                "#);
        insta::assert_snapshot!(told(false), @r#"
        allocated.max: Nothing("allocations are counted by our own allocator, and the program is not ours: `rss.max` is seen from outside")
        alloc.bytes_per_op: Nothing("allocations are counted by our own allocator, and the program is not ours: `rss.max` is seen from outside")
        alloc.count_per_op: Nothing("allocations are counted by our own allocator, and the program is not ours: `rss.max` is seen from outside")
        syscalls.count_per_op: Counted(Wait)
        polls.count_per_op: Counted(Trace)
        tasks.spawned_per_op: Counted(Trace)
        polls.long_per_kop: Counted(Trace)
        polls.blocked_per_kop: Nothing("stalls are caught by looks from beside, so that how many are seen depends on how busy the machine is; `polls.long_per_kop` counts every poll over 1 ms")
        waits.long_per_kop: Nothing("no evidence counts waits by their length")
        schedule_delay.p99: Nothing("it is a time that only evidence trials know, and what records slows a program down: counts of evidence decide, times do not")
        runqueue.delay: Nothing("it is a time that only evidence trials know, and what records slows a program down: counts of evidence decide, times do not")
        "#);
    }
}
