//! Waits of threads in words: shared by pages and terminal.

use super::{number, text, words};
use crate::run::{LongWait, ThreadLane, ThreadsHead, ThreadsRecord, WaitCause, WaitPlace};

/// How to read the flamegraph.
pub(crate) const FLAME: &str = "Each box is a function, as wide as the time that threads spent off their CPU below it: the \
    innermost function of the program is what to look at; workers without work are left out.";

/// How to read the lanes.
pub(crate) const LANES: &str = "Each lane is a thread, filled where it was on a CPU, wanted one, or was blocked, and empty \
    where it had nothing to do: read down from a bump in latency to what the threads did at that moment.";

/// How to read the table of places.
pub(crate) const PLACES: &str = "Time is summed over all threads and so may exceed the recording; blocked time includes the \
    time between being woken and having a CPU.";

/// What a cause is called.
pub(crate) fn cause(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::Blocked => "blocked",
        WaitCause::Preempted => "wanted a CPU",
        WaitCause::Parked => "idle",
    }
}

/// Places that are worth a look: the rest is idleness.
pub(crate) fn shown(record: &ThreadsRecord) -> impl Iterator<Item = &WaitPlace> {
    record.places.iter().filter(|place| place.cause != WaitCause::Parked)
}

/// Time off the CPU by cause, all threads, from their lanes.
pub(crate) fn totals(record: &ThreadsRecord) -> [(WaitCause, f64); 3] {
    let sum = |pick: fn(&ThreadLane) -> f64| record.threads.iter().map(pick).sum::<f64>();
    [
        (WaitCause::Blocked, sum(|lane| lane.blocked_s)),
        (WaitCause::Preempted, sum(|lane| lane.preempted_s)),
        (WaitCause::Parked, sum(|lane| lane.parked_s)),
    ]
}

/// How all threads spent the recording, in one sentence.
pub(crate) fn summary(record: &ThreadsRecord) -> String {
    let running: f64 = record.threads.iter().map(|lane| lane.running_s).sum();
    let [blocked, preempted, parked] = totals(record).map(|(_, seconds)| number::seconds(seconds));
    format!(
        "{} over {}: on a CPU {}, blocked {blocked}, wanted a CPU {preempted}, idle {parked} (all threads together)",
        words::plural(record.head.threads, "thread", "threads"),
        number::seconds(record.head.wall_s),
        number::seconds(running),
    )
}

/// `shop::post (src/ledger.rs:41)`, or why there is no place.
pub(crate) fn place(function: &str, file: &str, line: u32) -> String {
    match (function.is_empty(), file.is_empty()) {
        (true, _) => "place unknown".to_owned(),
        (false, true) => text::name(function),
        (false, false) if line == 0 => format!("{} ({})", text::name(function), text::sentence(short(file))),
        (false, false) => format!("{} ({}:{line})", text::name(function), text::sentence(short(file))),
    }
}

/// A file of a dependency from its package on: where cargo keeps it says nothing.
fn short(file: &str) -> &str {
    let package = file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    package.map_or(file, |(_, package)| package)
}

/// What it waited in and who called, may be empty.
pub(crate) fn because(place: &WaitPlace) -> String {
    let within = (!place.within.is_empty()).then(|| format!("in {}", text::name(&place.within)));
    let callers: Vec<String> = place.callers.iter().map(|caller| text::name(caller)).collect();
    let called = (!callers.is_empty()).then(|| format!("called by {}", callers.join(" ← ")));
    [within, called].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `81 ms blocked at 1.25 s on worker (101): shop::post (src/ledger.rs:41)`.
pub(crate) fn long(wait: &LongWait) -> String {
    format!(
        "{} {} at {} on {} ({}): {}",
        number::seconds(wait.duration_s),
        cause(wait.cause),
        number::seconds(wait.at_s),
        text::name(&wait.thread),
        wait.tid,
        place(&wait.function, &wait.file, wait.line)
    )
}

/// What the reader should know of the recording: no stacks, lost records.
pub(crate) fn doubts(head: &ThreadsHead) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(because) = &head.no_stacks {
        doubts.push(format!(
            "places: n/a, because {}; how long each thread waited is known all the same, idle time is within blocked",
            text::sentence(because)
        ));
    }
    if head.lost > 0 {
        doubts.push(format!(
            "the kernel found no room for {}: waits may be missing or seem longer",
            words::plural(head.lost, "record", "records")
        ));
    }
    if head.not_kept > 0 {
        doubts.push(format!(
            "{} not kept, since there were too many: later waits are missing",
            words::plural(head.not_kept, "record was", "records were")
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::threads::tests::threads;

    #[test]
    fn a_place_says_where_in_what_and_who_called() {
        let record = threads();
        let first = shown(&record).next().unwrap();
        assert_eq!(place(&first.function, &first.file, first.line), "shop::ledger::post<b> (src/<ledger>.rs:41)");
        assert_eq!(because(first), "in futex_do_wait, called by shop::order ← shop::serve");
        assert_eq!(place("", "", 0), "place unknown");
        assert_eq!(
            place("mio::poll", "/h/.cargo/registry/src/i-1/mio-1.2.5/src/poll.rs", 3),
            "mio::poll (mio-1.2.5/src/poll.rs:3)"
        );
        assert_eq!(shown(&record).count(), 2, "idleness is no place to look");
        assert_eq!(
            long(&record.longest[0]),
            "81.0 ms blocked at 1.25 s on tokio-rt-worker (101): shop::ledger::post<b> (src/<ledger>.rs:41)"
        );
    }

    #[test]
    fn what_was_not_seen_is_said() {
        let head = ThreadsHead { no_stacks: Some("only root may".into()), lost: 1, not_kept: 2, ..threads().head };
        insta::assert_snapshot!(doubts(&head).join("\n"), @r"
        places: n/a, because only root may; how long each thread waited is known all the same, idle time is within blocked
        the kernel found no room for 1 record: waits may be missing or seem longer
        2 records were not kept, since there were too many: later waits are missing
        ");
        assert!(doubts(&ThreadsHead::default()).is_empty());
        insta::assert_snapshot!(summary(&threads()), @"23 threads over 2.00 s: on a CPU 10.4 s, blocked 4.00 s, wanted a CPU 2.00 s, idle 10.0 s (all threads together)");
    }
}
