//! What goroutines did while they ran: samples of the threads that they ran on.

use std::collections::{BTreeSet, HashMap};

use crate::capture::recording::Recording;
use crate::capture::tasks::{Frame, Threads};

/// A moment at which a goroutine ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// On which thread.
    pub tid: u32,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub at_ns: u64,
    /// Since when, and until when.
    pub within: (u64, u64),
}

/// For each moment the functions, innermost first, of the sample of its thread that is nearest to it while that goroutine ran; `None`
/// where there is none.
pub fn on_cpu(recording: &Recording, moments: &[Ran]) -> Vec<Option<Vec<Frame>>> {
    let threads = Threads::of(recording, &[]);
    let nearest = |ran: &Ran| {
        let all = threads.taken(threads.numbered(ran.tid)?);
        let (from, to) = ran.within;
        let begin = all.partition_point(|one| one.time_ns < from);
        let end = all.partition_point(|one| one.time_ns < to);
        let inside = all.get(begin..end)?;
        inside.iter().min_by_key(|one| one.time_ns.abs_diff(ran.at_ns)).map(|one| one.stack)
    };
    let found: Vec<Option<u32>> = moments.iter().map(nearest).collect();
    // Only the stacks that are asked for get names.
    let wanted: Vec<u32> = found.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let frames = recording.named(&wanted).into_iter();
    let frames = frames.map(|places| places.into_iter().map(Frame::from).collect::<Vec<_>>());
    let named: HashMap<u32, Vec<Frame>> = wanted.iter().copied().zip(frames).collect();
    found.into_iter().map(|stack| named.get(&stack?).cloned()).collect()
}
