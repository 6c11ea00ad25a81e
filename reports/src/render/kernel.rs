//! What the kernel counted of a process, in words and series: shared by pages, terminal and `run.json`.

use std::collections::BTreeMap;

use super::{number, text, words};
use crate::run::{KernelHead, KernelRecord, KernelSample, MetricValue};

/// How to read it.
pub(crate) const HOW: &str = "Each small picture is one figure that the kernel keeps of the process, on the same time axis: \
    look for what rises where latency does, since threads that wait for a CPU, throttling, page faults or full queues are \
    causes that no profile of the program shows.";

/// How a figure follows from the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of the moment.
    Level,
    /// Growth a second.
    Rate,
}

/// One figure.
pub(crate) struct Figure {
    /// Above its picture.
    pub(crate) title: &'static str,
    pick: fn(&KernelSample) -> Option<f64>,
    kind: Kind,
    /// A value in words.
    pub(crate) show: fn(f64) -> String,
    /// Position among colours.
    pub(crate) colour: usize,
}

fn plain(value: f64) -> String {
    number::tick(value, "1")
}

fn per_second(value: f64) -> String {
    number::tick(value, "ops/s").replace(" ops/s", "/s")
}

fn share(value: f64) -> String {
    number::percent(value)
}

fn size(value: f64) -> String {
    number::tick(value, "B")
}

#[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
fn whole(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

/// Every figure, in reading order: what a thread waits for first.
pub(crate) fn figures() -> &'static [Figure] {
    const fn figure(
        title: &'static str,
        kind: Kind,
        show: fn(f64) -> String,
        colour: usize,
        pick: fn(&KernelSample) -> Option<f64>,
    ) -> Figure {
        Figure { title, pick, kind, show, colour }
    }
    const FIGURES: &[Figure] = &[
        figure("cores busy", Kind::Rate, plain, 0, |one| one.cpu_s),
        figure("threads waiting for a CPU", Kind::Rate, plain, 1, |one| one.run_queue_s),
        figure("throttled, part of the time", Kind::Rate, share, 1, |one| one.throttled_s),
        figure("switches: CPU given up", Kind::Rate, per_second, 2, |one| whole(one.voluntary)),
        figure("switches: CPU taken", Kind::Rate, per_second, 1, |one| whole(one.involuntary)),
        figure("system calls", Kind::Rate, per_second, 3, |one| whole(one.syscalls)),
        figure("reading and writing calls", Kind::Rate, per_second, 3, |one| whole(one.io_calls)),
        figure("minor faults", Kind::Rate, per_second, 4, |one| whole(one.minor_faults)),
        figure("major faults", Kind::Rate, per_second, 1, |one| whole(one.major_faults)),
        figure("unread in sockets", Kind::Level, size, 5, |one| whole(one.receive_queue)),
        figure("sent, not acknowledged", Kind::Level, size, 5, |one| whole(one.send_queue)),
        figure("connections to be accepted", Kind::Level, plain, 1, |one| whole(one.backlog)),
        figure("connections", Kind::Level, plain, 5, |one| whole(one.connections)),
        figure("listen overflows", Kind::Rate, per_second, 1, |one| whole(one.listen_overflows)),
        figure("resident memory", Kind::Level, size, 6, |one| whole(one.resident)),
        figure("threads", Kind::Level, plain, 6, |one| whole(one.threads)),
        figure("open descriptors", Kind::Level, plain, 6, |one| whole(one.descriptors)),
    ];
    FIGURES
}

/// A figure over time.
pub(crate) fn series(record: &KernelRecord, figure: &Figure) -> Vec<(f64, f64)> {
    let points = record.samples.iter().filter_map(|sample| Some((sample.at_s, (figure.pick)(sample)?)));
    if figure.kind == Kind::Level {
        return points.collect();
    }
    let points: Vec<(f64, f64)> = points.collect();
    let rate = |pair: &[(f64, f64)]| {
        let (seconds, grown) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        // What is read at two moments of one tick of the clock has no rate.
        (seconds > 0.0).then(|| (pair[1].0, (grown / seconds).max(0.0)))
    };
    points.windows(2).filter_map(rate).collect()
}

/// Figures that were read and never moved from zero, in one sentence; may be empty.
pub(crate) fn zeros(record: &KernelRecord) -> String {
    let silent: Vec<&str> = figures()
        .iter()
        .filter(|figure| {
            let points = series(record, figure);
            !points.is_empty() && points.iter().all(|(_, value)| *value == 0.0)
        })
        .map(|figure| figure.title)
        .collect();
    if silent.is_empty() { String::new() } else { format!("0 throughout: {}.", silent.join(", ")) }
}

/// What could not be read, and why: a sentence each.
pub(crate) fn missing(head: &KernelHead) -> Vec<String> {
    let what = |name: &str| match name {
        "stat" => "CPU time, faults, memory and threads".to_owned(),
        "schedstat" => "waiting for a CPU".to_owned(),
        "cgroup" => "throttling".to_owned(),
        "status" => "switches".to_owned(),
        "sockets" => "queues of sockets".to_owned(),
        "overflows" => "listen overflows".to_owned(),
        "syscalls" => "system calls".to_owned(),
        "io" => "reading and writing calls".to_owned(),
        "descriptors" => "open descriptors".to_owned(),
        other => text::name(other),
    };
    head.missing
        .iter()
        .map(|(name, because)| format!("{}: n/a, because {}", what(name), text::sentence(because)))
        .collect()
}

/// Who read it, how often, and what that cost.
pub(crate) fn source(record: &KernelRecord) -> String {
    let head = &record.head;
    format!(
        "read from outside {} times a second, {} of {} samples; reading took {} of a core, not of the subject's",
        head.hz,
        number::count(record.samples.len() as f64),
        number::count(head.due as f64),
        number::percent(head.cost)
    )
}

