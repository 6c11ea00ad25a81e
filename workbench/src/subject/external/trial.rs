//! One trial of a program: warm-up, saturated phase, open loop, end.

use std::cell::{Cell, OnceCell};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use flamegraphs::capture::tasks::traceable_among;
use reports::run::{EvidenceKind, FORMAT, PlannedTrial, TrialOutcome, TrialRecord};
use scenarios::spec::{Scenario, Target};

use super::driving::Driving;
use super::memory;
use super::running::Running;
use crate::child::memory::MemorySampler;
use crate::clock::{Clock, SystemClock};
use crate::evidence::Recorded;
use crate::load::{PhaseOutcome, Placement, Round, ladder};
use crate::noise::HostCpu;
use crate::subject::outside::Outside;
use crate::subject::{Phase, SubjectError, TrialData, metrics, timeline};

/// What one trial is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    /// Its place in the plan.
    pub(super) trial: &'a PlannedTrial,
    /// Scenario with overrides applied.
    pub(super) scenario: &'a Scenario,
    pub(super) target: &'a Target,
    /// Seed of the block.
    pub(super) seed: u64,
    pub(super) placement: &'a Placement,
    /// Where it is kept whether its tasks can be traced.
    pub(super) tasks: Option<&'a OnceCell<Result<(), String>>>,
    /// Set by a signal.
    pub(super) stop: &'a AtomicBool,
    /// Why closed loops are left out: the program did not live through one.
    pub(super) spared: Option<&'a str>,
    /// Set where it does not, before the open loop.
    pub(super) crowded_out: &'a Cell<bool>,
}

/// When a trial began, before its program did.
pub(super) struct Began {
    at: String,
    instant: Instant,
    host: HostCpu,
}

impl Began {
    pub(super) fn now() -> Self {
        Self { at: SystemClock.now(), instant: Instant::now(), host: HostCpu::now() }
    }
}

/// Runs the trial to its end; the program is gone afterwards, however it went.
pub(super) fn run(
    setup: &Setup<'_>,
    began: Began,
    mut running: Running,
    mut outside: Outside,
    watch: &mut dyn FnMut(Phase),
) -> Result<TrialData, SubjectError> {
    let Setup { trial, scenario, target, seed, placement, tasks, stop, spared, crowded_out } = *setup;
    let each = trial.kind.evidence().is_some();
    let driving = Driving { scenario, target, seed, placement, stop, each };
    let sampler = MemorySampler::start(memory::resident(running.tree()))
        .map_err(|e| SubjectError::Ours(format!("starting the memory sampler: {e}")))?;
    match spared {
        None => {
            watch(Phase::WarmUp);
            tracing::info_span!("warm-up")
                .in_scope(|| driving.closed(&mut running, Round::WarmUp, scenario.trial.warmup, "the warm-up"))
                .inspect_err(|_| crowded_out.set(running.ends_within(Duration::ZERO)))?;
        }
        Some(reason) => {
            let alone =
                "it was started again and driven by the open loop alone, without warm-up, saturated phase and ladder";
            running.remarks.push(format!("{reason}: {alone}"));
        }
    }
    outside.start(running.pid(), &running.others());
    outside.ask(running.pid(), running.address);
    let mut saturated = None;
    if !scenario.trial.saturated.is_zero() && spared.is_none() {
        watch(Phase::Saturated);
        let span = tracing::info_span!("saturated phase");
        let duration = scenario.trial.saturated;
        let outcome = span.in_scope(|| driving.closed(&mut running, Round::Saturated, duration, "the saturated phase"));
        saturated = Some(outcome.inspect_err(|_| crowded_out.set(running.ends_within(Duration::ZERO)))?);
    }
    let mut open = None;
    if scenario.load.operations > 0 {
        watch(Phase::Open);
        let span = tracing::info_span!("open-loop phase");
        outside.open_loop();
        open = Some(span.in_scope(|| driving.open(&mut running, "the open-loop phase"))?);
    }
    let mut recorded = recorded(trial.kind.evidence(), outside);
    let memory = sampler.finish();
    running.was_driven()?;
    let (mut levels, mut gone) = (Vec::new(), false);
    // Who hangs answers at no level, and may have no room for connections left.
    let hangs = open.as_ref().is_some_and(PhaseOutcome::is_unanswered);
    for (concurrency, duration) in ladder::levels(scenario, trial).into_iter().filter(|_| !hangs && spared.is_none()) {
        watch(Phase::Ladder);
        let span = tracing::info_span!("ladder", concurrency);
        let round = Round::Level { concurrency };
        match span.in_scope(|| driving.closed(&mut running, round, duration, "the ladder")) {
            Ok((outcome, _)) => levels.push(ladder::record(concurrency, &outcome)),
            // All that is measured was by then: what it shows may be why.
            Err(SubjectError::Failed { reason, .. }) if running.ends_within(Duration::ZERO) => {
                let lives = "what was measured before it is kept, and no level from there on";
                running.remarks.push(format!("{reason}, at {concurrency} clients: {lives}"));
                gone = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let levels = ladder::with_saturated(scenario, levels, saturated.as_ref().map(|(outcome, _)| outcome));
    if let Some(tasks) = tasks.filter(|_| !gone) {
        // Once it was driven, and nothing of it is measured any more: by now it has loaded whatever it loads.
        let look = || traceable_among(running.pid(), &running.others()).map_err(|error| error.to_string());
        tasks.get_or_init(look);
    }
    watch(Phase::Stopping);
    let exit = if gone { running.exit()? } else { running.stop()? };

    let driver = open.as_ref().map(|open| driving.record(open)).unwrap_or_default();
    let mut noise = began.host.until(&HostCpu::now(), exit.user_s + exit.system_s + driver.cpu_s);
    noise.insert("driver_cpu_s".into(), driver.cpu_s);
    let observed = metrics::Observed {
        saturated: saturated.as_ref().map(|(closed, usage)| (closed, *usage)),
        open: open.as_ref(),
        memory: &memory,
        limit: None,
        allocations: false,
    };
    if let Some(Ok(recorded)) = &mut recorded {
        recorded.driven(open.as_ref(), observed.answered());
    }
    let answered = observed.answered();
    let record = TrialRecord {
        format: FORMAT,
        index: trial.index,
        block: trial.block,
        variant: trial.variant.clone(),
        kind: trial.kind,
        outcome: TrialOutcome::Ok,
        started_at: began.at,
        duration_s: began.instant.elapsed().as_secs_f64(),
        effective: std::mem::take(&mut running.effective),
        metrics: metrics::metrics(&observed, &driver),
        counts: Default::default(),
        operations: open.as_ref().map(metrics::operations).unwrap_or_default(),
        driver,
        noise,
        drain: None,
        exit,
        remarks: std::mem::take(&mut running.remarks),
        heeded: std::mem::take(&mut running.heeded),
        levels,
    };
    Ok(TrialData {
        answered,
        record,
        intervals: open.as_ref().map(metrics::intervals).unwrap_or_default(),
        timeline: open.as_ref().map(|open| timeline::with_memory(open, &memory)).unwrap_or_default(),
        log: running.output(),
        recorded,
    })
}

/// What was recorded from outside; nothing else can be.
fn recorded(kind: Option<EvidenceKind>, outside: Outside) -> Option<Result<Recorded, String>> {
    let kind = kind?;
    let missing = || format!("evidence of {} needs code of ours in the program", kind.name());
    Some(outside.stop().unwrap_or_else(|| Err(missing())))
}
