//! Tasks by spawn site as data: the columns that every renderer shows.

use super::{number, text};
use crate::run::{SiteKind, SiteRecord, Waits};

/// How to read the table, one sentence.
pub(crate) const HOW: &str = "Each row is a place that spawns tasks, the busiest first: while a poll lasts its worker runs nothing else, \
    so polls over 10 ms (stalls) are what other tasks wait for; these trials carried hooks and never enter the comparison.";

/// Which waits the columns `worst wait` and `mean wait` tell, one sentence; nothing where there is no task.
pub(crate) fn waits(sites: &[SiteRecord]) -> &'static str {
    match sites.iter().find(|site| site.kind == SiteKind::Task).map(|site| site.latency) {
        Some(Waits::FirstPoll) => {
            "Waits are for a worker, from spawn to first poll, of the first 64 tasks that a thread spawned at a place and of one \
             in eight of the rest; what tasks waited after later wakes takes --task-waits every."
        }
        Some(Waits::EveryPoll) => "Waits are for a worker, from each wake to the poll that followed.",
        Some(Waits::Untracked) => "How long tasks waited for a worker was not measured.",
        None => "",
    }
}

/// One site.
pub(crate) struct Row {
    /// Where, shortened; harmless.
    pub(crate) place: String,
    /// A job of the blocking pool, of which only the number that ended is known.
    pub(crate) blocking: bool,
    /// Cells in the order of [`HEADS`].
    pub(crate) cells: Vec<Cell>,
}

/// One figure.
pub(crate) struct Cell {
    pub(crate) text: String,
    /// It should be looked at.
    pub(crate) bad: bool,
}

/// Names of the figures.
pub(crate) const HEADS: [&str; 12] = [
    "alive",
    "spawned",
    "finished",
    "polls",
    "busy",
    "longest",
    "> 1 ms",
    "> 10 ms",
    "allocated",
    "blocks",
    "worst wait",
    "mean wait",
];

/// Rows, the busiest first; blocking jobs, whose time is not known, last.
pub(crate) fn rows(sites: &[SiteRecord]) -> Vec<Row> {
    let mut sorted: Vec<&SiteRecord> = sites.iter().collect();
    sorted.sort_by(|a, b| {
        (a.kind == SiteKind::Blocking).cmp(&(b.kind == SiteKind::Blocking)).then(b.busy_s.total_cmp(&a.busy_s))
    });
    sorted.into_iter().map(row).collect()
}

fn row(site: &SiteRecord) -> Row {
    let blocking = site.kind == SiteKind::Blocking;
    let cell = |text: String| Cell { text, bad: false };
    let known = |text: String| cell(if blocking { number::ABSENT.into() } else { text });
    let count = |count: u64| number::count(count as f64);
    let mean = (site.waits > 0).then(|| site.schedule_latency_s / site.waits as f64);
    let worst = (site.waits > 0 || site.schedule_latency_s > 0.0).then_some(site.worst_schedule_latency_s);
    let wait = |seconds: Option<f64>| known(seconds.map_or(number::ABSENT.into(), number::seconds));
    let stalled = site.longest_poll_s > 0.010;
    Row {
        place: place(site),
        blocking,
        cells: vec![
            known(count(site.alive)),
            known(count(site.spawned)),
            cell(count(site.finished)),
            known(count(site.polls)),
            known(number::seconds(site.busy_s)),
            Cell { bad: stalled, ..known(number::seconds(site.longest_poll_s)) },
            known(count(site.long_polls)),
            Cell { bad: site.stalls > 0, ..known(count(site.stalls)) },
            known(number::bytes(site.bytes as f64)),
            known(count(site.allocations)),
            wait(worst),
            wait(mean),
        ],
    }
}

/// `hyper-util-0.1.21/src/rt/tokio.rs:103:9`: what precedes it is different on every machine.
fn place(site: &SiteRecord) -> String {
    shortened(&site.place())
}

/// The same of any place; a file of the standard library begins with `library`.
pub(crate) fn shortened(full: &str) -> String {
    if let Some((_, rest)) = full.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')) {
        return text::name(rest);
    }
    let short = full.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/')).map(|(_, rest)| rest);
    text::name(short.unwrap_or(full))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::render) fn site(file: &str, kind: SiteKind) -> SiteRecord {
        SiteRecord {
            file: file.into(),
            line: 53,
            column: 33,
            kind,
            spawned: 12,
            finished: 9,
            alive: 67,
            polls: 4000,
            busy_s: 3.21,
            longest_poll_s: 0.0421,
            long_polls: 120,
            stalls: 80,
            in_poll: 1,
            bytes: 5 << 20,
            allocations: 70_000,
            latency: Waits::FirstPoll,
            waits: 20,
            schedule_latency_s: 0.4,
            worst_schedule_latency_s: 0.031,
        }
    }

    #[test]
    fn registry_paths_lose_their_machine() {
        let of = |file: &str| place(&site(file, SiteKind::Task));
        assert_eq!(of("/h/.cargo/registry/src/index-1/hyper-1.12.0/src/a.rs"), "hyper-1.12.0/src/a.rs:53:33");
        assert_eq!(of("scenarios/src/workloads/drain/mod.rs"), "scenarios/src/workloads/drain/mod.rs:53:33");
        assert_eq!(of("a\u{202e}b.rs"), "a\\u{202e}b.rs:53:33");
        assert_eq!(of("/rustc/59807616/library/core/src/a.rs"), "library/core/src/a.rs:53:33");
        assert_eq!(of(""), "all other sites");
    }

    #[test]
    fn a_wait_that_nobody_measured_is_no_short_one() {
        let waits = |latency, waits, schedule_latency_s| {
            let site = SiteRecord { latency, waits, schedule_latency_s, ..site("a.rs", SiteKind::Task) };
            let cells = rows(&[site]).remove(0).cells;
            [cells[10].text.clone(), cells[11].text.clone()]
        };
        assert_eq!(waits(Waits::FirstPoll, 20, 0.4), ["31.0 ms", "20.0 ms"]);
        assert_eq!(waits(Waits::Untracked, 0, 0.0), [number::ABSENT; 2]);
        assert_eq!(waits(Waits::EveryPoll, 0, 0.4), ["31.0 ms", number::ABSENT], "an older run has no count");
    }

    #[test]
    fn blocking_jobs_come_last_and_claim_nothing() {
        let rows = rows(&[site("b.rs", SiteKind::Blocking), site("a.rs", SiteKind::Task)]);
        assert!(!rows[0].blocking && rows[1].blocking);
        let known: Vec<_> =
            rows[1].cells.iter().map(|cell| cell.text.as_str()).filter(|t| *t != number::ABSENT).collect();
        assert_eq!(known, ["9"]);
        assert!(rows[0].cells.len() == HEADS.len() && rows[0].cells[7].bad);
    }
}
