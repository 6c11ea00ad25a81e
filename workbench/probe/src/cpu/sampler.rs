//! Our own sampler: a timer on the CPU clock of each thread.
//!
//! Signals come with the kernel's tick, not more often than that; each carries how many periods have passed since the
//! last one (`si_overrun`), so that weights are right at any rate, thread by thread. The handler copies registers and
//! the upper end of the stack, and a thread of the sampler walks those copies ([`super::unwind`]). A thread that begins
//! and ends between two looks of that thread (20 ms) is not seen; coverage states what is missing.

mod ring;
mod signal;
mod tally;
mod threads;
mod timer;
mod tops;
mod watcher;

use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use self::signal::Installed;
pub(super) use self::tally::Stack;
use self::watcher::Watcher;
use super::profile::Moment;
use super::unwind::can_copy;

/// A running sampler; dropping it ends it without a result.
#[derive(Debug)]
pub(super) struct Sampler {
    started_ns: u64,
    watcher: Watcher,
}

/// What a sampler has at its end; addresses as [`super::unwind::Unwinder::walk`] gives them.
#[derive(Debug)]
pub(super) struct Sampled {
    pub(super) started_ns: u64,
    pub(super) stacks: Vec<Stack>,
    /// Their `sample` is a position in `stacks`.
    pub(super) moments: Vec<Moment>,
    pub(super) tids: Vec<i32>,
    pub(super) signals: u64,
    pub(super) lost: u64,
    pub(super) refused: u64,
    pub(super) own_cpu_s: f64,
}

impl Sampler {
    /// Begins to sample every thread each `period` of its CPU time.
    ///
    /// # Errors
    /// This machine, or what else runs in this process, does not allow it: another way to sample may work.
    pub(super) fn start(period: Duration) -> io::Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            return Err(io::Error::other("it knows the registers of x86-64 only"));
        }
        if !can_copy() {
            return Err(io::Error::other(
                "process_vm_readv is refused here (seccomp?), and nothing else copies safely",
            ));
        }
        let installed = Installed::install()?;
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
        let started_ns = now.tv_sec().cast_unsigned() * 1_000_000_000 + now.tv_nsec().cast_unsigned();
        Ok(Self { started_ns, watcher: Watcher::start(period, installed)? })
    }

    /// Ends it, deletes its timers and puts the signal's handler back.
    ///
    /// # Errors
    /// The sampler's thread is gone.
    pub(super) fn stop(self) -> io::Result<Sampled> {
        let watched = self.watcher.stop().ok_or_else(|| io::Error::other("the sampler's thread panicked"))?;
        let mut moments = watched.tally.moments;
        for moment in &mut moments {
            moment.at_ns = moment.at_ns.saturating_sub(self.started_ns);
        }
        Ok(Sampled {
            started_ns: self.started_ns,
            stacks: watched.tally.stacks,
            moments,
            tids: watched.tids,
            signals: watched.tally.signals,
            lost: watched.lost,
            refused: watched.refused,
            own_cpu_s: watched.own_cpu_s,
        })
    }
}
