//! Which function decided on what it costs: loops that libraries go round, what is derived, what is copied; and what is said
//! of it once.

use super::*;
use crate::run::TraceTask;

const SOURCE: &str = "\
#[derive(Debug)]
struct Page(Vec<Term>);
impl Index {
    fn documents(&self, term: &Term) -> &[u32] {
        self.postings.get(term)
    }
}
fn suggestions(&self, typed: &str) -> Vec<u32> {
    for term in spellings(typed) {
        found.extend(self.documents(&term));
    }
}
";

const EQ: (&str, u32) = ("app::eq", 30);
const DOCUMENTS: (&str, u32) = ("app::documents", 5);
const SUGGESTIONS: (&str, u32) = ("app::suggestions", 10);

fn loops() -> Loops {
    let mut loops = Loops::default();
    loops.read("src/main.rs", SOURCE);
    loops
}

fn computed(own: &[(&str, u32)], total_s: f64) -> TracePolls {
    in_poll(TraceEndKind::Cpu, "", own, 1000, total_s)
}

#[test]
fn a_library_that_goes_round_within_a_long_round_is_the_inner_loop() {
    let loops = loops();
    let of = |compared_s, itself_s, looping_s, back_s| {
        let polls = vec![
            computed(&[EQ, DOCUMENTS, SUGGESTIONS], compared_s),
            computed(&[DOCUMENTS, SUGGESTIONS], itself_s),
            computed(&[SUGGESTIONS], looping_s),
        ];
        let trace = Trace { polls, ..trace() };
        let called_back = vec![CalledBack { by: frame(DOCUMENTS.0, DOCUMENTS.1), total_s: back_s }];
        let cpu = CpuTable { total_s: 10.0, called_back, named: 1.0, ..CpuTable::default() };
        found(&Joined { cpu: Some(&cpu), loops: Some(&loops), ..joined(&trace, felt(0.01, 0.005)) })
    };
    let (inner, outer) = ([is("long-poll-cpu", "app::documents", 5)], [is("long-poll-cpu", "app::suggestions", 10)]);
    assert_eq!(of(5.0, 4.0, 0.05, 5.0), inner);
    assert_eq!(of(5.0, 4.0, 0.5, 5.0), outer, "the loop is at work as well: its rounds are short");
    assert_eq!(of(8.5, 0.5, 0.05, 8.5), outer, "what is called once is the work of a round");
    assert_eq!(of(5.0, 4.0, 0.05, 0.0), outer, "no library stands between them");
}

#[test]
fn what_a_finding_says_of_a_place_is_not_left_open_as_well() {
    let kernel = kernel(|_| KernelSample::default());
    let of = |excess_s| {
        let trace = Trace { polls: vec![computed(&[EQ, DOCUMENTS], 5.0)], ..trace() };
        let cpu = CpuTable { total_s: 1.0, named: 1.0, ..CpuTable::default() };
        let (cpu, kernel) = (Some(&cpu), Some(&kernel));
        let explained = explain(&[Joined { cpu, kernel, ..joined(&trace, felt(0.006, excess_s)) }]);
        (explained.findings.len(), explained.undecided.len())
    };
    assert_eq!(of(0.000_1), (0, 1));
    assert_eq!(of(0.003), (1, 0));
}

#[test]
fn what_is_derived_is_the_work_of_who_asks_for_it() {
    let loops = loops();
    let of = |function: &'static str, line: u32| {
        let own = [(function, line), ("app::state_of", 60), ("app::journalled", 70)];
        let trace = Trace { polls: vec![computed(&own, 0.7)], ..trace() };
        let row = |name: &str| CpuRow { function: name.into(), total_s: 0.9, ..CpuRow::default() };
        let cpu = CpuTable {
            total_s: 1.0,
            rows: vec![row("app::state_of"), row(function)],
            named: 1.0,
            ..CpuTable::default()
        };
        found(&Joined { cpu: Some(&cpu), loops: Some(&loops), ..joined(&trace, felt(0.000_8, 0.000_1)) })
    };
    assert_eq!(of("app::Page::fmt", 1), [is("repeated-work", "app::state_of", 60)]);
    assert_eq!(of("app::Page::clone", 1), [], "a copy may be what the operation is for");
    assert_eq!(of("app::Page::fmt", 40), [], "somebody wrote it: it may be the answer");
}

/// A second of CPU in a function that copies for a part of it, called by one that derives nothing.
fn copying(copied_s: f64) -> CpuTable {
    let own = [("app::clone", 40), ("app::follow", 88)];
    let row = CpuRow {
        function: "app::clone".into(),
        file: "src/main.rs".into(),
        line: 40,
        total_s: 0.9,
        copied_s,
        path: own.iter().map(|(function, line)| frame(function, *line)).collect(),
        ..CpuRow::default()
    };
    CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() }
}

