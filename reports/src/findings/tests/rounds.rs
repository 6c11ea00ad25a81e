//! Who takes what is asked of it in rounds, who keeps what it never finds again, whose part keeps all, who is kept from
//! keeping connections, and who wakes all where one would do.

use super::cost::spent;
use super::*;
use crate::run::TraceWaker;

/// 1,000 operations that wait 60 ms each for one task, which is at work on a round for so long, and otherwise takes the next.
fn rounds(excess_s: f64, round: TraceSite, takes_s: f64, alive: u64) -> Vec<(String, String, u32)> {
    const DESK: &str = "app::desk";
    let mut trace = trace();
    trace.kinds.push(TraceKind { name: DESK.into(), alive, polls: 500, ..TraceKind::default() });
    trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::ask", 17)]), 1000, 60.0, 0.16));
    trace.waits.push(wait(DESK, round, 240, 9.0, 0.16));
    trace.waits.push(wait(DESK, site(TraceCause::Channel, &[("app::desk", 29)]), 70, takes_s, 0.04));
    let woken = TraceWaker { kind: SERVER.into(), by: DESK.into(), cause: None, count: 1000 };
    trace.wakers.push(woken);
    let level = |concurrency, throughput, p50| LevelSummary {
        concurrency,
        throughput,
        p50: Some(p50),
        ..LevelSummary::default()
    };
    let levels = [level(1, 50.0, 0.02), level(16, 600.0, 0.026)];
    found(&Joined { levels: &levels, traced: Some((1000, 0.065)), ..joined(&trace, felt(0.004, excess_s)) })
}

#[test]
fn who_takes_nothing_new_before_a_round_is_done_keeps_what_came_meanwhile() {
    let round = || site(TraceCause::Other, &[("app::desk", 38)]);
    let desk = [is("ready-not-polled", "app::desk", 38)];
    assert_eq!(rounds(0.06, round(), 0.6, 1), desk);
    assert_eq!(rounds(0.003, round(), 0.6, 1), [], "a group commit: nobody waits for longer than for one");
    assert_eq!(rounds(0.06, round(), 4.0, 1), [], "it takes the next most of the time");
    assert_eq!(rounds(0.06, round(), 0.6, 4), [], "there are others beside it");
    assert!(!rounds(0.06, site(TraceCause::Timer, &[("app::desk", 38)]), 0.6, 1).contains(&desk[0]), "a tick");
}

/// Every operation computes within `app::set`, which `app::page` calls, by a source like that.
fn computing(source: &str) -> Vec<(String, String, u32)> {
    let trace = Trace {
        polls: vec![in_poll(TraceEndKind::Cpu, "", &[("app::set", 9), ("app::page", 6)], 1000, 2.5)],
        ..trace()
    };
    let mut cpu = spent(&[], 0.0);
    cpu.rows.iter_mut().for_each(|row| row.path = vec![frame("app::set", 9), frame("app::page", 6)]);
    let mut loops = Loops::default();
    loops.read("src/main.rs", source);
    found(&Joined { cpu: Some(&cpu), loops: Some(&loops), ..joined(&trace, felt(0.002_6, 0.000_1)) })
}

#[test]
fn what_is_kept_and_built_for_every_operation_all_the_same_is_never_found_again() {
    let keeps = "fn page(&self, key: u64) -> Page {\n    if let Some(page) = self.kept.get(&key) {\n        return page;\n    }\n    //\n    let page = set(key);\n    self.kept.insert(key, page)\n}\nfn set(key: u64) -> Page { typeset(key) }\n";
    assert_eq!(computing(keeps), [is("repeated-work", "app::page", 2)]);
    assert_eq!(computing(&keeps.replace("insert(key,", "insert(other,")), [], "whether it could be kept is not known");
}

#[test]
fn who_makes_keys_alike_is_why_looking_up_takes_long() {
    let looks = "impl Hash for Key {\n    fn hash<H: Hasher>(&self, state: &mut H) {\n        self.0.depot.hash(state);\n    }\n}\nfn page(&self, key: u64) -> Page {}\n\nfn set(\n    &self, key: Key) -> Page { self.kept.get(&key) }\n";
    assert_eq!(computing(looks), [is("repeated-work", "app::Key::hash", 3)]);
    assert_eq!(computing(&looks.replace("self.0.depot.hash", "self.0.hash")), []);
}

