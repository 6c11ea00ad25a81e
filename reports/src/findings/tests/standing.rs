//! Threads that stood still since before the recording: who of them is why nothing is answered.

use super::*;
use crate::run::{ThreadsHead, ThreadsRecord};

type Place<'a> = (&'a str, u32);

fn stands(cause: TraceCause, call: &str, own: &[Place<'_>], threads: u64) -> TracePolls {
    let row = in_poll(TraceEndKind::Blocked, call, own, threads, 5.0);
    TracePolls { site: Some(TraceSite { call: call.into(), ..site(cause, own) }), ..row }
}

fn in_lock(own: &[Place<'_>], threads: u64) -> TracePolls {
    stands(TraceCause::Lock, "futex", own, threads)
}

fn held(row: TracePolls, by: &[&TracePolls]) -> TracePolls {
    let holder = |by: &&TracePolls| TraceHolder {
        doing: TraceEndKind::Blocked,
        site: by.site.clone().unwrap_or_default(),
        total_s: 5.0,
    };
    TracePolls { holders: by.iter().map(holder).collect(), ..row }
}

fn recorded(standing: Vec<TracePolls>) -> ThreadsRecord {
    ThreadsRecord { head: ThreadsHead { wall_s: 5.0, ..ThreadsHead::default() }, standing, ..ThreadsRecord::default() }
}

/// What is found where so many of 1000 operations were not answered, and nothing was traced.
fn unanswered(threads: &ThreadsRecord, timeouts: u64) -> Vec<(String, String, u32)> {
    let failed = Failed { scheduled: 1000, timeouts, unanswered: 0 };
    found(&Joined { threads: Some(threads), felt: None, failed, ..driven(felt(0.1, 2.0)) })
}

/// Two that wait for each other, and those behind them.
fn circle() -> ThreadsRecord {
    let book = || in_lock(&[("app::book", 43), ("app::answer", 9)], 1);
    let give_back = || in_lock(&[("app::give_back", 54), ("app::answer", 9)], 1);
    let others = in_lock(&[("app::list", 70), ("app::answer", 9)], 14);
    recorded(vec![held(others, &[&book()]), held(book(), &[&give_back()]), held(give_back(), &[&book()])])
}

#[test]
fn of_threads_in_each_others_locks_the_one_that_most_wait_for_is_named() {
    assert_eq!(unanswered(&circle(), 1000), [is("never-answered", "app::book", 43)]);
    assert_eq!(unanswered(&circle(), 20), [is("never-answered", "app::book", 43)], "most operations go on elsewhere");
    assert_eq!(unanswered(&circle(), 1), [], "everything was answered");
    let threads = circle();
    let none = trace();
    let explained = explain(&[Joined {
        threads: Some(&threads),
        failed: Failed { scheduled: 9, timeouts: 9, unanswered: 0 },
        ..joined(&none, felt(0.1, 2.0))
    }]);
    assert_eq!(
        explained.findings[0].evidence,
        [
            "9 of 9 operations (100 %) were not answered within 2.00 s",
            "1 thread of app::serve stood at app::book (src/main.rs:43) from before the recording to its end, 5.00 s",
            "the lock that they wait for is in the hands of app::give_back (src/main.rs:54), which waits for a lock itself",
            "others stood in locks as long: 14 at app::list (src/main.rs:70), 1 at app::give_back (src/main.rs:54)",
        ]
    );
}

#[test]
fn a_process_that_nobody_drove_is_told_of_its_circle() {
    let attached = |threads: &ThreadsRecord| {
        let joined = Joined { attached: true, threads: Some(threads), command: "4711".into(), ..Joined::default() };
        let findings = explain(&[joined]).findings;
        findings.into_iter().filter_map(|finding| Some(finding.culprit?.function)).collect::<Vec<_>>()
    };
    assert_eq!(attached(&circle()), ["app::book"]);
    let alone = || in_lock(&[("app::count", 30)], 3);
    assert_eq!(attached(&recorded(vec![alone()])), ["app::count"]);
    // A pool whose threads take jobs under a lock: one of them has it while it waits for the next.
    let idle = stands(TraceCause::Notify, "futex", &[("app::count", 31)], 1);
    assert_eq!(attached(&recorded(vec![held(alone(), &[&idle]), idle])), [""; 0]);
    let by_turns =
        ThreadsRecord { kept: vec![in_lock(&[("app::next", 8), ("app::count", 31)], 4)], ..recorded(vec![alone()]) };
    assert_eq!(attached(&by_turns), [""; 0], "others go on in it");
    let started = stands(TraceCause::Join, "futex", &[("app::main", 4)], 1);
    assert_eq!(
        attached(&recorded(vec![held(alone(), &[&started])])),
        ["app::count"],
        "who awaits their end has no lock"
    );
}

#[test]
fn whoever_has_the_lock_stands_in_a_call() {
    let asks = || stands(TraceCause::Other, "read", &[("app::ask", 50), ("app::label", 41)], 1);
    let waits = held(in_lock(&[("app::label", 40)], 15), &[&asks()]);
    assert_eq!(unanswered(&recorded(vec![waits, asks()]), 1000), [is("never-answered", "app::ask", 50)]);
}

#[test]
fn a_call_that_does_not_return_is_blamed_where_next_to_nothing_is_answered() {
    let naps = stands(TraceCause::Other, "clock_nanosleep", &[("app::back_off", 12)], 2);
    let accepts = stands(TraceCause::Other, "accept4", &[("app::main", 4)], 1);
    let of = |rows: &[&TracePolls], timeouts| {
        unanswered(&recorded(rows.iter().map(|row| (*row).clone()).collect()), timeouts)
    };
    assert_eq!(of(&[&accepts, &naps], 900), [is("never-answered", "app::back_off", 12)]);
    assert_eq!(of(&[&accepts, &naps], 100), [], "most are answered: it may wait for work");
    assert_eq!(of(&[&accepts], 1000), [], "it waits for whoever comes next");
    let hears = stands(TraceCause::Other, "recvfrom", &[("app::ask_far", 21)], 16);
    assert_eq!(of(&[&accepts, &hears], 1000), [is("never-answered", "app::ask_far", 21)]);
}

#[test]
fn what_could_not_be_looked_into_is_said() {
    let mut threads = recorded(Vec::new());
    threads.head.standing_refused = Some("the thread that stands still could not be looked into".into());
    let none = trace();
    let explained = explain(&[Joined { threads: Some(&threads), ..joined(&none, felt(0.001, 0.0)) }]);
    let said = explained.unused.iter().find(|one| one.evidence == "wait" && one.rules.is_empty());
    assert!(said.is_some_and(|one| one.because.contains("stands still")), "{:?}", explained.unused);
}

#[test]
fn who_waits_for_work_or_for_those_who_do_it_is_not_why_it_is_not_done() {
    // All threads of a pool wait for what they gave to the same pool; another pool idles, and connections wait for the first.
    let told = |own: &[Place<'_>], threads, kind: &str| TracePolls {
        kind: kind.into(),
        ..stands(TraceCause::Notify, "futex", own, threads)
    };
    let mut record = recorded(vec![
        told(&[("app::next", 26), ("app::pool", 45)], 24, "scan"),
        told(&[("app::run", 101), ("app::connection", 48), ("app::serve", 39)], 16, "app"),
        told(&[("app::assess", 74), ("app::run", 92), ("app::pool", 45)], 6, "desk"),
    ]);
    let asked = &[("app::read_request", 10), ("app::connection", 47), ("app::serve", 39)];
    record.kept = vec![in_poll(TraceEndKind::Blocked, "recvfrom", asked, 83, 1.0)];
    assert_eq!(unanswered(&record, 1000), [is("never-answered", "app::assess", 74)]);
}

#[test]
fn who_came_to_a_place_and_is_woken_there_for_nothing_hangs() {
    let of = |stays: TracePolls, loops: Option<&str>| {
        let reads = stands(TraceCause::Other, "recvfrom", &[("app::lane", 114), ("app::run", 129)], 900);
        let threads = ThreadsRecord { stayed: vec![stays], kept: vec![reads], ..recorded(Vec::new()) };
        let mut all = Loops::default();
        loops.into_iter().for_each(|source| all.read("src/main.rs", source));
        let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
        let loops = Some(&all);
        found(&Joined { threads: Some(&threads), felt: None, failed, loops, ..driven(felt(0.1, 2.0)) })
    };
    let waits = |threads| {
        stands(
            TraceCause::Notify,
            "futex",
            &[("app::enter", 3), ("app::order", 9), ("app::lane", 118), ("app::run", 129)],
            threads,
        )
    };
    assert_eq!(of(waits(4), None), [is("never-answered", "app::enter", 3)]);
    assert_eq!(of(waits(1), None), [], "one may wait between its work");
    let cell = "impl Shop {\n    fn enter(&self) {\n        self.left.wait(all);\n    }\n    fn leave(&self) {\n        self.left.notify_all();\n    }\n}\n";
    assert_eq!(
        of(waits(4), Some(cell)),
        [is("never-answered", "app::order", 9)],
        "it is told whenever there is something to tell"
    );
    let elsewhere = stands(TraceCause::Notify, "futex", &[("app::work", 3), ("app::worker", 9)], 4);
    assert_eq!(of(elsewhere, None), [], "who does not serve waits for work");
    let left = "fn enter() {\n    let (tx, rx) = channel();\n    rx.recv(self.pending.lock().insert(id, tx));\n}\nfn complete() {\n    self.pending.lock().remove(&id);\n}\n";
    assert_eq!(of(waits(4), Some(left)), [is("never-answered", "app::complete", 6)], "it should have told them");
}

#[test]
fn what_waits_behind_others_where_more_is_asked_for_than_can_be_done_is_answered_in_its_turn() {
    let reads = in_poll(TraceEndKind::Blocked, "read", &[("app::serve", 36)], 1, 5.0);
    let threads = recorded(vec![reads]);
    let of = |failed: u64, rate: f64| {
        let level = |concurrency, throughput| LevelSummary {
            concurrency,
            throughput,
            answered: 50,
            failed,
            p50: Some(f64::from(concurrency) / throughput),
            ..LevelSummary::default()
        };
        let levels = [level(2, 158.0), level(64, 161.0)];
        let can = metrics(&[("capacity", 161.0)]);
        let missing = Failed { scheduled: 1500, timeouts: 834, unanswered: 0 };
        let driven = threaded(&threads, felt(0.012, 1.5));
        found(&Joined { levels: &levels, metrics: Some(&can), failed: missing, rate, ..driven })
    };
    assert_eq!(of(0, 300.0), []);
    assert_eq!(of(0, 100.0), [is("never-answered", "app::serve", 36)], "it could do what is asked for");
    assert_eq!(of(3, 300.0), [is("never-answered", "app::serve", 36)], "some are not answered in any case");
}
