//! What of the evidence may be used: evidence of another build, of another version of this program or without names says
//! nothing of causes, and the findings say so.

use std::collections::BTreeMap;

use super::cause::percent;
use super::joined::{Joined, knows_goroutines};
use crate::run::{EvidenceKind, LoadedRun, TrialKind, TrialOutcome, TrialRecord};

/// Path of the setting that names the file of a program, as it is read back from every trial.
pub const PROGRAM_FILE: &str = "program.binary";

/// Part of the samples of the program that must have a name for the profile to be used at all, and for all of it to be.
const NAMED_LEAST: f64 = 0.5;
const NAMED_WELL: f64 = 0.9;

/// What keeps names and lines in a binary.
const KEEP: &str = "build with `strip = false` and `debug = \"line-tables-only\"` in its profile";

/// What Go keeps to itself, and who tells it.
const GOROUTINES: &str = "goroutines were not traced. The wait trial traces them by uprobes, as root or with CAP_PERFMON, in a \
                          program that has its symbols; one that serves `net/http/pprof`, on whichever of its ports, is asked \
                          for them; for more, set `runtime.SetMutexProfileFraction(1)` and `runtime.SetBlockProfileRate(1)` \
                          in it, and ask it under load with `workbench attach :6060`";
/// The same where their waits are known.
const TRACED: &str = "the waits of its goroutines were traced in the wait trial, not how long those that are ready wait for a \
                      thread: `GODEBUG=schedtrace=1000` in its environment counts them";

/// Kinds of evidence whose trial ran another file than the measured trials did, and how that was told.
pub(super) fn of_other_builds(trials: &[TrialRecord], variant: &str) -> BTreeMap<&'static str, String> {
    let file = |trial: &TrialRecord| trial.effective.get(PROGRAM_FILE).map(ToString::to_string);
    let of_variant = || trials.iter().filter(|t| t.variant == variant && t.outcome == TrialOutcome::Ok);
    let Some(measured) = of_variant().filter(|t| t.kind == TrialKind::Measure).find_map(file) else {
        return BTreeMap::new();
    };
    let told = of_variant().filter_map(|trial| {
        let kind = trial.kind.evidence()?;
        let found = file(trial).filter(|found| *found != measured)?;
        let name = kind.name();
        Some((
            name,
            format!("it is of another build: it ran {found}, the measured trials ran {measured}: gather it again with a new run"),
        ))
    });
    told.collect()
}

/// Kinds of evidence whose trial went well and whose file is not in the run.
pub(super) fn lost(run: &LoadedRun, variant: &str) -> BTreeMap<&'static str, String> {
    let waits = run.waits.get(variant);
    let there = |kind: EvidenceKind| match kind {
        EvidenceKind::Wait => waits.is_some(),
        EvidenceKind::Trace => run.traces.contains_key(variant),
        _ => true,
    };
    let of_variant = run.trials.iter().filter(|t| t.variant == variant && t.outcome == TrialOutcome::Ok);
    let kinds = of_variant.filter_map(|trial| trial.kind.evidence()).filter(|kind| !there(*kind));
    kinds
        .map(|kind| (kind.name(), "its trial went well, but its file is not in the run: gather it again".to_owned()))
        .collect()
}

/// What is left of a variant when what cannot be used is gone, each with its reason.
pub(super) fn usable<'a>(joined: &Joined<'a>) -> Joined<'a> {
    let mut usable = joined.clone();
    if let Some(cpu) = joined.cpu.filter(|cpu| cpu.named < NAMED_WELL) {
        let said = format!("only {} of its samples of the program have a name: {KEEP}", percent(cpu.named));
        if cpu.named < NAMED_LEAST {
            (usable.cpu, usable.breach) = (None, None);
            usable.missing.insert("cpu", said);
        } else {
            usable.partly.push(("cpu", said));
        }
    }
    usable
        .partly
        .extend(joined.threads.and_then(|all| all.head.standing_refused.clone()).map(|because| ("wait", because)));
    if joined.trace.is_none() && joined.build.is_some_and(|build| build.go) {
        let traced = joined.threads.is_some_and(knows_goroutines);
        usable.missing.insert("trace", if traced { TRACED } else { GOROUTINES }.into());
    }
    if let Some(build) = joined.build {
        if !build.symbols {
            usable
                .partly
                .push(("binary", format!("{} has no symbols, so that places have no name: {KEEP}", build.path)));
        } else if !build.lines {
            let said = format!("{} has no line tables, so that functions are named without lines: {KEEP}", build.path);
            usable.partly.push(("binary", said));
        }
    }
    usable.stand_in();
    usable
}

impl Joined<'_> {
    /// Leaves out a kind of evidence, and keeps why.
    pub(super) fn leave_out(&mut self, kind: &'static str, because: String) {
        match kind {
            "cpu" => (self.cpu, self.breach) = (None, None),
            "wait" => (self.threads, self.kernel, self.waited) = (None, None, None),
            "trace" => (self.trace, self.traced, self.traced_saturated) = (None, None, 0),
            "tasks" => self.stalls = None,
            _ => return,
        }
        self.missing.insert(kind, because);
    }
}