#[test]
fn a_library_that_opens_a_connection_for_every_operation_is_kept_from_keeping_it() {
    let asks = [("app::rate", 12), ("app::serve", 9)];
    let of = |spawned, source: &str| {
        let mut trace = trace();
        let opens = TraceSite {
            resource: "tokio::net::tcp::socket::TcpSocket::connect".into(),
            ..site(TraceCause::Socket, &asks)
        };
        trace.waits.push(wait(SERVER, opens, 1000, 60.0, 0.2));
        trace.waits.push(wait(SERVER, site(TraceCause::Channel, &asks), 1000, 15.0, 0.02));
        let spawned_at = Some(site(TraceCause::Other, &asks));
        trace.kinds.push(TraceKind {
            name: "core::pin::Pin".into(),
            spawned,
            finished: spawned,
            spawned_at,
            ..TraceKind::default()
        });
        let mut loops = Loops::default();
        loops.read("src/main.rs", source);
        found(&Joined { loops: Some(&loops), ..joined(&trace, felt(0.016, 0.0)) })
    };
    let lines = "\n".repeat(10);
    let source = format!("{lines}async fn rate(desk: &Desk) -> Rate {{\n    desk.http.get(uri).await\n}}\n");
    assert_eq!(of(2000, &source), [is("repeated-work", "app::rate", 12)]);
    assert_eq!(of(20, &source), [], "it keeps them");
    assert_eq!(of(2000, &source.replace("desk.http.get", "TcpStream::connect")), [], "it means to");
    assert_eq!(of(2000, ""), [], "its source is not known");
}

#[test]
fn a_part_that_keeps_a_whole_buffer_is_why_memory_grows() {
    let (trace, kernel) =
        (trace(), kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() }));
    let mut cpu = spent(&[("page fault", 0.5)], 0.0);
    cpu.rows.iter_mut().for_each(|row| row.path = vec![frame("app::build", 15)]);
    let of = |source: &str| {
        let mut loops = Loops::default();
        loops.read("src/main.rs", source);
        found(&Joined {
            kernel: Some(&kernel),
            cpu: Some(&cpu),
            loops: Some(&loops),
            ..joined(&trace, felt(0.000_3, 0.000_1))
        })
    };
    let source = "fn register(doc: &Bytes) {\n    let part = doc.slice(from..to);\n    note(part)\n}\n";
    assert_eq!(of(source), [is("unbounded-growth", "app::register", 2)]);
    assert_eq!(of(&source.replace("doc.slice(from..to)", "copy(doc)")), [is("unbounded-growth", "app::build", 15)]);
}

#[test]
fn who_wakes_all_threads_for_one_item_has_them_wait_again_for_nothing() {
    let kernel = kernel(|_| KernelSample::default());
    let of = |polls, part: f64, tells: &str| {
        let row = in_poll(TraceEndKind::Blocked, "futex", &[("app::build", 6), ("app::courier", 85)], polls, 400.0);
        let threads = crate::run::ThreadsRecord { kept_open: vec![row], ..Default::default() };
        let mut cpu = spent(&[], 0.0);
        cpu.total_s = 1.0 / part;
        let mut loops = Loops::default();
        let source = format!(
            "fn announce(&self) {{\n    self.changed.{tells}();\n}}\nfn build(&self) {{\n    loop {{\n        all = self.changed.wait(all);\n    }}\n}}\n"
        );
        loops.read("src/main.rs", &source);
        let (cpu, loops, kernel) = (Some(&cpu), Some(&loops), Some(&kernel));
        found(&Joined { cpu, loops, kernel, ..threaded(&threads, felt(0.001, 0.0)) })
    };
    let announce = is("repeated-work", "app::announce", 2);
    assert_eq!(of(32_000, 0.6, "notify_all").first(), Some(&announce));
    assert!(!of(32_000, 0.6, "notify_one").contains(&announce));
    assert!(!of(3_000, 0.6, "notify_all").contains(&announce), "three of them");
    assert!(!of(32_000, 0.2, "notify_all").contains(&announce), "they do something with it");
}

/// 1,000 operations that wait 26 ms each for those whom one task spawns for a batch, which waits 10 ms at most for more to come.
fn gathered(source: &str, timeouts: u64, by_timer_s: f64, spawned_at: &str) -> Vec<(String, String, u32)> {
    const CLERK: &str = "app::Clerk::work";
    let mut trace = trace();
    let spawns = Some(site(TraceCause::Other, &[(spawned_at, 103)]));
    trace.kinds.push(TraceKind { name: CLERK.into(), alive: 1, polls: 1100, ..TraceKind::default() });
    trace.kinds.push(TraceKind { name: "app::book".into(), spawned: 186, spawned_at: spawns, ..TraceKind::default() });
    let stands = [("app::Clerk::take", 3), (CLERK, 103)];
    let timer = TraceSite { beside_others: true, ..site(TraceCause::Timer, &stands) };
    trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::hand_in", 131)]), 1000, 26.0, 0.08));
    trace.waits.push(wait(CLERK, site(TraceCause::Channel, &stands), 800, 4.0, 0.009));
    trace.waits.push(wait(CLERK, timer, timeouts, by_timer_s, 0.01));
    let woken = TraceWaker { kind: SERVER.into(), by: "app::book".into(), cause: None, count: 1000 };
    trace.wakers.push(woken);
    let mut loops = Loops::default();
    loops.read("src/main.rs", source);
    found(&Joined { loops: Some(&loops), traced: Some((1000, 0.03)), ..joined(&trace, felt(0.028, 0.002)) })
}

