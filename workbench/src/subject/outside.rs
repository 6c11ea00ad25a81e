//! Subjects that are watched from outside, whatever they are: started on a thread whose perf events they inherit. Nothing
//! of ours is in them for that.

use flamegraphs::capture::{Options, Recorder};
use reports::run::{CpuBackend, CpuSampling, EvidenceKind};

use crate::evidence::Recorded;
use crate::evidence::wait::WaitRecord;

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
}

impl Wanted {
    /// What a trial of that kind wants; `None` where it has an agent, or nothing.
    pub fn of(kind: Option<EvidenceKind>, cpu: Option<CpuSampling>) -> Option<Self> {
        match kind? {
            EvidenceKind::Cpu => cpu.filter(|cpu| cpu.backend == CpuBackend::Perf).map(|cpu| Self::Cpu { hz: cpu.hz }),
            EvidenceKind::Wait => Some(Self::Wait),
            EvidenceKind::Heap | EvidenceKind::Tasks | EvidenceKind::Allocator | EvidenceKind::Console => None,
        }
    }

    fn options(self) -> Options {
        match self {
            Self::Cpu { hz } => Options { hz, ..Options::default() },
            Self::Wait => Options { departures: true, ..Options::default() },
        }
    }
}

/// Who watches a subject: a recorder, or nobody, and why not where somebody was to.
#[derive(Debug, Default)]
pub struct Outside {
    wanted: Option<Wanted>,
    recorder: Option<Recorder>,
    refused: Option<String>,
}

impl Outside {
    /// Starts a process with a recorder beside it; where the kernel refuses perf events, without. `prepare` gives what
    /// starts it, on a thread of the recorder's; nothing else may be started there.
    pub fn launch<T, F>(wanted: Option<Wanted>, prepare: impl Fn() -> F) -> (T, Self)
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let Some(what) = wanted else { return (prepare()(), Self::default()) };
        match Recorder::launch(&what.options(), prepare()) {
            Ok((started, recorder)) => (started, Self { wanted, recorder: Some(recorder), refused: None }),
            Err(refused) => (prepare()(), Self { wanted, recorder: None, refused: Some(refused.to_string()) }),
        }
    }

    /// Whether the subject needs no agent for what is wanted of it.
    pub fn replaces_the_agent(&self) -> bool {
        self.recorder.is_some() || self.wanted == Some(Wanted::Wait)
    }

    /// Why perf events were refused, where they were.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Begins to record `pid` and all that it starts.
    pub fn start(&mut self, pid: u32) {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.start(&[pid])
        {
            (self.recorder, self.refused) = (None, Some(error.to_string()));
        }
    }

    /// Ends the recording; `None` where nothing was to be recorded from outside, or an agent within takes its place.
    pub fn stop(self) -> Option<Result<Recorded, String>> {
        let refused = self.refused.unwrap_or_default();
        let recording = match self.recorder {
            Some(recorder) => recorder.stop().map_err(|error| error.to_string()),
            None => Err(refused),
        };
        match self.wanted? {
            Wanted::Cpu { .. } => match recording {
                Ok(recording) => Some(Ok(Recorded::CpuFromOutside(Box::new(recording)))),
                Err(error) => Some(Err(error)),
            },
            Wanted::Wait => Some(Ok(Recorded::Wait(Box::new(WaitRecord { recording, open_started_ns: None })))),
        }
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
