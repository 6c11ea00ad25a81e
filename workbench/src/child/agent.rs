//! The agent of an evidence trial: one a process, started after the warm-up, stopped after the last phase.

use std::time::Duration;

use probe::allocator_timeline;
use probe::stalls::{DEFAULT_THRESHOLD, Options, Watchdog};
use reports::run::{EvidenceKind, HeapBackend};

use super::ChildError;
use super::host::Host;
use super::protocol::Assignment;
use crate::evidence::allocator::Timeline;
use crate::evidence::cpu::FromInside;
use crate::evidence::{ConsoleRecord, Recorded, TaskEvidence, sampling};

/// A running agent.
pub(super) enum Agent {
    Cpu(probe::cpu::Profiler),
    Heap(probe::heap::Profiler),
    JemallocHeap(probe::jemalloc::profiling::Profiler),
    /// The recorder lives with the runtime it was built into. Where nobody watches for stalls, why.
    Tasks(Result<Watchdog, String>),
    Allocator(probe::allocator_timeline::Recorder, bool),
    /// Server and recorder run since before the runtime did, since the console sees nothing that is older than itself.
    Console,
}

impl Agent {
    /// Starts what gathers this kind of evidence.
    pub(super) fn start(kind: EvidenceKind, assignment: &Assignment, host: &Host) -> Result<Self, ChildError> {
        Ok(match kind {
            EvidenceKind::Cpu => Self::Cpu(sampling::start(assignment.cpu).map_err(cpu)?),
            EvidenceKind::Heap if assignment.heap == Some(HeapBackend::Jemalloc) => {
                Self::JemallocHeap(probe::jemalloc::profiling::Profiler::start().map_err(heap)?)
            }
            EvidenceKind::Heap => {
                let rate = probe::heap::DEFAULT_RATE;
                Self::Heap(probe::heap::Profiler::start_watching_peak(rate).map_err(heap)?)
            }
            EvidenceKind::Tasks => {
                let recorder = host.tasks()?;
                recorder.start();
                let threshold = assignment.stall_after_s.map_or(DEFAULT_THRESHOLD, Duration::from_secs_f64);
                let options = Options { threshold, on_stall: None };
                Self::Tasks(Watchdog::start(recorder, options).map_err(|error| error.to_string()))
            }
            EvidenceKind::Allocator => {
                let incident = host.incident();
                let hz = if incident { allocator_timeline::INCIDENT_HZ } else { allocator_timeline::HZ };
                Self::Allocator(allocator_timeline::Recorder::start(hz).map_err(allocator)?, incident)
            }
            EvidenceKind::Console => {
                host.tasks()?;
                Self::Console
            }
            EvidenceKind::Trace => return Err(ChildError::Workload("tasks are traced from outside".to_owned())),
            EvidenceKind::Wait => return Err(ChildError::Workload("waits are recorded from outside".to_owned())),
        })
    }

    /// Stops it and hands over what it recorded.
    pub(super) fn stop(self, host: &Host) -> Result<Recorded, ChildError> {
        Ok(match self {
            Self::Cpu(profiler) => Recorded::Cpu(Box::new(FromInside::of(profiler.stop().map_err(cpu)?))),
            Self::Heap(profiler) => Recorded::Heap(profiler.stop().map_err(heap)?),
            Self::JemallocHeap(profiler) => Recorded::JemallocHeap(profiler.stop().map_err(heap)?),
            Self::Tasks(watchdog) => {
                let recorder = host.tasks()?;
                recorder.stop();
                let sites = recorder.snapshot();
                let stalls = watchdog.and_then(|watchdog| watchdog.stop().map_err(|error| error.to_string()));
                Recorded::Tasks(TaskEvidence { sites, stalls: Some(stalls) })
            }
            Self::Allocator(recorder, incident) => {
                Recorded::Allocator(Timeline { recording: recorder.stop(), incident, ..Timeline::default() })
            }
            Self::Console => Recorded::Console(ConsoleRecord { sites: host.tasks()?.snapshot(), recording: None }),
        })
    }
}

fn cpu(error: impl std::fmt::Display) -> ChildError {
    ChildError::Workload(format!("profiler: {error}"))
}

fn allocator(error: impl std::fmt::Display) -> ChildError {
    ChildError::Workload(format!("recording the allocator: {error}"))
}

fn heap(error: impl std::fmt::Display) -> ChildError {
    ChildError::Workload(format!("heap profiler: {error}"))
}
