//! Hosts the workload on a runtime built from the settings, and drives it where it is in-process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use probe::console::{self, Console, ConsoleError};
use probe::stalls;
use probe::tasks::{InstallError, Latency, Recorder};
use reports::run::{DrainRecord, EvidenceKind, Waits};
use scenarios::catalog::{Catalog, Constructor};
use scenarios::spec::Settings;
use scenarios::workload::{Context, Drained, InProcess, Pressure, Shutdown, ShutdownTrigger, WorkloadError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;

use super::ChildError;
use super::protocol::{Assignment, Usage, workload_parameters};
use crate::load::{self, ClosedOutcome, PhaseOutcome, Placement, Round};

/// In-flight requests get this long after shutdown is asked for.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// And the server this much longer to come to its end.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// A running workload.
pub(super) struct Host {
    handle: Handle,
    work: Work,
    assignment: Assignment,
    /// Only where tasks are the evidence; or why there is none.
    tasks: Option<Result<Recorder, InstallError>>,
    /// Only where tokio-console is the evidence.
    console: Option<Console>,
    /// Tells the thread that owns the runtime to give it up.
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    owner: Option<std::thread::JoinHandle<()>>,
}

enum Work {
    InProcess(Arc<dyn InProcess>),
    Networked { port: u16, trigger: ShutdownTrigger, serving: JoinHandle<Result<Drained, WorkloadError>> },
}

impl Host {
    /// Builds runtime and workload, and starts serving where it is networked.
    pub(super) fn start(
        catalog: &Catalog,
        assignment: &Assignment,
        settings: &probe::runtime::Settings,
        pressure: Pressure,
    ) -> Result<Self, ChildError> {
        // First of all: the console sees nothing that is older than itself.
        let console = match assignment.evidence {
            Some(EvidenceKind::Console) => Some(serve_console(assignment.console_port)?),
            _ => None,
        };
        let (runtime, tasks) = match assignment.evidence {
            Some(EvidenceKind::Tasks | EvidenceKind::Console) => {
                let latency = match assignment.task_waits {
                    None | Some(Waits::FirstPoll) => Latency::FirstPoll,
                    Some(Waits::EveryPoll) => Latency::EveryPoll,
                    Some(Waits::Untracked) => Latency::Untracked,
                };
                probe::runtime::build_recorded_with(settings, latency).map(|(runtime, tasks)| (runtime, Some(tasks)))
            }
            _ => probe::runtime::build(settings).map(|runtime| (runtime, None)),
        }
        .map_err(|e| ChildError::Setting(e.to_string()))?;
        if let (Some(console), Some(Ok(tasks))) = (&console, &tasks) {
            tasks.start();
            console.show_tasks(tasks.clone());
            show_stalls(console, tasks);
        }
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // A current-thread runtime runs only while somebody blocks on it, so both flavours get an owner thread.
        let owner = std::thread::Builder::new().name("runtime-owner".into()).spawn(move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        let scenario = &assignment.scenario;
        let operations = scenario.mix.iter().map(|o| o.name.clone()).collect();
        let context =
            Context::new(workload_parameters(&assignment.settings), operations, handle.clone(), assignment.seed)
                .with_pressure(pressure);
        let constructor = catalog
            .constructor(&scenario.workload)
            .ok_or_else(|| ChildError::Setting(format!("this program has no workload `{}`", scenario.workload)))?;
        let _inside = handle.enter();
        let refused = |e: WorkloadError| match e {
            WorkloadError::Parameter { .. } => ChildError::Setting(e.to_string()),
            other => ChildError::Workload(other.to_string()),
        };
        let work = match constructor {
            Constructor::InProcess(build) => Work::InProcess(build(&context).map_err(refused)?),
            Constructor::Networked(build) => {
                let workload = build(&context).map_err(refused)?;
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                let port = listener.local_addr()?.port();
                let (trigger, shutdown) = Shutdown::new(DRAIN_DEADLINE);
                let serving = handle.spawn(workload.serve(listener, shutdown));
                Work::Networked { port, trigger, serving }
            }
        };
        drop(_inside);
        Ok(Self { handle, work, assignment: assignment.clone(), tasks, console, stop: Some(stop), owner: Some(owner) })
    }

    /// Who records the tasks of the runtime.
    pub(super) fn tasks(&self) -> Result<&Recorder, ChildError> {
        match &self.tasks {
            Some(Ok(recorder)) => Ok(recorder),
            Some(Err(error)) => Err(ChildError::Workload(error.to_string())),
            None => Err(ChildError::Workload("this trial is not there to record tasks".into())),
        }
    }

    /// Whether evidence is gathered at the rate for incidents.
    pub(super) fn incident(&self) -> bool {
        self.assignment.incident
    }

    /// Where tokio-console can connect.
    pub(super) fn console(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(Console::address)
    }

    /// Port of a networked workload.
    pub(super) fn port(&self) -> Option<u16> {
        match &self.work {
            Work::InProcess(_) => None,
            Work::Networked { port, .. } => Some(*port),
        }
    }

    /// What can be read from the very runtime that is being measured.
    pub(super) fn effective(&self) -> Settings {
        let flavor = match self.handle.runtime_flavor() {
            RuntimeFlavor::CurrentThread => "current_thread",
            _ => "multi_thread",
        };
        Settings::from([
            ("runtime.flavor".to_owned(), flavor.to_owned()),
            ("runtime.worker_threads".to_owned(), self.handle.metrics().num_workers().to_string()),
        ])
    }

    /// Whether a server still serves; where it ended unasked, why.
    pub(super) fn check(&mut self) -> Result<(), ChildError> {
        let Work::Networked { serving, .. } = &mut self.work else { return Ok(()) };
        if !serving.is_finished() {
            return Ok(());
        }
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let ended = std::mem::replace(serving, self.handle.spawn(std::future::pending()));
        self.handle.spawn(async move {
            let _ = sender.send(ended.await);
        });
        Err(ChildError::Workload(match receiver.recv_timeout(STOP_GRACE) {
            Ok(Ok(Err(error))) => format!("the server gave up: {error}"),
            Ok(Err(error)) => format!("the server task ended badly: {error}"),
            Ok(Ok(Ok(_))) | Err(_) => "the server ended before it was asked to".to_owned(),
        }))
    }

    /// Drives a closed loop; also says what this process used from its first operation to its last.
    pub(super) fn drive_closed(&self, round: Round, duration_s: f64) -> Result<(ClosedOutcome, Usage), ChildError> {
        let workload = self.in_process()?;
        let spec = load::ClosedSpec::new(
            &self.assignment.scenario,
            round,
            self.assignment.seed,
            Duration::from_secs_f64(duration_s.max(0.0)),
        )
        .placed(self.placement());
        let mut edges = Vec::with_capacity(2);
        let mut meter = || edges.push(super::usage());
        let outcome =
            load::in_process::drive_closed_metered(&self.handle, workload, &spec, &AtomicBool::new(false), &mut meter)
                .map_err(|e| ChildError::Workload(e.to_string()))?;
        let edges = edges.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok((outcome, Usage::between(&edges)))
    }

    /// Drives the open loop of the scenario.
    pub(super) fn drive_open(&self) -> Result<PhaseOutcome, ChildError> {
        let workload = self.in_process()?;
        let spec = load::OpenSpec::new(&self.assignment.scenario, self.assignment.seed)
            .placed(self.placement())
            .keeping_each(self.assignment.evidence.is_some());
        load::in_process::drive_open(&self.handle, workload, &spec, &AtomicBool::new(false))
            .map_err(|e| ChildError::Workload(e.to_string()))
    }

    fn placement(&self) -> Placement {
        self.assignment.placement.clone().unwrap_or(Placement::Shared)
    }

    fn in_process(&self) -> Result<Arc<dyn InProcess>, ChildError> {
        match &self.work {
            Work::InProcess(workload) => Ok(Arc::clone(workload)),
            Work::Networked { .. } => {
                Err(ChildError::Workload("a networked workload is driven from the parent".into()))
            }
        }
    }

    /// Drains and ends the runtime.
    pub(super) fn stop(mut self) -> Result<Option<DrainRecord>, ChildError> {
        let drain = match self.work {
            Work::InProcess(_) => None,
            Work::Networked { trigger, serving, .. } => {
                trigger.trigger();
                let (sender, receiver) = std::sync::mpsc::sync_channel(1);
                self.handle.spawn(async move {
                    let _ = sender.send(serving.await);
                });
                let answer = receiver.recv_timeout(DRAIN_DEADLINE + STOP_GRACE).map_err(|_| {
                    ChildError::Workload(format!(
                        "the server was still running {STOP_GRACE:?} after the {DRAIN_DEADLINE:?} it has for draining"
                    ))
                })?;
                let drained = match answer {
                    Ok(Ok(drained)) => drained,
                    Ok(Err(e)) => return Err(ChildError::Workload(e.to_string())),
                    Err(e) => return Err(ChildError::Workload(format!("the server task ended badly: {e}"))),
                };
                Some(DrainRecord {
                    in_flight: drained.in_flight,
                    drained: drained.drained,
                    cut: drained.cut,
                    deadline_s: DRAIN_DEADLINE.as_secs_f64(),
                    took_s: drained.took.as_secs_f64(),
                })
            }
        };
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(owner) = self.owner.take() {
            let _ = owner.join();
        }
        Ok(drain)
    }
}

/// Shows stalls with their culprits. Without a watchdog the console still counts them.
fn show_stalls(console: &Console, tasks: &Recorder) {
    // Somebody who is told makes the watchdog name culprits at once.
    let options = stalls::Options { on_stall: Some(Box::new(|_| {})), ..Default::default() };
    if let Ok(watchdog) = stalls::Watchdog::start(tasks, options) {
        console.show_stalls(move || watchdog.summary());
    }
}

/// Serves tokio-console from this process.
fn serve_console(port: u16) -> Result<Console, ChildError> {
    let options = console::Options { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ..Default::default() };
    Console::start(&options).map_err(|error| match error {
        ConsoleError::PortTaken(_) => {
            ChildError::Setting(format!("{error}: choose another with `--port`, 0 for any free one"))
        }
        other => ChildError::Workload(other.to_string()),
    })
}
