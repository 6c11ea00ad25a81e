//! Who is held to account for memory that grows.

use super::*;
use crate::run::{ThreadLane, ThreadsHead, ThreadsRecord};

#[test]
fn what_grows_is_held_against_who_keeps_it_and_who_makes_it_is_said() {
    let trace = trace();
    let kernel = kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() });
    let of = |kept_by| {
        let calls = [("page fault".to_owned(), 0.2)].into();
        let (function, file) = ("app::render".into(), "src/main.rs".into());
        let row = CpuRow { function, file, line: 12, calls, kept_by, ..CpuRow::default() };
        let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
        let grown = Joined { kernel: Some(&kernel), cpu: Some(&cpu), ..joined(&trace, felt(0.000_3, 0.000_1)) };
        explain(&[grown]).findings.remove(0)
    };
    let keeper = |function: &str, followed| Some(Keeper { by: frame(function, 30), call: "insert".into(), followed });
    let culprit = |finding: &Finding| finding.culprit.clone().map(|culprit| (culprit.function, culprit.line));

    let unknown = of(None);
    assert_eq!(culprit(&unknown), Some(("app::render".to_owned(), 12)));
    assert!(unknown.title.ends_with(", asked for by app::render"), "{}", unknown.title);

    let kept = of(keeper("app::Memo::remember", true));
    assert_eq!(culprit(&kept), Some(("app::Memo::remember".to_owned(), 30)));
    assert!(kept.title.ends_with(", made by app::render and kept by app::Memo::remember"), "{}", kept.title);
    assert!(kept.evidence.iter().any(|line| line.contains("touched in app::render (")), "{:?}", kept.evidence);

    let sent = of(keeper("app::Journal::record", false));
    assert_eq!(culprit(&sent), Some(("app::Journal::record".to_owned(), 30)));
    assert!(sent.evidence.iter().any(|line| line.contains("is sent away")), "{:?}", sent.evidence);

    assert!(
        of_subscribers("let _ = one.send(event.clone());").ends_with(", for all that app::publish goes round"),
        "who has gone stays"
    );
    assert!(of_subscribers("gone |= one.send(event.clone()).is_err();").ends_with(", asked for by app::remember"));

    let both = of(keeper("app::render", true));
    assert_eq!(culprit(&both), Some(("app::render".to_owned(), 12)), "who makes it keeps it");
}

/// What is said of memory that grows where each of a list is given something, and is told by that line.
fn of_subscribers(tells: &str) -> String {
    let trace = trace();
    let kernel = kernel(|at| KernelSample { resident: Some((5e6 + 2e6 * at) as u64), ..KernelSample::default() });
    let mut loops = Loops::default();
    loops.read(
        "src/main.rs",
        &format!("fn publish(&self) {{\n    for one in &self.all {{\n        one.remember(event);\n        {tells}\n    }}\n}}\n"),
    );
    let row = CpuRow {
        function: "app::remember".into(),
        file: "src/main.rs".into(),
        line: 12,
        calls: [("page fault".to_owned(), 0.2)].into(),
        path: vec![frame("app::remember", 12), frame("app::publish", 3), frame("app::serve", 30)],
        ..CpuRow::default()
    };
    let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
    let grown = joined(&trace, felt(0.000_3, 0.000_1));
    let grown = Joined { kernel: Some(&kernel), cpu: Some(&cpu), loops: Some(&loops), ..grown };
    explain(&[grown]).findings.remove(0).title
}

#[test]
fn who_works_on_what_stands_in_a_lock_is_told_from_who_keeps_it_for_other_work() {
    let took = ("app::Server::tile", 6);
    let of = |worked: (&str, u32), doing| {
        let mut row = in_poll(TraceEndKind::Blocked, "futex", &[took, ("app::serve", 20)], 90, 1.8);
        let stands = site(TraceCause::Other, &[worked, took, ("app::serve", 20)]);
        row.holders = vec![TraceHolder { doing, site: stands, total_s: 1.7 }];
        let mut loops = Loops::default();
        loops.read("src/main.rs", "struct Server {\n    cache: Mutex<Cache>,\n}\n");
        let threads = ThreadsRecord { kept: vec![row], ..ThreadsRecord::default() };
        let (kernel, none) = (kernel(|_| KernelSample::default()), trace());
        let (threads, kernel, loops) = (Some(&threads), Some(&kernel), Some(&loops));
        found(&Joined { trace: None, threads, kernel, loops, ..joined(&none, felt(0.000_3, 0.003)) })
    };
    let cpu = TraceEndKind::Cpu;
    assert_eq!(of(("app::Cache::evict", 40), cpu), [is("waiting-on-owner", "app::Cache::evict", 40)]);
    assert_eq!(of(("app::pack", 40), cpu), [is("waiting-on-owner", "app::Server::tile", 6)]);
    let blocked = of(("app::Cache::write", 40), TraceEndKind::Blocked);
    assert_eq!(blocked, [is("waiting-on-owner", "app::Server::tile", 6)], "that may be done after it lets go");
}

#[test]
fn several_threads_that_work_side_by_side_serve_nobody_in_turn() {
    let of = |lanes: &[u64]| {
        let mut row =
            in_poll(TraceEndKind::Blocked, "futex", &[("app::print_all", 100), ("app::serve", 120)], 1000, 3.2);
        row.site.as_mut().expect("a place").cause = TraceCause::Notify;
        let press = site(TraceCause::Timer, &[("app::print", 67), ("app::run", 57)]);
        row.holders = vec![TraceHolder { doing: TraceEndKind::Blocked, site: press.clone(), total_s: 4.9 }];
        let prints = TracePolls { kind: "press".into(), site: Some(press), total_s: 4.9, ..row.clone() };
        let lane = |waits: &u64| ThreadLane { name: format!("press-{waits}"), waits: *waits, ..ThreadLane::default() };
        let threads = lanes.iter().map(lane).collect();
        let head = ThreadsHead { wall_s: 5.0, ..ThreadsHead::default() };
        let threads = ThreadsRecord { head, kept: vec![row, prints], threads, ..ThreadsRecord::default() };
        let mut loops = Loops::default();
        let source = format!("{}fn run() {{\n    loop {{ print(); }}\n}}\n", "//\n".repeat(55));
        loops.read("src/main.rs", &source);
        let (kernel, none, levels) = (kernel(|_| KernelSample::default()), trace(), levels());
        let (threads, kernel, loops) = (Some(&threads), Some(&kernel), Some(&loops));
        let joined =
            Joined { trace: None, threads, kernel, loops, levels: &levels, ..joined(&none, felt(0.003, 0.001)) };
        found(&joined)
    };
    assert_eq!(of(&[700]).len(), 1, "one alone");
    assert_eq!(of(&[700, 690]), [], "as long for one alone");
    assert_eq!(of(&[700, 3]).len(), 1, "the other one has nothing to do");
}
