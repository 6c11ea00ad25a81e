//! Resources of the spawn sites that allocate most, and stalls by the recording of tasks.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tracing::Span;

use super::gauge::{self, Place, Site};
use crate::stalls::Summary;
use crate::tasks::{Kind, SiteRecord};

/// Sites shown: what fits on one screen beside tokio's own resources.
const SHOWN: usize = 10;

/// File, line, column.
type Key = (String, u32, u32);

/// Sites that have a resource.
#[derive(Debug, Default)]
pub(super) struct Sites {
    open: HashMap<Key, (Span, Option<Site>)>,
}

impl Sites {
    /// Brings the resources to what this snapshot says.
    pub(super) fn show(&mut self, records: &[SiteRecord]) {
        let top = top(records);
        // A site that others have overtaken is dropped, and tokio-console lets it fade.
        self.open.retain(|key, _| top.iter().any(|record| is_of(record, key)));
        for record in top {
            let place = Place { file: &record.file, line: record.line, column: record.column };
            let (span, shown) = self
                .open
                .entry((record.file.clone(), record.line, record.column))
                .or_insert_with(|| (gauge::open("spawns", "Spawn site", Some(place)), None));
            let site = Site {
                bytes: record.bytes,
                allocations: record.allocations,
                alive: record.alive,
                polls: record.polls,
                spawned: record.spawned,
                longest_poll: seconds(record.longest_poll_s),
            };
            if *shown != Some(site) {
                gauge::site(span, &site);
                *shown = Some(site);
            }
        }
    }
}

fn is_of(record: &SiteRecord, (file, line, column): &Key) -> bool {
    record.file == *file && record.line == *line && record.column == *column
}

/// The sites of tasks that allocated most, the most first. Of blocking jobs nothing but the end is known.
fn top(records: &[SiteRecord]) -> Vec<&SiteRecord> {
    let mut tasks: Vec<_> = records.iter().filter(|record| record.kind == Kind::Task).collect();
    tasks.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| b.polls.cmp(&a.polls)));
    tasks.truncate(SHOWN);
    tasks
}

/// Remembers who stalled last, where only counts are told.
#[derive(Debug, Default)]
pub(super) struct StallsByCount {
    seen: BTreeMap<Key, u64>,
    last: Option<String>,
}

impl StallsByCount {
    /// What the recording knows of stalls. The culprit is where the task was spawned: counts know no stacks.
    pub(super) fn summary(&mut self, records: &[SiteRecord]) -> Summary {
        let mut risen: Option<&SiteRecord> = None;
        for record in records.iter().filter(|record| record.kind == Kind::Task && record.stalls > 0) {
            let seen = self.seen.entry((record.file.clone(), record.line, record.column)).or_default();
            if record.stalls > *seen {
                *seen = record.stalls;
                if risen.is_none_or(|other| record.longest_poll_s > other.longest_poll_s) {
                    risen = Some(record);
                }
            }
        }
        if let Some(record) = risen {
            // The end is cut where there is little room.
            let file = record.file.rsplit('/').next().unwrap_or(&record.file);
            self.last = Some(format!("{file}:{}, a task spawned there", record.line));
        }
        let tasks = || records.iter().filter(|record| record.kind == Kind::Task);
        Summary {
            count: tasks().map(|record| record.stalls).sum(),
            longest: tasks().map(|record| seconds(record.longest_poll_s)).max().unwrap_or_default(),
            last: self.last.clone(),
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: u32, bytes: u64, stalls: u64) -> SiteRecord {
        SiteRecord {
            file: "src/app.rs".into(),
            line,
            column: 5,
            kind: Kind::Task,
            spawned: 1,
            finished: 0,
            alive: 1,
            polls: 3,
            busy_s: 0.1,
            longest_poll_s: f64::from(line) / 1000.0,
            long_polls: stalls,
            stalls,
            in_poll: 0,
            bytes,
            allocations: 2,
            latency: crate::tasks::Latency::EveryPoll,
            waits: 12,
            schedule_latency_s: 0.0,
            worst_schedule_latency_s: 0.0,
        }
    }

    #[test]
    fn the_ten_sites_with_most_bytes_are_shown_and_blocking_jobs_are_not() {
        let mut records: Vec<_> = (1..=12).map(|line| record(line, u64::from(line) * 10, 0)).collect();
        records.push(SiteRecord { kind: Kind::Blocking, ..record(13, 1_000, 0) });
        let lines: Vec<_> = top(&records).iter().map(|record| record.line).collect();
        assert_eq!(lines, (3..=12).rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_last_culprit_is_the_site_whose_count_rose_last() {
        let mut stalls = StallsByCount::default();
        assert_eq!(stalls.summary(&[record(1, 0, 0)]).last, None);
        let first = stalls.summary(&[record(1, 0, 2), record(30, 0, 0)]);
        assert_eq!(first.last.as_deref(), Some("app.rs:1, a task spawned there"));
        assert_eq!((first.count, first.longest), (2, Duration::from_millis(30)));
        let second = stalls.summary(&[record(1, 0, 2), record(30, 0, 1)]);
        assert_eq!(second.last.as_deref(), Some("app.rs:30, a task spawned there"));
        let third = stalls.summary(&[record(1, 0, 2), record(30, 0, 1)]);
        assert_eq!((third.count, third.last), (3, second.last));
    }
}