#[test]
fn copies_count_where_they_are_most_of_much_cpu() {
    let trace = trace();
    let of = |copied_s, per_op| {
        let (cpu, metrics) = (copying(copied_s), metrics(&[("cpu_per_op", per_op)]));
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(0.005, 0.000_1)) })
    };
    assert_eq!(of(0.6, 0.005), [is("repeated-work", "app::clone", 40)]);
    assert_eq!(of(0.3, 0.005), [], "what is sent is copied once and once more");
    assert_eq!(of(0.6, 0.001), [], "a megabyte or two");
}

#[test]
fn memory_that_is_filled_for_each_operation_counts_where_that_is_most_of_the_cpu() {
    let trace = trace();
    let of = |filled_s, per_op, base_s| {
        let (mut cpu, metrics) = (copying(0.0), metrics(&[("cpu_per_op", per_op)]));
        cpu.rows[0].filled_s = filled_s;
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(base_s, 0.000_1)) })
    };
    assert_eq!(of(0.8, 0.004, 0.004), [is("allocator-churn", "app::clone", 40)]);
    assert_eq!(of(0.4, 0.004, 0.004), [], "less than half of the CPU");
    assert_eq!(of(0.8, 0.000_4, 0.000_4), [], "a megabyte or two");
    assert_eq!(of(0.8, 0.004, 0.04), [], "of an operation that takes far longer");
}

#[test]
fn who_asks_for_memory_has_it_given_back_wherever_that_is_done() {
    let trace = trace();
    let of = |freed_s| {
        let (mut cpu, metrics) = (copying(0.0), metrics(&[("cpu_per_op", 0.002)]));
        cpu.rows[0].allocator_s = 0.3;
        let drops = CpuRow {
            function: "app::quote".into(),
            file: "src/main.rs".into(),
            line: 128,
            total_s: 0.5,
            allocator_s: 0.4,
            freed_s,
            ..CpuRow::default()
        };
        cpu.rows.push(drops);
        found(&Joined { cpu: Some(&cpu), metrics: Some(&metrics), ..joined(&trace, felt(0.002, 0.000_1)) })
    };
    assert_eq!(of(0.35), [is("allocator-churn", "app::clone", 40)]);
    assert_eq!(of(0.05), [is("allocator-churn", "app::quote", 128)], "it asks for more itself");
}

#[test]
fn a_lock_within_a_call_of_the_runtime_is_held_by_who_stands_in_that_call() {
    let follow = ("app::follow", 88);
    let holder = |own: &[(&str, u32)], total_s| TraceHolder {
        doing: TraceEndKind::Cpu,
        site: site(TraceCause::Other, own),
        total_s,
    };
    let of = |holders: Vec<TraceHolder>, cpu: Option<&CpuTable>| {
        let mut row = in_poll(TraceEndKind::Blocked, "futex", &[follow], 90, 1.8);
        row.site.as_mut().expect("a place").cause = TraceCause::Channel;
        row.holders = holders;
        let trace = Trace { polls: vec![row], ..trace() };
        let metrics = metrics(&[("cpu_per_op", 0.005)]);
        found(&Joined { cpu, metrics: Some(&metrics), ..joined(&trace, felt(0.000_3, 0.003)) })
    };
    let clones = || holder(&[("app::clone", 40), follow], 1.7);
    assert_eq!(of(vec![clones()], None), [is("waiting-on-owner", "app::clone", 40)]);
    let signs = holder(&[("app::sign", 74), ("app::follow", 89)], 1.7);
    assert_eq!(of(vec![signs], None), [], "it has returned from there");
    assert_eq!(of(vec![holder(&[follow], 0.1)], None), [], "hardly anybody is seen in it");
    let copying = copying(0.6);
    assert_eq!(of(vec![clones()], Some(&copying)), [is("repeated-work", "app::clone", 40)], "the copy is the cause");
}

#[test]
fn round_trips_that_nobody_waits_long_for_are_no_cause() {
    let of = |p50_s, own: &[(&str, u32)]| {
        let mut trace = trace();
        trace.kinds.push(TraceKind { name: "app::meters".into(), polls: 9000, ..TraceKind::default() });
        trace.waits.push(wait("app::meters", site(TraceCause::Socket, own), 9000, 90.0, 0.3));
        let felt = Felt { p50_s, ..felt(0.000_4, 0.02) };
        found(&Joined { failed: Failed::default(), ..joined(&trace, felt) })
    };
    let asks = [("app::ask", 29), ("app::page", 43)];
    assert_eq!(of(0.004, &asks), [is("repeated-work", "app::ask", 29)]);
    assert_eq!(of(0.000_4, &asks), [], "half a millisecond in all");
    assert_eq!(of(0.004, &[("app::meters", 29)]), [], "it is who is asked");
}

