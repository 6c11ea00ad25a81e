//! Empties the buffers while a trace lasts, and sets how often a stack is taken.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::now_ns;
use crate::capture::perf::uprobe;
use crate::capture::perf::{Event, Ring};
use crate::capture::tasks::stream::{Counts, Finished, Seen, Stream};

/// How long the reader waits for a buffer to fill before it looks anyway, nanoseconds.
const GLANCE_NS: i64 = 20_000_000;
/// A record is in its buffer this long after its time at the latest, nanoseconds.
const SETTLED_NS: u64 = 50_000_000;
/// How often the rate of stacks is set anew, nanoseconds.
const ADJUST_NS: u64 = 250_000_000;
/// Where all but 2 % of the places are known, so many times fewer stacks will do.
const KNOWN_ALREADY: u32 = 10;

/// The thread that empties the buffers.
pub(super) struct Reader {
    pub(super) stream: Stream,
    pub(super) rings: Vec<Ring>,
    pub(super) fds: Vec<OwnedFd>,
    pub(super) events: Arc<Vec<Event>>,
    pub(super) sampled: Vec<usize>,
    pub(super) stacks_per_s: u32,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) cut: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn run(mut self) -> Finished {
        let mut seen = vec![Seen::default(); self.rings.len()];
        let mut is_cut = false;
        let (mut adjusted_ns, mut before) = (now_ns(), Counts::default());
        loop {
            // Looked at before the buffers are emptied, so that the last turn sees everything.
            let last = self.stop.load(Ordering::Acquire);
            let now = now_ns();
            let cut_ns = self.cut.load(Ordering::Acquire);
            if cut_ns > 0 && !std::mem::replace(&mut is_cut, cut_ns > 0) {
                self.stream.cut(cut_ns);
            }
            for (ring, seen) in self.rings.iter_mut().zip(&mut seen) {
                let stream = &mut self.stream;
                ring.drain_raw(|kind, _, body| {
                    if let Some(note) = uprobe::read(kind, body) {
                        stream.take(note, seen);
                    }
                });
            }
            if last {
                return self.stream.finish(now);
            }
            self.stream.pass(now.saturating_sub(SETTLED_NS));
            if now.saturating_sub(adjusted_ns) >= ADJUST_NS {
                let counts = self.stream.counts;
                self.adjust(&before, &counts, now - adjusted_ns);
                (adjusted_ns, before) = (now, counts);
            }
            let mut waiting: Vec<PollFd<'_>> =
                self.fds.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)).collect();
            let _ = poll(&mut waiting, Some(&Timespec { tv_sec: 0, tv_nsec: GLANCE_NS }));
        }
    }

    /// As many stacks a second as were asked for, by the rate of what could have one; a few where nearly all are
    /// recognised without.
    fn adjust(&self, before: &Counts, after: &Counts, over_ns: u64) {
        let hits = after.stackable - before.stackable;
        let placed = after.placed - before.placed;
        let wanted = if placed >= hits - hits / 50 { self.stacks_per_s / KNOWN_ALREADY } else { self.stacks_per_s };
        let a_second = hits.saturating_mul(1_000_000_000) / over_ns.max(1);
        let every = a_second.div_ceil(u64::from(wanted.max(1))).max(1);
        for at in &self.sampled {
            // Where it does not take, the old rate stays; how many there were is counted.
            let _ = self.events[*at].set_every(every);
        }
    }
}
