use super::*;
use crate::compare::fixture::{plan, run};
use crate::run::load;
use crate::run::writer::{RunName, RunWriter};

pub(crate) fn site(cause: TraceCause, line: u32) -> TraceSite {
    TraceSite {
        cause,
        resource: "tokio::sync::mutex::Mutex::lock".into(),
        function: "shop::pay".into(),
        file: "src/pay.rs".into(),
        line,
        ..TraceSite::default()
    }
}

fn link(task: u64, kind: &str, step: TraceStep, length_s: f64) -> TraceLink {
    TraceLink {
        task,
        kind: kind.into(),
        step,
        length_s,
        busy_s: length_s,
        polls: 1,
        thread: (step != TraceStep::Waited).then(|| "tokio-rt-worker".into()),
        site: (step == TraceStep::Waited).then(|| site(TraceCause::Lock, 7)),
        ..TraceLink::default()
    }
}

/// A trace with a row of everything, and names that mean no good.
pub(crate) fn trace() -> Trace {
    let span = |step, at_s: f64, length_s: f64| TraceSpan {
        step,
        at_s,
        length_s,
        by: (step != TraceStep::Waited).then(|| "tokio-rt-worker".into()),
        site: (step == TraceStep::Waited).then(|| site(TraceCause::Socket, 41)),
    };
    let spans = vec![
        span(TraceStep::Polled, 1.000, 0.0002),
        span(TraceStep::Waited, 1.0002, 0.004),
        span(TraceStep::Ready, 1.0042, 0.0136),
        span(TraceStep::Polled, 1.0178, 0.0003),
    ];
    let delay = TraceCase {
        what: TraceWhat::Delay,
        task: 12,
        kind: "shop::reply".into(),
        at_s: 1.0042,
        length_s: 0.0136,
        links: vec![
            link(12, "shop::reply", TraceStep::Ready, 0.0136),
            link(9, "shop::export<b>", TraceStep::Polled, 0.0135),
        ],
        end: TraceEnd {
            kind: TraceEndKind::Cpu,
            thread: Some("tokio-rt-worker".into()),
            site: Some(site(TraceCause::Other, 99)),
        },
        spans: spans.clone(),
        beside: vec![TraceBeside { task: 9, kind: "shop::export<b>".into(), at_s: 1.0042, length_s: 0.0135 }],
    };
    let wait = TraceCase {
        what: TraceWhat::Wait,
        task: 13,
        kind: "shop::pay".into(),
        at_s: 2.0,
        length_s: 0.25,
        links: vec![
            link(13, "shop::pay", TraceStep::Waited, 0.25),
            TraceLink { site: Some(site(TraceCause::Timer, 8)), ..link(14, "shop::pay", TraceStep::Waited, 0.2) },
        ],
        end: TraceEnd { kind: TraceEndKind::Timer, ..TraceEnd::default() },
        spans: Vec::new(),
        beside: Vec::new(),
    };
    let kind = |name: &str, polls, busy_s| TraceKind {
        name: name.into(),
        spawned: 12,
        finished: 9,
        alive: 67,
        polls,
        wakes: polls + 40,
        busy_s,
        longest_poll_s: 0.0135,
        long_polls: 120,
        stalls: 80,
        schedule_latency_s: 0.4,
        worst_schedule_latency_s: 0.0136,
        idle_s: 30.0,
        ..TraceKind::default()
    };
    Trace {
        head: TraceHead {
            source: "uprobes on tokio's own functions, from outside".into(),
            program: "/srv/shop".into(),
            wall_s: 5.0,
            hits: 40_000,
            lost: 0,
            stackable: 10_000,
            placed: 9_900,
            lacks: Vec::new(),
            ..TraceHead::default()
        },
        kinds: vec![
            kind("shop::reply", 4000, 0.2),
            kind("shop::export<b>", 400, 3.2),
            TraceKind { forgotten: 3, ..kind("shop::leak", 7, 0.001) },
            TraceKind { blocking: true, ..kind("shop::hash", 90, 0.9) },
        ],
        tasks: vec![TraceTask {
            id: 12,
            address: "0x7f00aa10".into(),
            kind: "shop::reply".into(),
            spawned_by: Some("shop::accept".into()),
            polls: 40,
            wakes: 41,
            busy_s: 0.01,
            worst_schedule_latency_s: 0.0136,
            schedule_latency_s: 0.1,
            idle_s: 4.0,
            idle_now_s: Some(0.5),
            waits_at: Some(site(TraceCause::Socket, 41)),
            wakers_held: Some(1),
            spans,
            ..TraceTask::default()
        }],
        waits: vec![
            TraceWait {
                kind: "shop::reply".into(),
                site: Some(site(TraceCause::Socket, 41)),
                count: 3900,
                total_s: 28.0,
                longest_s: 0.5,
            },
            TraceWait {
                kind: "shop::pay".into(),
                site: Some(site(TraceCause::Lock, 7)),
                count: 100,
                total_s: 2.5,
                longest_s: 0.25,
            },
        ],
        wakers: vec![
            TraceWaker { kind: "shop::reply".into(), by: "shop::export<b>".into(), cause: None, count: 3000 },
            TraceWaker {
                kind: "shop::reply".into(),
                by: "tokio-rt-worker".into(),
                cause: Some(TraceCause::Socket),
                count: 900,
            },
        ],
        instead: vec![TraceInstead {
            kind: "shop::reply".into(),
            instead: "shop::export<b>".into(),
            count: 120,
            total_s: 1.6,
        }],
        cases: vec![delay, wait],
        ..Trace::default()
    }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let name = RunName { stamp: "20260102-030405", letters: "abcd" };
    let host = run("", Vec::new()).host;
    let mut writer = RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
    assert_eq!(writer.trace("b", &trace()).unwrap(), "evidence/b/trace.jsonl");
    let read = load(writer.path()).unwrap();
    assert_eq!(read.traces.get("b"), Some(&trace()));
    assert_eq!(read.traces.get("a"), None);
    std::fs::write(writer.path().join("evidence/b/trace.jsonl"), "{\"row\":\"kind\"}\n").unwrap();
    let read = load(writer.path()).unwrap();
    assert!(read.traces.is_empty() && read.unread[0].because.contains("trace.jsonl:1: "), "{:?}", read.unread);
}

