//! What runs inside the runtime at each spawn, poll and end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::runtime::{Builder, TaskMeta};

use super::Latency;
use super::seats::Shared;
use crate::allocator::allocated_by_this_thread;

/// tokio keeps each hook behind one indirect call; what is called is inlined into it.
pub(super) fn install(builder: &mut Builder, shared: &Arc<Shared>, latency: Latency) {
    let own = || Arc::clone(shared);
    let (of_spawn, of_end, of_before, of_after) = (own(), own(), own(), own());
    builder
        .on_task_spawn(move |meta| spawned(&of_spawn, meta))
        .on_task_terminate(move |meta| finished(&of_end, meta))
        .on_before_task_poll(move |meta| before_poll(&of_before, meta))
        .on_after_task_poll(move |_| after_poll(&of_after));
    if latency == Latency::Tracked {
        // Elsewhere tokio has no such clock.
        #[cfg(target_pointer_width = "64")]
        builder.track_task_schedule_latency();
    }
}

#[inline]
fn spawned(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    shared.write(|ledger| ledger.spawned(site, shared.recording.load(Relaxed)));
}

/// Also called at the end of blocking jobs and of the runtime's workers, which nobody announced.
#[inline]
fn finished(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    shared.write(|ledger| ledger.finished(site, shared.recording.load(Relaxed)));
}

#[inline]
fn before_poll(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    if !shared.recording.load(Relaxed) {
        return;
    }
    let site = shared.sites.number(meta.spawned_at());
    let latency = meta.schedule_latency().map_or(0, |latency| latency.as_nanos() as u64);
    shared.write(|ledger| {
        // Read within, since taking a seat allocates.
        let so_far = allocated_by_this_thread().unwrap_or_default();
        ledger.begin(site, latency, so_far, || shared.now());
    });
}

#[inline]
fn after_poll(shared: &Arc<Shared>) {
    shared.write(|ledger| ledger.end(|| shared.now(), || allocated_by_this_thread().unwrap_or_default()));
}
