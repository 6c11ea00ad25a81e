//! Resident memory of all processes of a subject.

use super::tree::{self, Tree};
use crate::child::protocol::MemorySample;
use crate::load::{Clock, MonotonicClock};

/// Samples between two looks for processes that are new: finding them reads all of `/proc`.
const LOOK_EVERY: usize = 10;

/// Reads it each time it is called; `None` where nothing of the subject is alive.
pub(super) fn resident(tree: &Tree) -> impl FnMut() -> Option<MemorySample> + Send + 'static {
    let (tree, mut pids, mut count) = (tree.clone(), Vec::new(), 0_usize);
    move || {
        if count.is_multiple_of(LOOK_EVERY) {
            pids = tree.alive().into_iter().map(|member| member.pid).collect();
        }
        count += 1;
        let rss_bytes = tree::resident_bytes(&pids);
        (rss_bytes > 0).then(|| MemorySample { at_ns: MonotonicClock.now_ns(), rss_bytes, live_bytes: 0 })
    }
}