/// The system calls that were made most, in words; empty where they were not counted.
pub(crate) fn syscalls(head: &KernelHead) -> String {
    let mut all: Vec<(&String, &u64)> = head.syscalls.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let total: u64 = all.iter().map(|(_, count)| **count).sum();
    if total == 0 {
        return String::new();
    }
    let each: Vec<String> = all
        .iter()
        .take(8)
        .map(|(name, count)| format!("{} {}", text::name(name), number::percent(**count as f64 / total as f64)))
        .collect();
    let per = match head.operations {
        0 => String::new(),
        operations => format!(" ({} an operation)", number::tick(total as f64 / operations as f64, "1")),
    };
    format!("{}{per}: {}", words::plural(total, "system call", "system calls"), each.join(", "))
}

/// Numbers of the whole recording, for `run.json`: averages a second of what is counted, the largest of what is of the
/// moment, and what falls to one operation where those are counted.
pub fn metrics(record: &KernelRecord) -> BTreeMap<String, MetricValue> {
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: Option<f64>, unit: &str| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            found.insert(name.to_owned(), MetricValue { value, unit: unit.to_owned() });
        }
    };
    let ends = record.samples.first().zip(record.samples.last()).filter(|(first, last)| last.at_s > first.at_s);
    // What costs much to read is not in every sample.
    let grown = |pick: fn(&KernelSample) -> Option<f64>| {
        let mut read = ends.and(Some(record.samples.iter().filter_map(pick)))?;
        read.next().zip(read.next_back()).map(|(first, last)| (last - first).max(0.0))
    };
    let seconds = ends.map_or(1.0, |(first, last)| last.at_s - first.at_s);
    let operations = record.head.operations as f64;
    let each = |total: Option<f64>| total.filter(|_| operations > 0.0).map(|total| total / operations);
    let most = |pick: fn(&KernelSample) -> Option<f64>| record.samples.iter().filter_map(pick).reduce(f64::max);
    put("runqueue.delay", each(grown(|one| one.run_queue_s)), "s/op");
    put("runqueue.threads", grown(|one| one.run_queue_s).map(|total| total / seconds), "1");
    put("throttled", grown(|one| one.throttled_s).map(|total| total / seconds), "1");
    put("throttled.periods", grown(|one| whole(one.throttled)), "1");
    put("faults.minor_per_op", each(grown(|one| whole(one.minor_faults))), "1/op");
    put("faults.major_per_op", each(grown(|one| whole(one.major_faults))), "1/op");
    put("ctx_switches.voluntary_per_op", each(grown(|one| whole(one.voluntary))), "1/op");
    put("ctx_switches.involuntary_per_op", each(grown(|one| whole(one.involuntary))), "1/op");
    put("syscalls_per_op", each(grown(|one| whole(one.syscalls))), "1/op");
    put("io_calls_per_op", each(grown(|one| whole(one.io_calls))), "1/op");
    put("sockets.unread.max", most(|one| whole(one.receive_queue)), "B");
    put("sockets.unacknowledged.max", most(|one| whole(one.send_queue)), "B");
    put("sockets.backlog.max", most(|one| whole(one.backlog)), "1");
    put("listen_overflows", grown(|one| whole(one.listen_overflows)), "1");
    put("threads.max", most(|one| whole(one.threads)), "1");
    put("descriptors.max", most(|one| whole(one.descriptors)), "1");
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::kernel::tests::kernel;

    #[test]
    fn totals_become_rates_and_moments_stay() {
        let record = kernel();
        let of = |title: &str| series(&record, figures().iter().find(|one| one.title == title).unwrap());
        assert!(of("cores busy").iter().all(|(_, cores)| (cores - 1.2).abs() < 1e-6));
        assert_eq!(of("threads").len(), 11);
        assert!(of("unread in sockets").is_empty());
        assert_eq!(zeros(&record), "0 throughout: major faults.");
        assert_eq!(
            source(&record),
            "read from outside 10 times a second, 11 of 11 samples; reading took 0.4 % of a core, not of the subject's"
        );
    }

    #[test]
    fn what_is_missing_says_why() {
        assert_eq!(
            missing(&kernel().head),
            [
                "queues of sockets: n/a, because /proc/7/net/tcp cannot be read",
                "system calls: n/a, because tracepoints are refused"
            ]
        );
    }

    #[test]
    fn metrics_are_an_operations_or_a_seconds() {
        let found = metrics(&kernel());
        let value = |name: &str| found.get(name).map(|metric| (metric.value * 1e6).round() / 1e6);
        assert_eq!(value("ctx_switches.voluntary_per_op"), Some(8.888889));
        assert_eq!(value("throttled"), Some(0.2));
        assert_eq!(value("threads.max"), Some(6.0));
        assert_eq!(value("sockets.unread.max"), None);
        let idle = KernelRecord { head: KernelHead { operations: 0, ..kernel().head }, ..kernel() };
        assert!(!metrics(&idle).contains_key("faults.minor_per_op") && metrics(&KernelRecord::default()).is_empty());
    }

    #[test]
    fn system_calls_are_ranked() {
        let head = KernelHead {
            operations: 10,
            syscalls: [("read".to_owned(), 30), ("futex".to_owned(), 60), ("write".to_owned(), 10)].into(),
            ..KernelHead::default()
        };
        assert_eq!(syscalls(&head), "100 system calls (10 an operation): futex 60 %, read 30 %, write 10 %");
        assert_eq!(syscalls(&KernelHead::default()), "");
    }
}
