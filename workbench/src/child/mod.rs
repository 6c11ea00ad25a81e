//! The measured process of a built-in scenario: the same executable, started again once per trial.

mod agent;
mod allocator;
mod effective;
mod host;
mod limit;
pub(crate) mod memory;
pub mod protocol;
mod replies;

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;

use scenarios::catalog::Catalog;

use self::agent::Agent;
use self::host::Host;
use self::memory::MemorySampler;
use self::protocol::{Assignment, Command, Greeting, PROTOCOL, Reply, Usage};
use self::replies::Replies;
use crate::evidence::Recorded;

/// The hidden command that makes this executable a child.
pub const COMMAND: &str = "__child";

/// Why a child cannot go on.
#[derive(Debug, thiserror::Error)]
enum ChildError {
    /// The parent said something unreadable, or is gone.
    #[error("the parent's side of the pipe: {0}")]
    Parent(#[from] std::io::Error),
    /// A setting could not be applied or read back.
    #[error("{0}")]
    Setting(String),
    /// The workload gave up.
    #[error("{0}")]
    Workload(String),
}

/// Runs the child to its end.
pub fn main(catalog: &Catalog) -> ExitCode {
    let Ok(replies) = Replies::claim_stdout().map(Arc::new) else { return ExitCode::FAILURE };
    let reply = match run(catalog, &replies) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(ChildError::Setting(message)) => Reply::Refused { message },
        Err(error) => Reply::Failed { message: error.to_string() },
    };
    let _ = replies.send(&reply);
    ExitCode::FAILURE
}

fn run(catalog: &Catalog, replies: &Arc<Replies>) -> Result<(), ChildError> {
    let mut requests = std::io::stdin().lock().lines();
    let Some(first) = requests.next().transpose()? else { return Ok(()) };
    let Greeting { protocol } = read(&first)?;
    if protocol != PROTOCOL {
        return Err(ChildError::Setting(format!(
            "this program speaks version {PROTOCOL} of the talk between workbench and its child, and was spoken to in version \
             {protocol}: measure it by a workbench of its own time, or build it from its commit again"
        )));
    }
    let assignment: Assignment = read(&first)?;
    effective::confine(&assignment)?;
    let runtime_settings = effective::runtime_settings(&assignment.settings)?;
    let mut effective = effective::process(&assignment.settings, assignment.preflight)?;
    effective.extend(effective::environment(&assignment.settings));
    effective.extend(effective::parameters(&assignment.settings));
    if assignment.preflight {
        let read_back = probe::runtime::read_back(&runtime_settings).map_err(|e| ChildError::Setting(e.to_string()))?;
        effective.extend(read_back.into_iter().map(|(name, value)| effective::runtime(name, &value)));
    }
    let (limit, pressure) = limit::start(&assignment.settings)?;
    effective.extend(limit::effective(limit.as_ref()));
    let mut host = Host::start(catalog, &assignment, &runtime_settings, pressure)?;
    effective.extend(host.effective());
    let port = host.port();
    let hidden = probe::jemalloc::hidden_sources();
    replies.send(&Reply::Ready { protocol: PROTOCOL, port, console: host.console(), effective, hidden })?;
    if assignment.preflight {
        return Ok(());
    }
    let sampler = MemorySampler::start(memory::own)?;
    let mut agent = None;
    while let Some(line) = requests.next().transpose()? {
        let reply = match read(&line)? {
            Command::Usage => {
                host.check()?;
                Reply::Usage(usage()?)
            }
            Command::DriveClosed { round, duration_s } => {
                let (outcome, used) = host.drive_closed(round, duration_s)?;
                Reply::Closed { outcome: Box::new(outcome), used }
            }
            Command::DriveOpen => Reply::Open(Box::new(host.drive_open()?)),
            Command::StartEvidence => {
                let kind = assignment
                    .evidence
                    .ok_or_else(|| ChildError::Workload("this trial measures: it has no agent".into()))?;
                agent = Some(Agent::start(kind, &assignment, &host)?);
                Reply::Usage(usage()?)
            }
            Command::StopEvidence => {
                let agent = agent.take().ok_or_else(|| ChildError::Workload("no agent is running".into()))?;
                let mut recorded = agent.stop(&host)?;
                if let (Recorded::Allocator(timeline), Some(limit)) = (&mut recorded, &limit) {
                    timeline.pressure = limit.changes();
                }
                Reply::Recorded { recorded: Box::new(recorded) }
            }
            Command::Stop => {
                // Before the threads end: allocators give pages back when their owner does, and `rss.end` would be that
                // of a process with nobody left in it (design 03 §3).
                let memory = sampler.finish();
                let limit = limit.map(probe::memory_limit::Controller::stop);
                let drain = host.stop()?;
                replies.send(&Reply::Done { drain, memory, limit })?;
                return Ok(());
            }
        };
        replies.send(&reply)?;
    }
    // The parent closed the pipe without a word: it is gone, and so are we.
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(line: &str) -> Result<T, ChildError> {
    serde_json::from_str(line).map_err(|e| ChildError::Parent(e.into()))
}

fn usage() -> Result<Usage, ChildError> {
    let used = probe::usage::process()?;
    let counters = probe::allocator::counters();
    Ok(Usage {
        cpu_s: used.cpu_s,
        minor_faults: used.minor_faults,
        major_faults: used.major_faults,
        voluntary_switches: used.voluntary_switches,
        involuntary_switches: used.involuntary_switches,
        allocated_bytes: counters.bytes_allocated,
        allocations: counters.allocations,
    })
}
