//! The thread that keeps our resources up to date.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Span;

use super::gauge::{self, Memory};
use super::sites::{Sites, StallsByCount};
use super::{ConsoleError, allocator};
use crate::stalls::Summary;
use crate::tasks::Recorder;

/// Says what is known of stalls.
pub(super) type Stalls = Box<dyn Fn() -> Summary + Send>;

/// Where figures come from, as far as they are known.
#[derive(Default)]
struct Sources {
    tasks: Option<Recorder>,
    stalls: Option<Stalls>,
}

/// A running thread.
pub(super) struct Resources {
    sources: Arc<Mutex<Sources>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resources {
    /// Opens allocator and stall detector now, before the runtime opens resources of its own: the lowest numbers are
    /// theirs.
    pub(super) fn start(interval: Duration) -> Result<Self, ConsoleError> {
        let sources = Arc::new(Mutex::new(Sources::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut shown = Shown::open();
        let thread = std::thread::Builder::new().name("console-resources".into()).spawn({
            let (sources, stop) = (Arc::clone(&sources), Arc::clone(&stop));
            move || {
                while !stop.load(Relaxed) {
                    shown.update(&lock(&sources));
                    std::thread::park_timeout(interval);
                }
            }
        })?;
        Ok(Self { sources, stop, thread: Some(thread) })
    }

    pub(super) fn show_tasks(&self, tasks: Recorder) {
        lock(&self.sources).tasks = Some(tasks);
    }

    pub(super) fn show_stalls(&self, stalls: Stalls) {
        lock(&self.sources).stalls = Some(stalls);
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

fn lock(sources: &Mutex<Sources>) -> MutexGuard<'_, Sources> {
    // Two options, each whole at every step.
    sources.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the console was told last: it is told again only what changed.
struct Shown {
    allocator: Span,
    memory: Option<Memory>,
    detector: Span,
    stalls: Option<Summary>,
    by_count: StallsByCount,
    sites: Sites,
}

impl Shown {
    fn open() -> Self {
        Self {
            allocator: gauge::open("memory", &allocator::name(), None),
            memory: None,
            detector: gauge::open("stalls", "Stall detector", None),
            stalls: None,
            by_count: StallsByCount::default(),
            sites: Sites::default(),
        }
    }

    fn update(&mut self, sources: &Sources) {
        let memory = allocator::read();
        if self.memory != Some(memory) {
            gauge::memory(&self.allocator, &memory);
            self.memory = Some(memory);
        }
        let records = sources.tasks.as_ref().map(Recorder::snapshot).unwrap_or_default();
        self.sites.show(&records);
        let stalls = match &sources.stalls {
            Some(stalls) => stalls(),
            None => self.by_count.summary(&records),
        };
        if self.stalls.as_ref() != Some(&stalls) {
            gauge::stalls(&self.detector, stalls.count, stalls.longest, stalls.last.as_deref());
            self.stalls = Some(stalls);
        }
    }
}