#[test]
fn an_answer_that_is_dropped_half_way_is_held_against_who_drops_it() {
    const HANDLER: &str = "app::handle";
    let (next, handle) = (("app::next", 41), ("app::handle", 53));
    let of = |beside_others, goes_on: &[(&str, u32)]| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::order", 28)]), 20, 40.0, 2.0));
        trace.waits.push(wait(HANDLER, site(TraceCause::Channel, &[next, handle]), 300, 2.0, 0.05));
        trace.waits.push(wait(HANDLER, site(TraceCause::Timer, goes_on), 300, 1.0, 0.01));
        let ticks = TraceSite { beside_others, ..site(TraceCause::Timer, &[handle]) };
        trace.waits.push(wait(HANDLER, ticks, 100, 3.0, 0.05));
        let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
        found(&Joined { failed, ..joined(&trace, felt(0.005, 0.04)) })
    };
    let accepted = [("app::accepted", 36), next, handle];
    let waiter = [is("never-answered", "app::order", 28)];
    assert_eq!(of(true, &accepted), [is("never-answered", "app::handle", 53)]);
    assert_eq!(of(false, &accepted), waiter, "one after the other: nothing is dropped");
    assert_eq!(of(true, &[("app::accepted", 36), handle]), waiter, "it took it and was done with that");
}

#[test]
fn operations_that_are_late_are_told_from_those_that_nobody_answers() {
    let of = |cause, longest_s, timeouts, scheduled| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(cause, &[("app::wait", 82)]), 20, 0.4, longest_s));
        found(&Joined { failed: Failed { scheduled, timeouts, unanswered: 0 }, ..joined(&trace, felt(0.005, 0.04)) })
    };
    let stuck = [is("never-answered", "app::wait", 82)];
    assert_eq!(of(TraceCause::Notify, 2.0, 20, 1000), stuck);
    assert_eq!(of(TraceCause::Notify, 1.5, 1, 1000), [], "one");
    assert_eq!(of(TraceCause::Notify, 2.0, 2, 3000), [], "fewer than one of a thousand");
    assert_eq!(of(TraceCause::Notify, 1.5, 20, 1000), [], "nobody waited as long as operations may take");
    assert_eq!(of(TraceCause::Socket, 2.0, 20, 1000), [], "somebody else does not answer");
    assert_eq!(of(TraceCause::Timer, 2.0, 20, 1000), [], "it means to wait");
}

#[test]
fn a_library_that_idles_for_longer_than_clients_wait_is_not_where_they_do() {
    const CLIENT: &str = "core::pin::Pin";
    let mut trace = trace();
    trace.waits.push(wait(SERVER, site(TraceCause::Notify, &[("app::join", 99)]), 20, 40.0, 1.99));
    trace.waits.push(wait(CLIENT, site(TraceCause::Channel, &[]), 900, 35.0, 2.85));
    trace.waits.push(wait(CLIENT, site(TraceCause::Socket, &[]), 900, 2.0, 0.03));
    let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
    let found = found(&Joined { failed, ..joined(&trace, felt(0.005, 0.04)) });
    assert_eq!(found, [is("never-answered", "app::join", 99)]);
}

#[test]
fn one_that_is_missing_alone_counts_where_another_was_seen_to_wait_as_long() {
    let of = |longest_s, timeouts| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(TraceCause::Lock, &[("app::total", 104)]), 1, longest_s, longest_s));
        let failed = Failed { scheduled: 500, timeouts, unanswered: 0 };
        found(&Joined { failed, ..joined(&trace, felt(0.005, 0.000_1)) })
    };
    assert_eq!(of(2.0, 1), [is("never-answered", "app::total", 104)]);
    assert_eq!(of(0.1, 1), [], "one alone may be anything");
    assert_eq!(of(2.0, 0), [], "all were answered");
}

