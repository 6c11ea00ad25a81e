//! The threads of this process, each with its timer.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use super::timer::Timer;
use super::{signal, tops};

/// Watches the list of threads.
#[derive(Debug)]
pub(super) struct Threads {
    profile: u32,
    period: Duration,
    /// The sampler's own thread, which is no part of the program.
    own: i32,
    watched: HashMap<i32, Watched>,
    /// Number of every thread that was ever watched, in the order of their discovery.
    tids: Vec<i32>,
    /// Threads that the kernel gave no timer.
    refused: u64,
    /// State of a generator of random first expiries.
    random: u64,
}

#[derive(Debug)]
struct Watched {
    timer: Timer,
    seen: bool,
}

impl Threads {
    /// Nobody is watched yet. `own` is left out; `seed` randomises when each thread is sampled first.
    pub(super) fn new(profile: u32, period: Duration, own: i32, seed: u64) -> Self {
        Self { profile, period, own, watched: HashMap::new(), tids: Vec::new(), refused: 0, random: seed | 1 }
    }

    /// Gives new threads their timers, and takes back those of threads that have ended, even if another thread has
    /// their number now.
    ///
    /// # Errors
    /// `/proc` is not readable, or not one thread can be watched.
    pub(super) fn scan(&mut self) -> io::Result<()> {
        for watched in self.watched.values_mut() {
            watched.seen = false;
        }
        let mut refusal = None;
        for entry in std::fs::read_dir("/proc/self/task")? {
            let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if tid == self.own {
                continue;
            }
            if let Some(watched) = self.watched.get_mut(&tid)
                && watched.timer.has_thread()
            {
                watched.seen = true;
                continue;
            }
            match self.watch(tid) {
                Ok(timer) => drop(self.watched.insert(tid, Watched { timer, seen: true })),
                // It ended since it was listed.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
                Err(error) => {
                    self.refused += 1;
                    refusal = Some(error);
                }
            }
        }
        self.watched.retain(|_, watched| watched.seen);
        match refusal {
            Some(error) if self.watched.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    fn watch(&mut self, tid: i32) -> io::Result<Timer> {
        let thread = u32::try_from(self.tids.len()).unwrap_or(u32::MAX);
        let period_ns = i64::try_from(self.period.as_nanos()).unwrap_or(i64::MAX);
        // Threads that begin together must not be sampled together (Go's runtime does the same).
        let first_ns = i64::try_from(self.random() % period_ns.unsigned_abs().max(1)).unwrap_or(0);
        tops::forget(thread);
        let timer = Timer::start(tid, signal::value(self.profile, thread), first_ns, period_ns)?;
        self.tids.push(tid);
        Ok(timer)
    }

    /// Xorshift (Marsaglia 2003).
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Ends all timers; gives the numbers of all threads ever watched, and how many could not be.
    pub(super) fn end(self) -> (Vec<i32>, u64) {
        (self.tids, self.refused)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn tids() -> Vec<i32> {
        let entries = std::fs::read_dir("/proc/self/task").unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn threads_are_watched_from_discovery_to_end() {
        // So slow that no signal ever comes.
        // SAFETY: takes nothing.
        let own = unsafe { libc::gettid() };
        let mut threads = Threads::new(1, Duration::from_secs(1 << 30), own, 7);
        threads.scan().unwrap();
        assert!(!threads.watched.contains_key(&own));
        let (end, ended) = channel::<()>();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: takes nothing.
            tell.send(unsafe { libc::gettid() }).unwrap();
            let _ = ended.recv();
        });
        let tid = told.recv().unwrap();
        threads.scan().unwrap();
        assert!(threads.watched.contains_key(&tid));
        let ever = threads.tids.iter().filter(|other| **other == tid).count();
        threads.scan().unwrap();
        assert_eq!(threads.tids.iter().filter(|other| **other == tid).count(), ever, "watched once");
        drop(end);
        thread.join().unwrap();
        while tids().contains(&tid) {
            std::thread::yield_now();
        }
        threads.scan().unwrap();
        assert!(!threads.watched.contains_key(&tid));
        assert_eq!(threads.end().1, 0);
    }
}
