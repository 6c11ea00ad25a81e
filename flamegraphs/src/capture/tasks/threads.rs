//! What a recording knows of each thread, in the order of time: where it was sampled, and when it was off its CPU.

use std::collections::HashMap;

use crate::capture::recording::{Recording, Taken};
use crate::capture::waits::Wait;

/// Samples and waits by thread: its position in [`Recording::threads`].
pub(in crate::capture) struct Threads {
    by_tid: HashMap<u32, u32>,
    taken: HashMap<u32, Vec<Taken>>,
    away: HashMap<u32, Vec<Wait>>,
}

impl Threads {
    /// Of a recording and its waits, which are in the order of time.
    pub(in crate::capture) fn of(recording: &Recording, waits: &[Wait]) -> Self {
        let by_tid = (0..).zip(&recording.threads).map(|(at, thread)| (thread.tid, at)).collect();
        Self::sorted(by_tid, recording.taken.iter().copied(), waits)
    }

    /// `by_tid`: the position of each thread id.
    pub(super) fn sorted(by_tid: HashMap<u32, u32>, all: impl Iterator<Item = Taken>, waits: &[Wait]) -> Self {
        let mut taken: HashMap<u32, Vec<Taken>> = HashMap::new();
        all.for_each(|one| taken.entry(one.thread).or_default().push(one));
        taken.values_mut().for_each(|all| all.sort_unstable_by_key(|one| one.time_ns));
        let mut away: HashMap<u32, Vec<Wait>> = HashMap::new();
        waits.iter().for_each(|wait| away.entry(wait.thread).or_default().push(*wait));
        Self { by_tid, taken, away }
    }

    /// The position of the thread of that id.
    pub(in crate::capture) fn numbered(&self, tid: u32) -> Option<u32> {
        self.by_tid.get(&tid).copied()
    }

    /// Samples of a thread.
    pub(in crate::capture) fn taken(&self, thread: u32) -> &[Taken] {
        self.taken.get(&thread).map(Vec::as_slice).unwrap_or_default()
    }

    /// Waits of a thread.
    pub(super) fn away(&self, thread: u32) -> &[Wait] {
        self.away.get(&thread).map(Vec::as_slice).unwrap_or_default()
    }

    /// Waits of all threads that were ever off their CPU.
    pub(super) fn all_away(&self) -> impl Iterator<Item = (u32, &[Wait])> {
        self.away.iter().map(|(thread, away)| (*thread, away.as_slice()))
    }
}
