//! What runs inside the runtime at each spawn, poll and end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::runtime::{Builder, TaskMeta};

use super::seats::Shared;
use crate::allocator::allocated_by_this_thread;

pub(super) fn install(builder: &mut Builder, shared: &Arc<Shared>) {
    let hook = |act: fn(&Arc<Shared>, &TaskMeta<'_>)| {
        let shared = Arc::clone(shared);
        move |meta: &TaskMeta<'_>| act(&shared, meta)
    };
    builder
        .on_task_spawn(hook(spawned))
        .on_task_terminate(hook(finished))
        .on_before_task_poll(hook(before_poll))
        .on_after_task_poll(hook(after_poll));
    // Elsewhere tokio has no such clock.
    #[cfg(target_pointer_width = "64")]
    builder.track_task_schedule_latency();
}

fn spawned(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    shared.write(|ledger| ledger.spawned(site, shared.recording.load(Relaxed)));
}

/// Also called at the end of blocking jobs and of the runtime's workers, which nobody announced.
fn finished(shared: &Arc<Shared>, meta: &TaskMeta<'_>) {
    let site = shared.sites.number(meta.spawned_at());
    shared.write(|ledger| ledger.finished(site, shared.recording.load(Relaxed)));
}

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

fn after_poll(shared: &Arc<Shared>, _: &TaskMeta<'_>) {
    let now = shared.now();
    let so_far = allocated_by_this_thread().unwrap_or_default();
    shared.write(|ledger| ledger.end(now, so_far));
}
