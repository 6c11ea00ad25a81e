//! What runs inside the runtime at each spawn, poll and end.
//!
//! Each hook has a quick way and a sure one. The quick way makes no call and takes no branch but those that leave it: it
//! is for a thread with ledger and counters of its own, a clock that is one instruction, and a spawn site that was met
//! before. Whatever is otherwise goes the sure way, which does the same.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::{Builder, TaskMeta};

use super::seats::Shared;
use crate::allocator::{OwnSlot, allocated_by_this_thread};
use crate::tasks::clock::quick_ticks;
use crate::tasks::ledger::Ledger;
use crate::tasks::record::Latency;
use crate::tasks::unpolled::{self, Spawned};

/// Which waits are measured, as numbers that functions are made for, so that no spawn and no poll has to ask.
const UNTRACKED: u8 = 0;
const FIRST_POLL: u8 = 1;
const EVERY_POLL: u8 = 2;

/// tokio keeps each hook behind one indirect call; what is called is inlined into it.
pub(super) fn install(builder: &mut Builder, shared: &Arc<Shared>) {
    match shared.latency() {
        Latency::Untracked => install_for::<UNTRACKED>(builder, shared),
        Latency::FirstPoll => install_for::<FIRST_POLL>(builder, shared),
        Latency::EveryPoll => {
            install_for::<EVERY_POLL>(builder, shared);
            // Elsewhere tokio has no such clock.
            #[cfg(target_pointer_width = "64")]
            builder.track_task_schedule_latency();
        }
    }
}

fn install_for<const WAITS: u8>(builder: &mut Builder, shared: &Arc<Shared>) {
    let own = || Arc::clone(shared);
    let (of_spawn, of_end, of_before, of_after) = (own(), own(), own(), own());
    builder
        .on_task_spawn(move |meta| spawned::<WAITS>(&of_spawn, meta))
        .on_task_terminate(move |meta| finished(&of_end, meta))
        .on_before_task_poll(move |meta| before_poll::<WAITS>(&of_before, meta))
        .on_after_task_poll(move |_| after_poll(&of_after));
}

/// tokio calls this last of all before it puts the task into a queue.
#[inline(always)]
fn spawned<const WAITS: u8>(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let (Some((ledger, _)), Some(site)) = (shared.quick(), shared.sites.known(meta.spawned_at())) else {
        return spawned_surely::<WAITS>(shared, meta);
    };
    let recording = shared.recording.load(Relaxed);
    let before = ledger.spawned(site, recording);
    if WAITS == FIRST_POLL && recording {
        let number = number(meta);
        if unpolled::is_sampled(number, before) {
            shared.unpolled.spawned(number, quick_ticks());
        }
    }
}

#[cold]
#[inline(never)]
fn spawned_surely<const WAITS: u8>(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    let recording = shared.recording.load(Relaxed);
    let before = shared.write(|ledger| ledger.spawned(site, recording));
    if WAITS == FIRST_POLL && recording && unpolled::is_sampled(number(meta), before) {
        shared.unpolled.spawned(number(meta), shared.clock().ticks());
    }
}

/// Also called at the end of blocking jobs and of the runtime's workers, which nobody announced.
#[inline(always)]
fn finished(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let (Some((ledger, _)), Some(site)) = (shared.quick(), shared.sites.known(meta.spawned_at())) else {
        return finished_surely(shared, meta);
    };
    ledger.finished(site, shared.recording.load(Relaxed));
}

#[cold]
#[inline(never)]
fn finished_surely(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    shared.write(|ledger| ledger.finished(site, shared.recording.load(Relaxed)));
}

#[inline(always)]
fn before_poll<const WAITS: u8>(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    if !shared.recording.load(Relaxed) {
        return;
    }
    let (Some((ledger, slot)), Some(site)) = (shared.quick(), shared.sites.known(meta.spawned_at())) else {
        return before_poll_surely::<WAITS>(shared, meta);
    };
    if WAITS == FIRST_POLL
        && let Some(spawned) = shared.unpolled.first_poll(number(meta))
    {
        return before_timed_poll(shared, (ledger, slot), site, spawned);
    }
    if WAITS == EVERY_POLL
        && let Some(latency) = meta.schedule_latency()
    {
        ledger.waited(site, latency.as_nanos() as u64);
    }
    ledger.begin(site, slot.allocated(), quick_ticks);
}

/// The end of [`before_poll`] where the wait for this poll is measured.
#[cold]
#[inline(never)]
fn before_timed_poll(shared: &Shared, (ledger, slot): (&Ledger, OwnSlot), site: usize, spawned: Spawned) {
    // One look serves both: the poll seems to begin some instructions early.
    let now = quick_ticks();
    ledger.waited(site, shared.clock().nanoseconds(spawned.until(now)));
    ledger.begin(site, slot.allocated(), || now);
}

#[cold]
#[inline(never)]
fn before_poll_surely<const WAITS: u8>(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    let clock = shared.clock();
    let latency = match WAITS {
        FIRST_POLL => shared.unpolled.first_poll(number(meta)).map(|spawned| spawned.until(clock.ticks())),
        _ => None,
    };
    let latency =
        latency.map(|ticks| Duration::from_nanos(clock.nanoseconds(ticks))).or_else(|| meta.schedule_latency());
    shared.write(|ledger| {
        if let Some(latency) = latency.filter(|_| WAITS != UNTRACKED) {
            ledger.waited(site, latency.as_nanos() as u64);
        }
        // Read within, since taking a seat allocates.
        ledger.begin(site, allocated_by_this_thread().unwrap_or_default(), || clock.ticks());
    });
}

#[inline(always)]
fn after_poll(shared: &Arc<Shared>) {
    match shared.quick() {
        Some((ledger, slot)) => ledger.end(quick_ticks, || slot.allocated()),
        None => after_poll_surely(shared),
    }
}

#[cold]
#[inline(never)]
fn after_poll_surely(shared: &Arc<Shared>) {
    let so_far = || allocated_by_this_thread().unwrap_or_default();
    shared.write(|ledger| ledger.end(|| shared.clock().ticks(), so_far));
}

/// The number that tokio gave a task, which it shows to nobody but hashers.
#[inline(always)]
fn number(meta: &TaskMeta<'_>) -> u64 {
    let mut number = Plain(0);
    meta.id().hash(&mut number);
    number.finish()
}

/// The integer that is hashed, as it is.
struct Plain(u64);

impl Hasher for Plain {
    #[inline(always)]
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }
}
