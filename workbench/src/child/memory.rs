//! Samples resident and live memory while the process runs: 10 times a second, 7–18 µs each (design 03 §6).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::protocol::MemorySample;
use crate::load::{Clock, MonotonicClock};

const PERIOD: Duration = Duration::from_millis(100);
/// Ten hours at 10 Hz; after that, sampling stops rather than grow.
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
    pub(super) fn start() -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let samples = Arc::new(Mutex::new(Vec::with_capacity(4096)));
        let thread = std::thread::Builder::new().name("memory-sampler".into()).spawn({
            let (stop, samples) = (Arc::clone(&stop), Arc::clone(&samples));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(mut samples) = samples.lock()
                        && samples.len() < MOST
                        && let Some(sample) = sample()
                    {
                        samples.push(sample);
                    }
                    std::thread::park_timeout(PERIOD);
                }
            }
        })?;
        Ok(Self { stop, samples, thread: Some(thread) })
    }

    /// Ends it and hands over what it saw, plus one last sample.
    pub(super) fn finish(mut self) -> Vec<MemorySample> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
        let mut samples = match self.samples.lock() {
            Ok(samples) => samples.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        samples.extend(sample());
        samples
    }
}

fn sample() -> Option<MemorySample> {
    Some(MemorySample {
        at_ns: MonotonicClock.now_ns(),
        rss_bytes: probe::usage::rss_bytes().ok()?,
        live_bytes: probe::allocator::live_bytes(),
    })
}
