//! The sampler's own thread: finds threads, empties the ring, walks stacks.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::ring::Ring;
use super::signal::Installed;
use super::tally::Tally;
use super::threads::Threads;
use crate::usage::thread_cpu_s;

/// Between two looks at the list of threads and the ring. A thread that lives shorter may never be sampled.
const LOOK: Duration = Duration::from_millis(20);
/// Looking takes at most one part in so many of the wall clock: thousands of threads are looked for less often.
const LEISURE: u32 = 50;
/// Between two questions for newly loaded objects.
const OBJECTS: Duration = Duration::from_secs(1);

/// What the watcher has at its end.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) tally: Tally,
    /// Kernel's number of each thread of a moment.
    pub(super) tids: Vec<i32>,
    /// Threads that got no timer.
    pub(super) refused: u64,
    /// Periods that found no place.
    pub(super) lost: u64,
    /// CPU of the watcher itself, seconds.
    pub(super) own_cpu_s: f64,
}

/// A running watcher; ends when dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<Watched>>,
}

impl Watcher {
    /// Starts it; every thread that exists now is watched when this returns.
    ///
    /// # Errors
    /// No thread, no `/proc`, no timers.
    pub(super) fn start(period: Duration, installed: Installed) -> io::Result<Self> {
        let ring = Ring::of_this_process()?;
        let (end, ended) = channel();
        let (ready, started) = channel();
        let thread = std::thread::Builder::new().name("cpu-sampler".into()).spawn(move || {
            block_signals();
            let tally = Tally::new(installed.profile());
            // Records of an earlier profile whose handlers came late.
            ring.drain(|_| {});
            ring.take_lost();
            // SAFETY: takes nothing.
            let own = unsafe { libc::gettid() };
            let mut threads = Threads::new(installed.profile(), period, own, seed());
            let first = threads.scan();
            let go_on = first.is_ok();
            let _ = ready.send(first);
            let tally = if go_on { watch(ring, &mut threads, tally, &ended) } else { tally };
            finish(ring, threads, tally, installed)
        })?;
        let watcher = Self { end: Some(end), thread: Some(thread) };
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the sampler's thread ended")))?;
        Ok(watcher)
    }

    /// Ends it; `None` where it panicked.
    pub(super) fn stop(mut self) -> Option<Watched> {
        self.end.take();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(ring: &Ring, threads: &mut Threads, mut tally: Tally, ended: &Receiver<()>) -> Tally {
    let (mut next_scan, mut next_objects) = (Instant::now() + LOOK, Instant::now() + OBJECTS);
    while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        ring.drain(|record| tally.add(record));
        let now = Instant::now();
        if now >= next_objects {
            tally.refresh();
            next_objects = now + OBJECTS;
        }
        if now >= next_scan {
            // What cannot be listed now may be listed next time; coverage tells.
            let _ = threads.scan();
            let took = now.elapsed();
            next_scan = now + (took * LEISURE).max(LOOK);
        }
    }
    tally
}

fn finish(ring: &Ring, threads: Threads, mut tally: Tally, installed: Installed) -> Watched {
    let (tids, refused) = threads.end();
    installed.silence();
    ring.drain(|record| tally.add(record));
    drop(installed);
    let own_cpu_s = thread_cpu_s().unwrap_or(0.0);
    Watched { tally, tids, refused, lost: ring.take_lost(), own_cpu_s }
}

/// The program's signals are not for this thread.
fn block_signals() {
    // SAFETY: a plain structure for which zeroes are valid.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: fills, then reads, that structure.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Randomness for first expiries, from the keys that the standard library gives each hasher.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