#[test]
fn what_a_timeout_cuts_off_is_done_by_nobody() {
    let (fetch, lead, board) = (("app::fetch_for_all", 51), ("app::lead", 77), ("app::board", 90));
    let of = |timer: &[(&str, u32)], beside_others| {
        let mut trace = trace();
        trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::board", 88)]), 20, 40.0, 2.0));
        trace.waits.push(wait(SERVER, site(TraceCause::Socket, &[("app::ask", 41), fetch, lead]), 900, 2.0, 0.005));
        let timeout = TraceSite { beside_others, ..site(TraceCause::Timer, timer) };
        trace.waits.push(wait(SERVER, timeout, 16, 0.2, 0.01));
        let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
        found(&Joined { failed, ..joined(&trace, felt(0.005, 0.04)) })
    };
    let waiter = [is("never-answered", "app::board", 88)];
    assert_eq!(of(&[lead], true), [is("never-answered", "app::lead", 77)]);
    assert_eq!(of(&[lead, board], true), [is("never-answered", "app::lead", 77)], "on another way through it");
    assert_eq!(of(&[lead], false), waiter, "it only slept");
    assert_eq!(of(&[("app::other", 3)], true), waiter, "nothing was begun there");
    assert_eq!(of(&[("app::board", 88)], true), waiter, "its own timeout lost nothing");
    // The same of one that still waits when the recording ends.
    let mut trace = trace();
    let waits_at = Some(site(TraceCause::Channel, &[("app::board", 88)]));
    trace.tasks = vec![TraceTask { kind: SERVER.into(), idle_now_s: Some(2.0), waits_at, ..TraceTask::default() }];
    trace.waits.push(wait(SERVER, site(TraceCause::Socket, &[("app::ask", 41), fetch, lead]), 900, 2.0, 0.005));
    trace.waits.push(wait(
        SERVER,
        TraceSite { beside_others: true, ..site(TraceCause::Timer, &[lead]) },
        16,
        0.2,
        0.01,
    ));
    let failed = Failed { scheduled: 1000, timeouts: 20, unanswered: 0 };
    let found = found(&Joined { failed, ..joined(&trace, felt(0.005, 0.04)) });
    assert_eq!(found, [is("never-answered", "app::lead", 77)]);
}

#[test]
fn of_several_locks_that_somebody_has_it_is_the_one_that_others_wait_for() {
    const SOURCE: &str = "\
fn watchers(&self) {
    let all = self.partners.lock().unwrap();
    all.len()
}
fn deliver(&self) {
    let line = self.line.lock().unwrap();
    line.read_exact();
}
fn announce(&self) {
    let all = self.partners.lock().unwrap();
    all.retain(|one| one.deliver());
}
";
    let of = |waits_at: u32| {
        let own = [("app::deliver", 7), ("app::announce", 11), ("app::herald", 67)];
        let reads = TraceSite { call: "recvfrom".into(), ..site(TraceCause::Other, &own) };
        let holder = TraceHolder { doing: TraceEndKind::Blocked, site: reads, total_s: 20.0 };
        let waits = [("app::watchers", waits_at), ("app::bidder", 108), ("app::run", 131)];
        let row = in_poll(TraceEndKind::Blocked, "futex", &waits, 900, 20.0);
        let row = TracePolls {
            site: Some(TraceSite { call: "futex".into(), ..site(TraceCause::Lock, &waits) }),
            holders: vec![holder],
            ..row
        };
        let threads = crate::run::ThreadsRecord { kept: vec![row.clone()], kept_open: vec![row], ..Default::default() };
        let mut all = Loops::default();
        all.read("src/main.rs", SOURCE);
        found(&Joined { loops: Some(&all), ..threaded(&threads, felt(0.001, 0.02)) })
    };
    assert_eq!(of(2), [is("waiting-on-owner", "app::announce", 11)]);
    assert_eq!(of(99), [is("waiting-on-owner", "app::deliver", 7)], "what it takes is not known");
}

#[test]
fn who_takes_one_thing_first_is_held_against_for_what_it_does_with_it() {
    let trace = trace();
    let breach = breach(vec![super::growth::stalling("app::apply", 12)]);
    let path = vec![frame("app::level", 20), frame("app::apply", 12), frame("app::run", 6)];
    let row = CpuRow { function: "app::level".into(), line: 20, total_s: 0.5, path, ..CpuRow::default() };
    let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
    let of = |order: &str| {
        let mut loops = Loops::default();
        let source = format!(
            "async fn run() {{\n    loop {{\n        tokio::select! {{\n            {order}\n            Some(reading) = readings.recv() =>\n                apply(reading),\n            Some(order) = orders.recv() => direct(order),\n        }}\n    }}\n}}\nfn apply(reading: Reading) {{\n    level(reading);\n}}\n"
        );
        loops.read("src/main.rs", &source);
        let joined = joined(&trace, felt(0.000_3, 0.000_5));
        let joined = Joined { breach: Some(&breach), cpu: Some(&cpu), loops: Some(&loops), ..joined };
        let out = explain(std::slice::from_ref(&joined)).ruled_out;
        let out = out.into_iter().filter(|out| ["rare-stall", "ready-not-polled"].contains(&out.rule.as_str()));
        let out: Vec<(String, bool)> = out.map(|out| (out.rule, out.because.contains("no cause of its own"))).collect();
        assert_eq!(out.len(), 1, "each is found or ruled out, and not both: {out:?}");
        assert_eq!(out[0].1, out[0].0 == "rare-stall", "whose cause another mechanism is: {out:?}");
        found(&joined)
    };
    assert_eq!(of("biased;"), [is("ready-not-polled", "app::run", 6)]);
    assert_eq!(of("// by lot"), [is("rare-stall", "app::apply", 12)]);
}
