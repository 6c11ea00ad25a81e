//! One trial of a built-in scenario: warm-up, saturated phase, open loop, shutdown.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use reports::run::{DrainRecord, EvidenceKind, FORMAT, LevelRecord, PlannedTrial, TrialOutcome, TrialRecord};
use scenarios::spec::{Scenario, Variant};

use super::conversation::Conversation;
use super::driving::Driving;
use super::{START_PATIENCE, conversation::Ready};
use crate::child::protocol::{Command, MemorySample, Reply, Usage};
use crate::clock::{Clock, SystemClock};
use crate::conductor::disagreement;
use crate::evidence::Recorded;
use crate::load::{Clock as _, ClosedOutcome, PhaseOutcome, Placement, Round, ladder};
use crate::noise::HostCpu;
use crate::recording::{Limits, Recorder, RecordingError};
use crate::subject::outside::Outside;
use crate::subject::{Phase, SubjectError, TrialData, metrics, timeline};

/// Symbolising reads the debug information of the whole executable.
pub(super) const RECORDED_PATIENCE: Duration = Duration::from_secs(60);
/// Drain deadline of the child and the end of its runtime.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the phases left.
struct Phases {
    saturated: Option<(ClosedOutcome, Usage)>,
    open: Option<PhaseOutcome>,
    levels: Vec<LevelRecord>,
    recorded: Option<Result<Recorded, String>>,
    drain: Option<DrainRecord>,
    memory: Vec<MemorySample>,
    limit: Option<probe::memory_limit::Tally>,
}

impl Phases {
    fn hangs(&self) -> bool {
        self.open.as_ref().is_some_and(PhaseOutcome::is_unanswered)
    }
}

/// Who records in this process what the subject does.
struct Observers {
    /// Listens to the subject's console, where it serves one.
    console: Option<Result<Recorder, RecordingError>>,
    /// Watches it, where that was asked for.
    outside: Outside,
}

/// What one trial is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    /// Its place in the plan.
    pub(super) trial: &'a PlannedTrial,
    /// Scenario with overrides applied.
    pub(super) scenario: &'a Scenario,
    /// Configuration.
    pub(super) variant: &'a Variant,
    /// Seed of the block.
    pub(super) seed: u64,
    /// Where the driver runs.
    pub(super) placement: &'a Placement,
    /// Set by a signal.
    pub(super) stop: &'a AtomicBool,
}

/// Runs the trial to its end; the process is gone afterwards, however it went.
pub(super) fn run(
    setup: &Setup<'_>,
    mut conversation: Conversation,
    outside: Outside,
    watch: &mut dyn FnMut(Phase),
) -> Result<TrialData, SubjectError> {
    let Setup { trial, scenario, variant, seed, placement, stop } = *setup;
    let started_at = SystemClock.now();
    let began = Instant::now();
    let host_before = HostCpu::now();
    let ready = conversation.ready(START_PATIENCE)?;
    let Ready { effective, port, console, hidden } = ready;
    if let Some(message) = disagreement(&cheap(&variant.settings), &effective) {
        return Err(SubjectError::Refused(message));
    }
    if let Some(source) = hidden.first() {
        tracing::warn!("jemalloc also reads {source}");
    }
    // From the first moment on: the hooks' count, which it is checked against, begins with the runtime.
    let console = console.map(|address| Recorder::start(address, Limits::default()));
    let observers = Observers { console, outside };
    let driving =
        Driving::new(scenario, seed, port, placement.clone(), stop).keeping_each(trial.kind.evidence().is_some());
    let mut phases = phases(trial, scenario, &driving, &mut conversation, observers, watch)?;
    if let Some(Ok(Recorded::Allocator(timeline))) = &mut phases.recorded {
        let limit = effective.get("allocator.memory_limit");
        timeline.limit = limit.and_then(|limit| scenarios::knobs::parse_size(limit).ok());
    }
    let exit = conversation.finish(STOP_PATIENCE)?;
    if exit.code != Some(0) && !phases.hangs() {
        return Err(conversation.failed("after shutting down, the process", &exit));
    }

    let driver = phases.open.as_ref().map(|open| driving.record(open)).unwrap_or_default();
    let driver_cpu_s = if port.is_some() { driver.cpu_s } else { 0.0 };
    let mut noise = host_before.until(&HostCpu::now(), exit.user_s + exit.system_s + driver_cpu_s);
    noise.insert("driver_cpu_s".into(), driver.cpu_s);
    let observed = metrics::Observed {
        saturated: phases.saturated.as_ref().map(|(closed, usage)| (closed, *usage)),
        open: phases.open.as_ref(),
        memory: &phases.memory,
        limit: phases.limit.as_ref(),
        allocations: true,
    };
    if let Some(Ok(recorded)) = &mut phases.recorded {
        recorded.driven(phases.open.as_ref(), observed.answered());
    }
    let answered = observed.answered();
    let record = TrialRecord {
        format: FORMAT,
        index: trial.index,
        block: trial.block,
        variant: trial.variant.clone(),
        kind: trial.kind,
        outcome: TrialOutcome::Ok,
        started_at,
        duration_s: began.elapsed().as_secs_f64(),
        effective,
        metrics: metrics::metrics(&observed, &driver),
        counts: Default::default(),
        operations: phases.open.as_ref().map(metrics::operations).unwrap_or_default(),
        driver,
        noise,
        drain: phases.drain,
        exit,
        remarks: Vec::new(),
        heeded: Default::default(),
        levels: phases.levels,
    };
    Ok(TrialData {
        answered,
        record,
        intervals: phases.open.as_ref().map(metrics::intervals).unwrap_or_default(),
        timeline: phases.open.as_ref().map(|open| timeline::with_memory(open, &phases.memory)).unwrap_or_default(),
        log: conversation.stderr(),
        recorded: phases.recorded,
    })
}

