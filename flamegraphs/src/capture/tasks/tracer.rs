//! Begins and ends a trace, and hands over what was traced.

mod probes;
mod reader;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

pub(in crate::capture) use self::probes::Failure;
use self::probes::{Opened, Plan};
use self::reader::Reader;
use super::error::TraceError;
use super::polls::{self, PollShare};
use super::sites::{self, Site};
use super::spent::{self, Spent, Window};
use super::stream::{Finished, Stream};
use super::target::{self, Target};
use super::threads::Threads;
use crate::capture::perf::{Event, uprobe};
use crate::capture::recorder::{cpus, pages};
use crate::capture::waits::waits;
use crate::capture::{self, Recorder};
use crate::tasks::{Kinds, Outcome};
/// How to trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of stack with those records that have one, rounded to multiples of 8, below 64 KiB.
    pub stack_bytes: u32,
    /// Samples of CPU for each second of a thread, and where threads leave their CPU: what a poll spent its time on. 0 for
    /// none.
    pub hz: u32,
    /// Whole stacks taken a second at most: of more wakes and clones than that only every n-th brings one. The others are
    /// recognised by the first return addresses.
    pub stacks_per_s: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { stack_bytes: 8192, hz: 499, stacks_per_s: 2000 }
    }
}

/// A trace in the making.
#[derive(Debug)]
pub struct TaskTracer {
    events: Arc<Vec<Event>>,
    reader: Option<JoinHandle<Finished>>,
    stop: Arc<AtomicBool>,
    /// When [`TaskTracer::cut`] was called; 0 before.
    cut: Arc<AtomicU64>,
    lacks: Vec<String>,
    path: String,
    began_ns: u64,
    /// Samples the threads, where perf events are allowed; without it chains end at polls.
    sampler: Option<Recorder>,
    pid: u32,
}

/// What was traced.
#[derive(Debug)]
pub struct TaskTrace {
    /// File that the probes were in, as the process sees it.
    pub path: String,
    /// `CLOCK_MONOTONIC` at the beginning and the end, nanoseconds.
    pub began_ns: u64,
    /// The end.
    pub ended_ns: u64,
    /// When it was cut in two, where it was: [`Outcome::before`] is of the time before.
    pub cut_ns: Option<u64>,
    /// How often the process was stopped for a moment.
    pub hits: u64,
    /// Records that found no room: where there are any, every count is a lower bound.
    pub lost: u64,
    /// Wakes and waker clones: what could have had a stack.
    pub stackable: u64,
    /// Of these, those whose place is known.
    pub placed: u64,
    /// Whole stacks that were taken.
    pub stacks: u64,
    /// What is not known because a function is not there.
    pub lacks: Vec<String>,
    /// What it adds up to.
    pub outcome: Outcome,
    /// Name of each type, and what it is, by number.
    pub kinds: Vec<(String, Kinds)>,
    /// Each stack as a place, by number.
    pub sites: Vec<Site>,
    /// Names of threads, by number.
    pub threads: HashMap<u32, String>,
    /// What threads did where chains end.
    pub spent: HashMap<Window, Spent>,
    /// What long polls spent their time on, since the cut.
    pub polls: Vec<PollShare>,
    /// The same before it.
    pub polls_before: Vec<PollShare>,
}

impl TaskTracer {
    /// Sets the probes in a process that runs, switched off.
    ///
    /// # Errors
    /// A program without tokio or without symbols, a kernel without uprobes, no rights.
    pub fn attach(pid: u32, options: &Options) -> Result<Self, TraceError> {
        Self::attach_among(pid, &[], options)
    }

