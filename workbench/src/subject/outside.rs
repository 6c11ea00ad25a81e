//! Subjects that are watched from outside, whatever they are: started on a thread whose perf events they inherit, and
//! looked at in /proc while they run. Nothing of ours is in them for that.

mod cgroup;
mod goroutines;
mod kernel;
pub(crate) mod moments;
mod process;
pub(super) mod sockets;
mod starts;

use flamegraphs::capture::tasks::{self, TaskTracer};
use flamegraphs::capture::{Options, Recorder};
use reports::run::{CpuBackend, CpuSampling, EvidenceKind};

use crate::evidence::Recorded;
use crate::evidence::cpu::CpuRecord;
use crate::evidence::wait::WaitRecord;

pub(crate) use goroutines::Asking;
pub use goroutines::{Dump, Goroutines};
pub use kernel::{KernelFigures, Sampler};
pub(crate) use starts::Starts;

/// What to record from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Where CPU time goes. Where perf events are refused an agent within may do the same.
    Cpu {
        /// Samples for each second of CPU of a thread.
        hz: u32,
    },
    /// Where threads wait.
    Wait,
    /// What tasks do.
    Tasks,
}

impl Wanted {
    /// What a trial of that kind wants; `None` where it has an agent, or nothing.
    pub fn of(kind: Option<EvidenceKind>, cpu: Option<CpuSampling>) -> Option<Self> {
        match kind? {
            EvidenceKind::Cpu => cpu.filter(|cpu| cpu.backend == CpuBackend::Perf).map(|cpu| Self::Cpu { hz: cpu.hz }),
            EvidenceKind::Wait => Some(Self::Wait),
            EvidenceKind::Trace => Some(Self::Tasks),
            EvidenceKind::Heap | EvidenceKind::Tasks | EvidenceKind::Allocator | EvidenceKind::Console => None,
        }
    }

    /// What a recorder is to do that is there from the subject's first moment on; `None` where one comes later.
    fn options(self) -> Option<Options> {
        match self {
            Self::Cpu { hz } => Some(Options { hz, ..Options::default() }),
            Self::Wait => Some(Options { departures: true, standing: true, ..Options::default() }),
            Self::Tasks => None,
        }
    }
}

/// Who watches a subject: a recorder, or nobody, and why not where somebody was to.
#[derive(Debug, Default)]
pub struct Outside {
    wanted: Option<Wanted>,
    recorder: Option<Recorder>,
    tracer: Option<TaskTracer>,
    refused: Option<String>,
    /// What the kernel counts, where waits are wanted; or why nobody reads it.
    sampler: Option<std::io::Result<Sampler>>,
    /// Who asks for goroutines, where waits of a program of Go are wanted.
    asking: Option<Asking>,
}

impl Outside {
    /// Starts a process with a recorder beside it; where the kernel refuses perf events, without. `prepare` gives what
    /// starts it, on a thread of the recorder's; nothing else may be started there.
    pub fn launch<T, F>(wanted: Option<Wanted>, prepare: impl Fn() -> F) -> (T, Self)
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let outside = Self { wanted, ..Self::default() };
        let Some(options) = wanted.and_then(Wanted::options) else { return (prepare()(), outside) };
        match Recorder::launch(&options, prepare()) {
            Ok((started, recorder)) => (started, Self { recorder: Some(recorder), ..outside }),
            Err(refused) => (prepare()(), Self { refused: Some(refused.to_string()), ..outside }),
        }
    }

    /// Whether the subject needs no agent for what is wanted of it.
    pub fn replaces_the_agent(&self) -> bool {
        self.recorder.is_some() || matches!(self.wanted, Some(Wanted::Wait | Wanted::Tasks))
    }

    /// Why perf events were refused, where they were.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Begins to record `pid` and all that it starts; `others` are the processes that there are already beside it, whose
    /// CPU time before now does not count.
    pub fn start(&mut self, pid: u32, others: &[u32]) {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.start(&[&[pid], others].concat())
        {
            (self.recorder, self.refused) = (None, Some(error.to_string()));
        }
        if self.wanted == Some(Wanted::Wait) {
            self.sampler = Some(Sampler::start(pid));
        }
        if self.wanted == Some(Wanted::Tasks) {
            let tracer = TaskTracer::attach_among(pid, others, &tasks::Options::default());
            match tracer.and_then(|mut tracer| tracer.start().map(|()| tracer)) {
                Ok(tracer) => self.tracer = Some(tracer),
                Err(error) => self.refused = Some(error.to_string()),
            }
        }
    }

    /// Asks a program of Go, which answers at `address`, what its goroutines wait for, where waits are wanted.
    pub fn ask(&mut self, pid: u32, address: std::net::SocketAddr) {
        if self.wanted == Some(Wanted::Wait) {
            self.asking = Asking::start(pid, Some(address));
        }
    }

    /// The open loop begins: what tasks do from now on is summed up apart.
    pub fn open_loop(&self) {
        if let Some(tracer) = &self.tracer {
            tracer.cut();
        }
    }

    /// Ends the recording; `None` where nothing was to be recorded from outside, or an agent within takes its place.
    pub fn stop(self) -> Option<Result<Recorded, String>> {
        let refused = self.refused.unwrap_or_default();
        let goroutines = self.asking.map(Asking::stop);
        let figures = match self.sampler {
            Some(Ok(sampler)) => sampler.stop(),
            Some(Err(error)) => KernelFigures::none(&format!("no thread could be started to read them ({error})")),
            None => KernelFigures::none("the recording never began"),
        };
        let wanted = self.wanted?;
        if wanted == Wanted::Tasks {
            let traced = self.tracer.ok_or(refused).and_then(|tracer| tracer.stop().map_err(|error| error.to_string()));
            return Some(traced.map(|trace| Recorded::Trace(Box::new(trace))));
        }
        let recording = match self.recorder {
            Some(recorder) => recorder.stop().map_err(|error| error.to_string()),
            None => Err(refused),
        };
        if wanted == Wanted::Wait {
            return Some(Ok(Recorded::Wait(Box::new(WaitRecord {
                recording,
                figures,
                open_started_ns: None,
                operations: 0,
                goroutines,
            }))));
        }
        Some(recording.map(|recording| Recorded::CpuFromOutside(Box::new(CpuRecord::of(recording)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_seen_from_outside_is_recorded_there() {
        let perf = CpuSampling { backend: CpuBackend::Perf, hz: 99 };
        let sampler = CpuSampling { backend: CpuBackend::Sampler, hz: 99 };
        assert_eq!(Wanted::of(Some(EvidenceKind::Cpu), Some(perf)), Some(Wanted::Cpu { hz: 99 }));
        assert_eq!(Wanted::of(Some(EvidenceKind::Cpu), Some(sampler)), None);
        assert_eq!(Wanted::of(Some(EvidenceKind::Wait), None), Some(Wanted::Wait));
        assert_eq!(Wanted::of(Some(EvidenceKind::Trace), None), Some(Wanted::Tasks));
        assert_eq!(Wanted::of(Some(EvidenceKind::Heap), Some(perf)), None);
        assert_eq!(Wanted::of(None, Some(perf)), None);
    }

    #[test]
    fn without_a_wish_a_process_is_just_started() {
        let (started, outside) = Outside::launch(None, || || 7);
        assert_eq!(started, 7);
        assert!(!outside.replaces_the_agent() && outside.stop().is_none());
    }
}
