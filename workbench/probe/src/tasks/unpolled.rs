//! When tasks were spawned that have not been polled yet.

use crate::sync::{AtomicU64, Ordering::Relaxed};

use super::PLACES_OF_UNPOLLED as PLACES;

/// Low bits of a place: ticks. Above them what tells tasks of one place apart.
const TICK_BITS: u32 = 40;
const TICKS: u64 = (1 << TICK_BITS) - 1;

/// Ticks are kept in units of so many, as a power of two.
const UNIT: u32 = 4;

/// Set in every place that is taken.
const TAKEN: u64 = 1;

/// A place for each of the tasks spawned last. Whoever is spawned when as many others still wait for their first poll
/// takes the place of the oldest, whose wait is then not measured: in a burst the first are lost, the last, which wait
/// longest, are kept.
///
/// A place is one word, so that no reader sees half of it: a part of the task's number, and the ticks of its spawn in
/// units of 16, which come round after 2⁴⁴ ticks (an hour and a half at 3 GHz).
pub(super) struct Unpolled {
    places: [AtomicU64; PLACES],
}

/// Of each site and thread so many spawns are all timed; and of those that follow
const ALL_OF: u64 = 64;
/// one in 2³, as in Go, whose scheduler measures one goroutine in eight.
const ONE_IN: u32 = 3;

/// Whether the spawn of a task is timed. `before` is how many of its site this thread has spawned; the rest is decided by
/// the task's number, whose multiples of the golden ratio are spread evenly whatever numbers the tasks of a site have.
#[inline(always)]
pub(super) fn is_sampled(number: u64, before: u64) -> bool {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - ONE_IN) == 0 || before < ALL_OF
}

/// When a task was spawned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spawned(u64);

impl Unpolled {
    pub(super) const fn new() -> Self {
        Self { places: [const { AtomicU64::new(0) }; PLACES] }
    }

    /// A task with this number is about to be put into a queue.
    #[inline(always)]
    pub(super) fn spawned(&self, number: u64, ticks: u64) {
        let (place, tag) = place(number);
        self.places[place].store(tag | ((ticks >> UNIT) & TICKS) | TAKEN, Relaxed);
    }

    /// The task is about to be polled: when it was spawned, if this is its first poll.
    #[inline(always)]
    pub(super) fn first_poll(&self, number: u64) -> Option<Spawned> {
        let (place, tag) = place(number);
        let found = self.places[place].load(Relaxed);
        if found & !TICKS != tag || found & TAKEN == 0 {
            return None;
        }
        // Where another task has taken the place this very moment, its wait is lost.
        self.places[place].store(0, Relaxed);
        Some(Spawned(found & TICKS))
    }
}

impl Spawned {
    /// Ticks from then to `now`.
    #[inline]
    pub(super) fn until(self, now: u64) -> u64 {
        // TAKEN may have made the spawn one unit later than it was.
        let now = ((now >> UNIT) | TAKEN) & TICKS;
        (now.wrapping_sub(self.0) & TICKS) << UNIT
    }
}

/// Where a task is looked for, and what it is known by there. Tasks spawned one after the other are neighbours: a cache
/// line serves eight of them, and since few are timed, threads that spawn at once hardly meet there.
#[inline(always)]
fn place(number: u64) -> (usize, u64) {
    // Below PLACES. Numbers that share place and tag are 2²⁴ × PLACES apart.
    ((number % PLACES as u64) as usize, (number / PLACES as u64) << TICK_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_once() {
        let tasks = Unpolled::new();
        for number in 1..=PLACES as u64 {
            tasks.spawned(number, 1000 * number);
        }
        for number in 1..=PLACES as u64 {
            let spawned = tasks.first_poll(number).unwrap();
            let waited = spawned.until(1000 * number + 5000);
            assert!(waited.abs_diff(5000) <= 32, "{waited}");
            assert_eq!(tasks.first_poll(number), None, "a second poll is no first one");
        }
    }

    #[test]
    fn who_comes_too_late_for_its_place_says_nothing() {
        let tasks = Unpolled::new();
        let numbers = [7, 7 + PLACES as u64, u64::MAX - 3];
        for number in numbers {
            assert_eq!(tasks.first_poll(number), None, "nobody was spawned");
        }
        tasks.spawned(numbers[0], 100);
        tasks.spawned(numbers[1], 300);
        assert_eq!(tasks.first_poll(numbers[0]), None);
        assert!(tasks.first_poll(numbers[1]).is_some());
    }

    #[test]
    fn one_in_eight_is_timed_however_sites_take_turns() {
        let sites = [1, 2, 3, 8, 16, 4096];
        for step in sites {
            let timed = (0..8000).filter(|turn| is_sampled(5 + turn * step, ALL_OF)).count();
            assert!((900..1100).contains(&timed), "{timed} of 8000, every {step}th task");
        }
        assert!((1..1000).all(|number| is_sampled(number, ALL_OF - 1)));
    }

    #[test]
    fn ticks_may_come_round() {
        let tasks = Unpolled::new();
        tasks.spawned(1, u64::MAX - 99);
        let waited = tasks.first_poll(1).unwrap().until(900);
        assert!(waited.abs_diff(1000) <= 32, "{waited}");
        tasks.spawned(2, 5000);
        assert!(tasks.first_poll(2).unwrap().until(5000) <= 16, "at once is not an hour and a half");
    }
}
