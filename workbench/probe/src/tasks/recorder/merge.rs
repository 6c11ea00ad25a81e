//! The ledgers of all threads as records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::seats::Shared;
use crate::tasks::clock::Clock;
use crate::tasks::ledger::{Ledger, Sums};
use crate::tasks::record::{Kind, Latency, SiteRecord};
use crate::tasks::sites::SITES;

/// Sums over threads.
#[derive(Default)]
struct Total {
    spawned: u64,
    spawned_unrecorded: u64,
    finished: u64,
    finished_unrecorded: u64,
    polls: u64,
    busy: u64,
    longest_poll: u64,
    long_polls: u64,
    stalls: u64,
    in_poll: u64,
    bytes: u64,
    allocations: u64,
    waits: u64,
    latency: u64,
    worst_latency: u64,
}

/// Records by file, line and column: one place in the source may have several addresses.
pub(super) fn records(shared: &Shared) -> Vec<SiteRecord> {
    let mut totals: BTreeMap<(&str, u32, u32), Total> = BTreeMap::new();
    let ledgers = shared.all();
    let now = shared.clock().now();
    for site in 0..SITES {
        let mut total = Total::default();
        for ledger in &ledgers {
            total.add(ledger.of(site), shared.clock());
            total.look(ledger, site, now);
        }
        if total.is_silent() {
            continue;
        }
        let key = shared.sites.location(site).map_or(("", 0, 0), |at| (at.file(), at.line(), at.column()));
        totals.entry(key).or_default().merge(&total);
    }
    let mut records: Vec<_> = totals.into_iter().map(|(key, total)| total.record(key, shared.latency())).collect();
    // Stable, so that equals stay in the order of the source.
    records.sort_by(|a, b| b.busy_s.total_cmp(&a.busy_s));
    records
}

impl Total {
    fn add(&mut self, sums: &Sums, clock: &Clock) {
        let of = |sum: &AtomicU64| sum.load(Relaxed);
        self.merge(&Self {
            // Ends are read before spawns, so that a task never seems to end before it was spawned.
            finished: of(&sums.finished),
            finished_unrecorded: of(&sums.finished_unrecorded),
            spawned: of(&sums.spawned),
            spawned_unrecorded: of(&sums.spawned_unrecorded),
            polls: of(&sums.polls),
            busy: clock.nanoseconds(of(&sums.busy)),
            longest_poll: clock.nanoseconds(of(&sums.longest_poll)),
            long_polls: of(&sums.long_polls),
            stalls: of(&sums.stalls),
            in_poll: 0,
            bytes: of(&sums.bytes),
            allocations: of(&sums.allocations),
            waits: of(&sums.waits),
            latency: of(&sums.latency),
            worst_latency: of(&sums.worst_latency),
        });
    }

    /// A poll that has not ended says how long it has been going on.
    fn look(&mut self, ledger: &Ledger, site: usize, now: u64) {
        if let Some(poll) = ledger.in_poll()
            && poll.site == site
        {
            self.in_poll += 1;
            self.longest_poll = self.longest_poll.max(now.saturating_sub(poll.began));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.spawned += other.spawned;
        self.spawned_unrecorded += other.spawned_unrecorded;
        self.finished += other.finished;
        self.finished_unrecorded += other.finished_unrecorded;
        self.polls += other.polls;
        self.busy += other.busy;
        self.longest_poll = self.longest_poll.max(other.longest_poll);
        self.long_polls += other.long_polls;
        self.stalls += other.stalls;
        self.in_poll += other.in_poll;
        self.bytes += other.bytes;
        self.allocations += other.allocations;
        self.waits += other.waits;
        self.latency += other.latency;
        self.worst_latency = self.worst_latency.max(other.worst_latency);
    }

    /// Blocking jobs are never announced, only their end is.
    fn kind(&self) -> Kind {
        if self.ever_spawned() == 0 { Kind::Blocking } else { Kind::Task }
    }

    fn alive(&self) -> u64 {
        // Several threads are read one after the other, and a site of both tasks and blocking jobs has more ends.
        self.ever_spawned().saturating_sub(self.finished + self.finished_unrecorded)
    }

    /// Since the runtime began.
    fn ever_spawned(&self) -> u64 {
        self.spawned + self.spawned_unrecorded
    }

    /// Nothing of the recording, and nothing that lives.
    fn is_silent(&self) -> bool {
        self.spawned == 0 && self.finished == 0 && self.polls == 0 && self.in_poll == 0 && self.alive() == 0
    }

    fn record(&self, (file, line, column): (&str, u32, u32), latency: Latency) -> SiteRecord {
        SiteRecord {
            file: file.to_owned(),
            line,
            column,
            kind: self.kind(),
            spawned: self.spawned,
            finished: self.finished,
            alive: self.alive(),
            polls: self.polls,
            busy_s: seconds(self.busy),
            longest_poll_s: seconds(self.longest_poll),
            long_polls: self.long_polls,
            stalls: self.stalls,
            in_poll: self.in_poll,
            bytes: self.bytes,
            allocations: self.allocations,
            latency,
            waits: self.waits,
            schedule_latency_s: seconds(self.latency),
            worst_schedule_latency_s: seconds(self.worst_latency),
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::panic::Location;
    use std::sync::Arc;

    use super::*;
    use crate::allocator::Allocated;

    #[test]
    fn two_addresses_of_one_place_are_one_site() {
        let shared = Arc::new(Shared::with(Clock::kernel(), Latency::FirstPoll));
        let place = Location::caller();
        // As a compiler may place one location in two units of code.
        let copies = [(); 2].map(|()| -> &'static Location<'static> { Box::leak(Box::new(*place)) });
        for (copy, bytes) in copies.into_iter().zip([100, 23]) {
            let site = shared.sites.number(copy);
            shared.write(|ledger| {
                ledger.spawned(site, true);
                ledger.waited(site, 7);
                ledger.begin(site, Allocated::default(), || 1000);
                ledger.end(|| 1000 + bytes, || Allocated { allocations: 1, bytes });
            });
        }
        let records = records(&shared);
        assert_eq!(records.len(), 1, "{records:#?}");
        let record = &records[0];
        assert_eq!((record.file.as_str(), record.line, record.column), (place.file(), place.line(), place.column()));
        assert_eq!((record.spawned, record.polls, record.bytes, record.allocations), (2, 2, 123, 2));
        assert_eq!((record.busy_s, record.longest_poll_s), (123e-9, 100e-9));
        assert_eq!((record.latency, record.waits), (Latency::FirstPoll, 2));
        assert_eq!((record.schedule_latency_s, record.worst_schedule_latency_s), (14e-9, 7e-9));
    }
}
