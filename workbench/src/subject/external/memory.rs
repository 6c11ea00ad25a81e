//! Resident memory of all processes of a subject, 10 times a second while it is driven.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::tree::{self, Tree};
use crate::child::protocol::MemorySample;
use crate::load::{Clock, MonotonicClock};

const PERIOD: Duration = Duration::from_millis(100);
/// Samples between two looks for processes that are new: finding them reads all of `/proc`.
const LOOK_EVERY: usize = 10;
/// Ten hours; after that, sampling stops rather than grow.
const MOST: usize = 360_000;

/// A running sampler.
#[derive(Debug)]
pub(super) struct MemorySampler {
    stop: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<MemorySample>>>,
    thread: Option<JoinHandle<()>>,
}

impl MemorySampler {
    /// Starts the sampling thread.
    pub(super) fn start(tree: &Tree) -> std::io::Result<Self> {
        let (stop, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::with_capacity(1024))));
        let thread = std::thread::Builder::new().name("memory-sampler".into()).spawn({
            let (tree, stop, samples) = (tree.clone(), Arc::clone(&stop), Arc::clone(&samples));
            move || sample(&tree, &stop, &samples)
        })?;
        Ok(Self { stop, samples, thread: Some(thread) })
    }

    /// Ends it and hands over what it saw.
    pub(super) fn finish(mut self) -> Vec<MemorySample> {
        self.end();
        std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for MemorySampler {
    fn drop(&mut self) {
        self.end();
    }
}

fn sample(tree: &Tree, stop: &AtomicBool, samples: &Mutex<Vec<MemorySample>>) {
    let mut pids = Vec::new();
    for count in 0..MOST {
        if count % LOOK_EVERY == 0 {
            pids = tree.alive().into_iter().map(|member| member.pid).collect();
        }
        let rss_bytes = tree::resident_bytes(&pids);
        if rss_bytes > 0 {
            let sample = MemorySample { at_ns: MonotonicClock.now_ns(), rss_bytes, live_bytes: 0 };
            samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
        std::thread::park_timeout(PERIOD);
    }
}
