//! The thread that takes samples at a steady rate.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::Sample;
use super::sample::Source;
use crate::usage;

/// An hour at 10 Hz, six minutes at 100 Hz: after that, recording stops rather than grow.
const MOST: usize = 36_000;
/// Room at the start, so that a short recording allocates once.
const ROOM: usize = 2048;

/// Samples over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The allocator that served the program.
    pub allocator: String,
    /// Samples a second that were due.
    pub hz: u32,
    /// Samples that were due until the end; those that are missing were late by a whole period, or beyond the most that
    /// is kept.
    pub due: u64,
    /// Seconds from the first sample to the end.
    pub wall_s: f64,
    /// CPU seconds that recording took.
    pub cpu_s: f64,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// A running recorder.
#[derive(Debug)]
pub struct Recorder {
    hz: u32,
    allocator: &'static str,
    began: Instant,
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<Taken>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Taken {
    samples: Vec<Sample>,
    cpu_s: f64,
}

impl Recorder {
    /// Starts to record `hz` times a second, the first time before this returns.
    ///
    /// # Errors
    /// No thread, or an allocator or kernel that does not answer.
    pub fn start(hz: u32) -> io::Result<Self> {
        let hz = hz.max(1);
        let source = Source::find().map_err(io::Error::other)?;
        let allocator = source.kind().name();
        let (began, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let mut samples = Vec::with_capacity(ROOM);
        // Here, so that what cannot be read is this call's error.
        samples.push(source.sample(now_ns()?, true)?);
        let taken = Arc::new(Mutex::new(Taken { samples, cpu_s: 0.0 }));
        let thread = std::thread::Builder::new().name("allocator-timeline".into()).spawn({
            let (stop, taken) = (Arc::clone(&stop), Arc::clone(&taken));
            move || run(&source, hz, began, &stop, &taken)
        })?;
        Ok(Self { hz, allocator, began, stop, taken, thread: Some(thread) })
    }

    /// Ends it and hands over what it saw.
    pub fn stop(mut self) -> Recording {
        let wall_s = self.began.elapsed().as_secs_f64();
        self.end();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples of one trial")]
        let due = (wall_s * f64::from(self.hz)) as u64 + 1;
        Recording {
            allocator: self.allocator.to_owned(),
            hz: self.hz,
            due,
            wall_s,
            cpu_s: taken.cpu_s,
            samples: std::mem::take(&mut taken.samples),
        }
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A recorder that panicked leaves what it had.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(source: &Source, hz: u32, began: Instant, stop: &AtomicBool, taken: &Mutex<Taken>) {
    let mut tick = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs_f64(f64::from(tick + 1) / f64::from(hz));
        let wait = due.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            std::thread::park_timeout(wait);
            continue;
        }
        // Where whole periods were missed, the next sample is not made up for.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ticks of one trial")]
        let passed = (began.elapsed().as_secs_f64() * f64::from(hz)) as u32;
        tick = passed.max(tick + 1);
        // What answered at the start answers now; a sample that does not come is one that is missing.
        let sample = now_ns().and_then(|at_ns| source.sample(at_ns, tick.is_multiple_of(hz)));
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.samples.len() < MOST {
            taken.samples.extend(sample);
        }
        taken.cpu_s = usage::thread_cpu_s().unwrap_or(taken.cpu_s);
    }
}

/// The clock that parent and child of one host share.
fn now_ns() -> io::Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(now.tv_sec().unsigned_abs() * 1_000_000_000 + now.tv_nsec().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_in_order_and_totals_never_fall() {
        let recorder = Recorder::start(100).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while recorder.taken.lock().unwrap().samples.len() < 5 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let recording = recorder.stop();
        let samples = &recording.samples;
        assert!(samples.len() >= 5 && samples.len() as u64 <= recording.due, "{} of {}", samples.len(), recording.due);
        assert_eq!((recording.hz, recording.allocator.as_str()), (100, "system"), "tests run without our allocator");
        assert!(recording.cpu_s > 0.0 && recording.wall_s > 0.0);
        for pair in samples.windows(2) {
            assert!(pair[0].at_ns < pair[1].at_ns && pair[0].minor_faults <= pair[1].minor_faults);
            assert!(pair[0].system_s <= pair[1].system_s && pair[1].resident_set > 0);
        }
        // glibc says what it can, and nothing else.
        assert!(samples[0].allocated > Some(0) && samples[0].mapped > Some(0));
        assert_eq!((samples[0].active, samples[0].dirty, samples[0].live), (None, None, None));
    }

    #[test]
    fn lazily_freed_pages_are_looked_up_where_there_may_be_some_and_at_most_once_a_second() {
        let source = Source::find().unwrap();
        assert_eq!(source.sample(1, true).unwrap().lazy_free, None, "glibc never frees lazily");
    }
}