    /// The same in a process, or, where that has nothing of tokio, in the first of `others` that has: a shell that started
    /// the program, for one. All of them that run the same file are traced together.
    ///
    /// # Errors
    /// What is wrong with the first.
    pub fn attach_among(pid: u32, others: &[u32], options: &Options) -> Result<Self, TraceError> {
        if !cfg!(target_arch = "x86_64") {
            return Err(TraceError::Processor);
        }
        let source = uprobe::source().map_err(|_| TraceError::NoSource)?;
        let (pid, Target { path, reached, functions, types }) = target::among(pid, others)?;
        let cpus = cpus();
        let pages = pages(cpus.len());
        let plan = Plan {
            source,
            reached: &reached,
            watermark: u32::try_from(rustix::param::page_size() * pages / 8).unwrap_or(1 << 16),
            stack_bytes: (options.stack_bytes & !7).clamp(64, 60 * 1024),
        };
        let mut opened = Opened::default();
        for cpu in cpus {
            opened.on(cpu, &functions.found, &plan, pages).map_err(|failure| failure.of(&path))?;
        }
        let Opened { events, rings, marks, sampled } = opened;
        let events = Arc::new(events);
        let fds = rings.iter().map(|(at, _)| events[*at].fd().try_clone()).collect::<std::io::Result<Vec<OwnedFd>>>();
        let fds = fds.map_err(|source| TraceError::System { doing: "copying a descriptor", source })?;
        let stop = Arc::new(AtomicBool::new(false));
        let cut = Arc::new(AtomicU64::new(0));
        let reader = Reader {
            stream: Stream::new(pid, others, path.clone(), types, marks),
            rings: rings.into_iter().map(|(_, ring)| ring).collect(),
            fds,
            events: Arc::clone(&events),
            sampled,
            stacks_per_s: options.stacks_per_s.max(1),
            stop: Arc::clone(&stop),
            cut: Arc::clone(&cut),
        };
        let reader = std::thread::Builder::new()
            .name("task-tracer".to_owned())
            .spawn(move || reader.run())
            .map_err(|source| TraceError::System { doing: "starting a thread", source })?;
        let sampler = (options.hz > 0).then(|| {
            let options = capture::Options { hz: options.hz, departures: true, ..capture::Options::default() };
            Recorder::attach(pid, &options).ok()
        });
        let mut lacks = functions.lacks;
        let sampler = sampler.flatten();
        if options.hz > 0 && !sampler.as_ref().is_some_and(Recorder::sees_the_kernel) {
            lacks.push("perf events are refused: what polls spend their time on is not known".to_owned());
        }
        Ok(Self { events, reader: Some(reader), stop, cut, lacks, path, began_ns: 0, sampler, pid })
    }

    /// Begins to trace.
    ///
    /// # Errors
    /// Probes that cannot be switched on.
    pub fn start(&mut self) -> Result<(), TraceError> {
        if let Some(sampler) = &mut self.sampler {
            // Without it the chains end earlier; the trace is worth having all the same.
            let _ = sampler.start(&[self.pid]);
        }
        self.began_ns = now_ns();
        for event in self.events.iter() {
            event.enable().map_err(|source| TraceError::System { doing: "switching a uprobe on", source })?;
        }
        Ok(())
    }

    /// From now on sums are kept apart from those until now; only the first call counts.
    pub fn cut(&self) {
        let _ = self.cut.compare_exchange(0, now_ns(), Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Ends the trace. While the process still lives, its files can be found for the names.
    ///
    /// # Errors
    /// A reader that is gone.
    pub fn stop(mut self) -> Result<TaskTrace, TraceError> {
        for event in self.events.iter() {
            let _ = event.disable();
        }
        let ended_ns = now_ns();
        self.stop.store(true, Ordering::Release);
        let reader = self.reader.take().ok_or(TraceError::RecorderGone)?;
        let finished = reader.join().map_err(|_| TraceError::RecorderGone)?;
        let sampled = self.sampler.take().and_then(|sampler| sampler.stop().ok());
        let windows = spent::windows(&finished.outcome);
        let cut_ns = Some(self.cut.load(Ordering::Acquire)).filter(|cut| *cut > 0);
        let long = [
            finished.outcome.polls.as_slice(),
            finished.outcome.before.as_ref().map(|before| before.polls.as_slice()).unwrap_or_default(),
        ];
        let (spent, [polls, polls_before]) = sampled
            .as_ref()
            .map(|recording| {
                let threads = Threads::of(recording, &waits(recording));
                let spent = spent::of(&windows, recording, &threads, &finished.spaces);
                (spent, polls::inside(long, recording, &threads))
            })
            .unwrap_or_default();
        let sites = sites::of(&finished.stacks, &finished.spaces);
        let named = (0..).map_while(|kind| finished.types.name(crate::tasks::KindId(kind)).cloned()).collect();
        Ok(TaskTrace {
            path: std::mem::take(&mut self.path),
            began_ns: self.began_ns,
            ended_ns,
            cut_ns,
            hits: finished.counts.hits,
            lost: finished.counts.lost,
            stackable: finished.counts.stackable,
            placed: finished.counts.placed,
            stacks: finished.counts.stacks,
            lacks: std::mem::take(&mut self.lacks),
            outcome: finished.outcome,
            kinds: named,
            sites,
            threads: finished.threads,
            spent,
            polls,
            polls_before,
        })
    }
}

impl Drop for TaskTracer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// `CLOCK_MONOTONIC`, nanoseconds.
pub(in crate::capture) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Seconds since the start of the machine are never negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