fn phases(
    trial: &PlannedTrial,
    scenario: &Scenario,
    driving: &Driving<'_>,
    conversation: &mut Conversation,
    observers: Observers,
    watch: &mut dyn FnMut(Phase),
) -> Result<Phases, SubjectError> {
    watch(Phase::WarmUp);
    tracing::info_span!("warm-up")
        .in_scope(|| driving.closed(conversation, Round::WarmUp, scenario.trial.warmup, "the warm-up"))?;
    let Observers { console, mut outside } = observers;
    outside.start(conversation.pid(), &[]);
    // Who is watched from outside has no agent.
    let evidence = trial.kind.evidence().filter(|_| !outside.replaces_the_agent()).map(agent);
    let refused = outside.refused().map(str::to_owned);
    if let Some(agent) = evidence {
        conversation.ask(&Command::StartEvidence, &format!("starting {agent}"), START_PATIENCE)?;
    }
    let mut saturated = None;
    if !scenario.trial.saturated.is_zero() {
        watch(Phase::Saturated);
        let span = tracing::info_span!("saturated phase");
        let duration = scenario.trial.saturated;
        saturated =
            Some(span.in_scope(|| driving.closed(conversation, Round::Saturated, duration, "the saturated phase"))?);
    }
    let mut open = None;
    if scenario.load.operations > 0 {
        watch(Phase::Open);
        let span = tracing::info_span!("open-loop phase");
        outside.open_loop();
        open = Some(span.in_scope(|| driving.open(conversation, "the open-loop phase"))?);
    }
    let seen = outside.stop();
    let recorded = match evidence {
        None => seen,
        Some(agent) => {
            match conversation.ask(&Command::StopEvidence, &format!("stopping {agent}"), RECORDED_PATIENCE)? {
                Reply::Recorded { mut recorded } => {
                    if let Recorded::Cpu(record) = &mut *recorded {
                        record.profile.perf_refused = refused;
                    }
                    Some(Ok(with_recording(*recorded, console)))
                }
                other => return Err(conversation.out_of_turn("recorded", &other)),
            }
        }
    };
    let began_ns = crate::load::MonotonicClock.now_ns();
    let mut levels = Vec::new();
    // Who hangs answers at no level.
    let hangs = open.as_ref().is_some_and(PhaseOutcome::is_unanswered);
    for (concurrency, duration) in ladder::levels(scenario, trial).into_iter().filter(|_| !hangs) {
        watch(Phase::Ladder);
        let span = tracing::info_span!("ladder", concurrency);
        let round = Round::Level { concurrency };
        let (outcome, _) = span.in_scope(|| driving.closed(conversation, round, duration, "the ladder"))?;
        levels.push(ladder::record(concurrency, &outcome));
    }
    let levels = ladder::with_saturated(scenario, levels, saturated.as_ref().map(|(outcome, _)| outcome));
    watch(Phase::Stopping);
    match conversation.ask(&Command::Stop, "shutting down", STOP_PATIENCE) {
        Ok(Reply::Done { drain, mut memory, limit }) => {
            // What the ladder does to memory is not what a trial measures.
            if !levels.is_empty() {
                memory.retain(|sample| sample.at_ns < began_ns);
            }
            Ok(Phases { saturated, open, levels, recorded, drain, memory, limit })
        }
        // Whoever answers nothing may not hear of the end either; it was killed.
        Err(SubjectError::Failed { .. }) if hangs => {
            Ok(Phases { saturated, open, levels, recorded, drain: None, memory: Vec::new(), limit: None })
        }
        Ok(other) => Err(conversation.out_of_turn("done", &other)),
        Err(error) => Err(error),
    }
}

/// Adds what was recorded here to what the process recorded itself.
fn with_recording(mut recorded: Recorded, recorder: Option<Result<Recorder, RecordingError>>) -> Recorded {
    if let Recorded::Console(record) = &mut recorded {
        let counts = record.counts();
        record.recording = recorder
            .map(|started| started.and_then(|recorder| recorder.stop(Some(counts))).map_err(|error| error.to_string()));
    }
    recorded
}

/// What gathers a kind of evidence, in words.
fn agent(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Cpu => "the profiler",
        EvidenceKind::Heap => "the heap profiler",
        EvidenceKind::Tasks => "the recording of tasks",
        EvidenceKind::Allocator => "the recording of the allocator",
        EvidenceKind::Console => "tokio-console",
        EvidenceKind::Trace => "the trace of tasks",
        EvidenceKind::Wait => "the recording of waits",
    }
}

/// Settings that every trial child reads back; the others are found by behaviour, in the preflight child, by the same
/// code that builds this runtime.
pub(super) fn cheap(settings: &scenarios::spec::Settings) -> scenarios::spec::Settings {
    let by_behaviour = |path: &str| {
        path == "allocator.jemalloc.calloc_madvise_threshold"
            || path.strip_prefix("runtime.").is_some_and(|name| name != "flavor" && name != "worker_threads")
    };
    settings.iter().filter(|(path, _)| !by_behaviour(path)).map(|(p, v)| (p.clone(), v.clone())).collect()
}