#[test]
fn a_task_that_waits_for_more_before_anybody_is_answered_is_told_by_the_timeouts_that_end_it() {
    let gathers = "fn take(&mut self) {\n    while taken.len() < MOST {\n        match timeout(GATHERING, self.counter.recv()) {\n            _ => break,\n        }\n    }\n}\n";
    let take = [is("latency-pinned", "app::Clerk::take", 3)];
    assert_eq!(gathered(gathers, 186, 1.7, "app::Clerk::work"), take);
    assert_eq!(gathered(&gathers.replace("while", "if"), 186, 1.7, "app::Clerk::work"), [], "it asks once");
    assert_eq!(gathered(gathers, 12, 0.1, "app::Clerk::work"), [], "hardly ever is it a timeout");
    assert_eq!(gathered(gathers, 1500, 0.1, "app::Clerk::work"), [], "far shorter than operations wait");
    assert_eq!(gathered(gathers, 186, 1.7, "app::other"), [], "it answers nobody");
}

/// 1,000 operations for which one task has something in flight, and which now and then waits for something else, by its place.
fn in_flight(away: TraceSite, count: u64, flies: TraceCause) -> Vec<(String, String, u32)> {
    const BROKER: &str = "app::Broker::run";
    let mut trace = trace();
    trace.kinds.push(TraceKind { name: BROKER.into(), alive: 1, polls: 3500, ..TraceKind::default() });
    trace.waits.push(wait(SERVER, site(TraceCause::Channel, &[("app::locate", 131)]), 1000, 17.0, 0.05));
    trace.waits.push(wait(BROKER, site(TraceCause::Channel, &[(BROKER, 95)]), 1500, 4.6, 0.05));
    trace.waits.push(wait(BROKER, site(flies, &[(BROKER, 95)]), 700, 1.4, 0.013));
    trace.waits.push(wait(BROKER, away, count, 3.0, 0.036));
    let woken = TraceWaker { kind: SERVER.into(), by: BROKER.into(), cause: None, count: 1000 };
    trace.wakers.push(woken);
    found(&Joined { traced: Some((1000, 0.018)), ..joined(&trace, felt(0.008, 0.010)) })
}

#[test]
fn who_waits_for_something_else_polls_nothing_that_it_has_in_flight() {
    let audit = || site(TraceCause::Socket, &[("app::audit", 50), ("app::Broker::run", 110)]);
    let run = is("ready-not-polled", "app::Broker::run", 110);
    assert_eq!(in_flight(audit(), 90, TraceCause::Other).first(), Some(&run));
    assert!(!in_flight(audit(), 1000, TraceCause::Other).contains(&run), "each operation needs it");
    assert!(!in_flight(audit(), 90, TraceCause::Timer).contains(&run), "it has nothing in flight");
    let aside = site(TraceCause::Socket, &[("app::audit", 50), ("app::aside", 12)]);
    assert!(!in_flight(aside, 90, TraceCause::Other).contains(&run), "that is elsewhere");
}

/// 1,000 operations that wait for answers where another task asks seven times, each of its questions taking so long on average.
fn behind_questions(asks: &str, longest_s: f64, mean_s: f64, operations_s: f64) -> Vec<(String, String, u32)> {
    let place = |asks: &str| site(TraceCause::Channel, &[("app::Store::call", 44), (asks, 106)]);
    let mut trace = trace();
    trace.kinds.push(TraceKind { name: "app::export".into(), alive: 1, polls: 14, ..TraceKind::default() });
    trace.waits.push(wait(SERVER, place("app::flag"), 1000, 5.5, operations_s));
    trace.waits.push(wait("app::export", place(asks), 7, 7.0 * mean_s, longest_s));
    found(&Joined { traced: Some((1000, 0.006)), ..joined(&trace, felt(0.000_3, 0.005)) })
}

#[test]
fn a_question_that_takes_far_longer_keeps_those_that_are_asked_after_it() {
    let export = is("waiting-on-owner", "app::export", 106);
    assert!(behind_questions("app::export", 0.132, 0.131, 0.132).contains(&export));
    assert!(!behind_questions("app::export", 0.132, 0.04, 0.132).contains(&export), "it waits behind others itself");
    assert!(!behind_questions("app::export", 0.132, 0.131, 0.02).contains(&export), "operations do not wait for it");
    assert!(
        !behind_questions("app::export", 0.012, 0.011, 0.02).contains(&export),
        "it takes hardly longer than they do"
    );
}
