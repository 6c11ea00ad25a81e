//! Samples memory 10 times a second while a subject is driven: its own here, 7–18 µs each (design 03 §6), or that of
//! whatever it is given to read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::protocol::MemorySample;
use crate::load::{Clock, MonotonicClock};

const PERIOD: Duration = Duration::from_millis(100);
/// Ten hours at 10 Hz; after that, sampling stops rather than grow.
const MOST: usize = 360_000;

/// A running sampler.
#[derive(Debug)]
pub(crate) struct MemorySampler {
    stop: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<MemorySample>>>,
    thread: Option<JoinHandle<()>>,
}

impl MemorySampler {
    /// Starts the sampling thread; what `read` cannot tell is left out.
    pub(crate) fn start(mut read: impl FnMut() -> Option<MemorySample> + Send + 'static) -> std::io::Result<Self> {
        let (stop, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::with_capacity(4096))));
        let thread = std::thread::Builder::new().name("memory-sampler".into()).spawn({
            let (stop, samples) = (Arc::clone(&stop), Arc::clone(&samples));
            move || {
                for _ in 0..MOST {
                    // Looked at first, so that the last sample is of the end.
                    let last = stop.load(Ordering::Relaxed);
                    samples.lock().unwrap_or_else(PoisonError::into_inner).extend(read());
                    if last {
                        return;
                    }
                    std::thread::park_timeout(PERIOD);
                }
            }
        })?;
        Ok(Self { stop, samples, thread: Some(thread) })
    }

    /// Ends it and hands over what it saw, plus one last sample.
    pub(crate) fn finish(mut self) -> Vec<MemorySample> {
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

/// Resident and live memory of this process.
pub(super) fn own() -> Option<MemorySample> {
    Some(MemorySample {
        at_ns: MonotonicClock.now_ns(),
        rss_bytes: probe::usage::rss_bytes().ok()?,
        live_bytes: probe::allocator::live_bytes(),
    })
}