#[test]
fn chains_are_sentences() {
    let told: Vec<String> = trace().cases.iter().map(TraceCase::sentence).collect();
    insta::assert_snapshot!(told.join("\n"));
    let many = TraceCase {
        links: vec![
            link(1, "a", TraceStep::Ready, 0.002),
            TraceLink { polls: 40, busy_s: 0.0019, ..link(2, "b", TraceStep::Polled, 0.0002) },
        ],
        end: TraceEnd { kind: TraceEndKind::Poll, ..TraceEnd::default() },
        ..TraceCase::default()
    };
    insta::assert_snapshot!(many.sentence());
    let queue = TraceCase {
        links: vec![
            TraceLink { queue: 14, ..link(1, "a", TraceStep::Waited, 0.028) },
            TraceLink { site: Some(site(TraceCause::Timer, 8)), ..link(2, "b", TraceStep::Waited, 0.025) },
        ],
        end: TraceEnd { kind: TraceEndKind::Timer, ..TraceEnd::default() },
        ..TraceCase::default()
    };
    assert_eq!(
        queue.sentence(),
        "task 1 (a) waited 28.0 ms for a lock at src/pay.rs:7 behind 14 others in the same queue; task 2 (b), which woke the \
         first of them, waited 25.0 ms for a timer at src/pay.rs:8, until a timer fired."
    );
    let late = TraceCase {
        links: vec![
            TraceLink { site: Some(site(TraceCause::Socket, 8)), ..link(1, "a", TraceStep::Unheard, 0.067) },
            link(2, "b", TraceStep::Polled, 0.066),
        ],
        end: TraceEnd { kind: TraceEndKind::Cpu, site: Some(site(TraceCause::Other, 99)), ..TraceEnd::default() },
        ..TraceCase::default()
    };
    assert_eq!(
        late.sentence(),
        "task 1 (a) was told by the network up to 67.0 ms late: tokio-rt-worker, which asks it, polled task 2 (b) for 66.0 ms \
         instead, computing in shop::pay (src/pay.rs:99)."
    );
    assert_eq!(TraceCase::default().sentence(), "what happened was not seen.");
    let ends = |call: &str| {
        let site = TraceSite { call: call.into(), ..site(TraceCause::Other, 30) };
        let end = TraceEnd { kind: TraceEndKind::Blocked, site: Some(site), ..TraceEnd::default() };
        TraceCase { end, ..many.clone() }.sentence()
    };
    assert!(ends("fsync").contains(", blocking its thread for the disk in "), "{}", ends("fsync"));
    assert!(ends("futex").contains(" for another thread in ") && ends("").contains(", blocking its thread in "));
}

#[test]
fn losses_and_too_many_hits_are_doubts() {
    assert!(trace().head.doubts().is_empty());
    let head = TraceHead { lost: 7, hits: 900_000, lacks: vec!["no ends".into()], ..trace().head };
    assert_eq!(head.doubts().len(), 3);
    assert!(head.doubts()[0].contains("lower bounds") && head.doubts()[1].contains("180000 hits"));
}
