use super::*;

const SP: u64 = 0x7000;

pub(super) fn event(time_ns: u64, tid: u32, address: u64, what: What) -> Event {
    Event { time_ns, tid, address, what, stack: None }
}

pub(super) fn polling(kind: u32) -> What {
    What::Polling { kind: Some(KindId(kind)), stack_pointer: SP }
}

const WOKEN: What = What::Woken { by_value: true };
const DONE: What = What::Complete { kind: None };

fn run(events: &[Event], end: u64) -> Outcome {
    let mut tracker = Tracker::default();
    events.iter().for_each(|event| tracker.take(event));
    tracker.finish(end)
}

fn kind(outcome: &Outcome, kind: u32) -> KindFigures {
    outcome.kinds.iter().find(|(id, _)| *id == Some(KindId(kind))).map(|(_, figures)| figures.clone()).unwrap()
}

#[test]
fn a_task_is_counted_from_its_spawn_to_its_end() {
    let outcome = run(
        &[
            event(0, 1, 0xa, What::Spawned),
            event(10, 1, 0xa, polling(7)),
            event(12, 1, 0xa, What::Cloned),
            event(15, 1, 0xa, What::Pending),
            event(100, 2, 0xa, WOKEN),
            event(130, 1, 0xa, polling(7)),
            event(131, 1, 0xa, DONE),
        ],
        200,
    );
    let figures = kind(&outcome, 7);
    assert_eq!((figures.spawned, figures.finished, figures.alive), (1, 1, 0));
    assert_eq!((figures.polls, figures.wakes, figures.busy_ns, figures.longest_poll_ns), (2, 1, 6, 5));
    assert_eq!((figures.delays, figures.delay_ns, figures.worst_delay_ns), (2, 40, 30));
    assert_eq!((figures.idle_ns, figures.unexplained, figures.in_poll), (85, 0, 0));
    let task = &outcome.tasks[0];
    assert_eq!((task.ended, task.held, task.polls), (true, Some(0), 2));
}

#[test]
fn a_ready_task_is_kept_by_whoever_has_its_worker() {
    let outcome = run(
        &[
            event(0, 1, 0xa, polling(1)),
            event(1, 1, 0xa, What::Pending),
            event(5, 1, 0xb, polling(2)),
            event(10, 1, 0xa, What::Woken { by_value: false }),
            event(900_000, 1, 0xb, What::Pending),
            event(900_100, 1, 0xa, polling(1)),
        ],
        1_000_000,
    );
    let worst = &outcome.delays[0];
    assert_eq!((worst.kind, worst.length_ns()), (Some(KindId(1)), 900_090));
    let steps: Vec<_> =
        worst.chain.links.iter().map(|link| (link.kind.map(|kind| kind.0), link.step.clone())).collect();
    assert_eq!(
        steps,
        [(Some(1), Step::Ready { tid: Some(1) }), (Some(2), Step::Polled { tid: 1, polls: 1, busy_ns: 899_990 })]
    );
    assert_eq!(worst.chain.end, End::Polled { tid: 1 });
    let instead = outcome.instead[0];
    assert_eq!((instead.0, instead.1), (Some(KindId(1)), Some(KindId(2))));
    assert_eq!(instead.2, DelayFigures { count: 1, total_ns: 899_990 });
    // It was task b that woke a, and then kept its worker.
    let by = outcome.wakers.iter().find(|(of, ..)| *of == Some(KindId(1))).unwrap();
    assert_eq!((by.1, by.2), (WakerKind::Kind(Some(KindId(2))), 1));
}

#[test]
fn a_wait_is_followed_to_what_its_waker_waited_for_itself() {
    let at = |time_ns, tid, address, what, stack| Event {
        stack: Some(StackId(stack)),
        ..event(time_ns, tid, address, what)
    };
    let outcome = run(
        &[
            // b takes a lock and sleeps.
            event(0, 1, 0xb, polling(2)),
            at(1, 1, 0xb, What::Cloned, 20),
            event(2, 1, 0xb, What::Pending),
            // a waits for the lock.
            event(3, 1, 0xa, polling(1)),
            at(4, 1, 0xa, What::Cloned, 10),
            event(5, 1, 0xa, What::Pending),
            // The timer wakes b, which wakes a.
            at(5000, 9, 0xb, WOKEN, 30),
            event(5100, 1, 0xb, polling(2)),
            event(5200, 1, 0xa, WOKEN),
            event(5300, 1, 0xb, What::Pending),
            event(5400, 1, 0xa, polling(1)),
        ],
        6000,
    );
    let (kind, sites, figures) = &outcome.waits[0];
    assert_eq!(
        (*kind, sites.as_slice(), figures.count, figures.total_ns),
        (Some(KindId(1)), &[StackId(10)][..], 1, 5195)
    );
    let chain = &figures.longest[0].chain;
    let steps: Vec<_> = chain.links.iter().map(|link| link.step.clone()).collect();
    assert_eq!(steps, [Step::Waited { sites: vec![StackId(10)] }, Step::Waited { sites: vec![StackId(20)] }]);
    assert_eq!(chain.end, End::Outside { tid: 9, stack: Some(StackId(30)) });
}

#[test]
fn where_a_task_waits_is_carried_over_polls_that_clone_no_waker() {
    let mut events = vec![
        event(0, 1, 0xa, polling(1)),
        Event { stack: Some(StackId(4)), ..event(1, 1, 0xa, What::Cloned) },
        event(2, 1, 0xa, What::Pending),
    ];
    for round in 1..3 {
        events.push(event(round * 10, 1, 0xa, What::Woken { by_value: false }));
        events.push(event(round * 10 + 1, 1, 0xa, polling(1)));
        events.push(event(round * 10 + 2, 1, 0xa, What::Pending));
    }
    let outcome = run(&events, 100);
    assert_eq!(outcome.waits.len(), 1);
    assert_eq!((outcome.waits[0].1.as_slice(), outcome.waits[0].2.count), (&[StackId(4)][..], 2));
    assert_eq!(outcome.tasks[0].waits_at, [StackId(4)]);
}

#[test]
fn a_task_whose_last_waker_is_gone_is_forgotten() {
    let events = [
        event(0, 1, 0xa, What::Spawned),
        event(1, 1, 0xa, polling(1)),
        event(2, 1, 0xa, What::Cloned),
        event(3, 1, 0xa, What::Pending),
    ];
    assert_eq!(kind(&run(&events, 9), 1).forgotten, 0);
    let dropped: Vec<Event> = events.into_iter().chain([event(4, 1, 0xa, What::Dropped)]).collect();
    assert_eq!(kind(&run(&dropped, 9), 1).forgotten, 1);
}

#[test]
fn an_address_is_reused_by_another_task_and_late_wakes_of_the_old_one_count_for_nobody() {
    let outcome = run(
        &[
            event(0, 1, 0xa, What::Spawned),
            event(1, 1, 0xa, polling(1)),
            event(2, 1, 0xa, DONE),
            event(3, 2, 0xa, WOKEN),
            event(4, 1, 0xa, What::Spawned),
            event(5, 1, 0xa, polling(2)),
            event(6, 1, 0xa, DONE),
        ],
        9,
    );
    assert_eq!((kind(&outcome, 1).wakes, kind(&outcome, 2).wakes), (0, 0));
    assert_eq!((kind(&outcome, 1).finished, kind(&outcome, 2).finished), (1, 1));
    assert_ne!(outcome.tasks[0].id, outcome.tasks[1].id);
}

#[test]
fn a_poll_within_a_poll_and_one_that_never_came_to_be_are_told_apart() {
    let poll = |time_ns, address, stack_pointer| {
        event(time_ns, 1, address, What::Polling { kind: Some(KindId(1)), stack_pointer })
    };
    let outcome = run(
        &[
            poll(0, 0xa, 0x7000),
            poll(1, 0xb, 0x6000), // within a
            event(3, 1, 0xb, What::Pending),
            event(4, 1, 0xa, What::Pending),
            poll(5, 0xc, 0x7000), // refused: no end
            poll(6, 0xd, 0x7000),
            event(7, 1, 0xe, WOKEN),
            event(8, 1, 0xd, What::Pending),
            event(9, 1, 0xe, WOKEN),
        ],
        20,
    );
    assert_eq!(kind(&outcome, 1).polls, 3);
    let outside = outcome.wakers.iter().find(|(_, by, _)| matches!(by, WakerKind::Outside(..))).unwrap();
    assert_eq!(outside.2, 1, "after d ended, nobody polls on that thread: {:?}", outcome.wakers);
}

#[test]
fn the_loop_of_a_worker_is_nobody() {
    let mut tracker = Tracker::default();
    tracker.declare(KindId(9), Kinds::Worker);
    for event in [
        event(0, 1, 0xff, What::Polling { kind: Some(KindId(9)), stack_pointer: 0x9000 }),
        event(1, 1, 0xa, What::Spawned),
        event(2, 1, 0xa, polling(1)),
        event(3, 1, 0xa, What::Pending),
    ] {
        tracker.take(&event);
    }
    let outcome = tracker.finish(10);
    let task = outcome.tasks.iter().find(|task| task.kind == Some(KindId(1))).unwrap();
    assert_eq!(task.spawned_by, Some(Who::Outside { tid: 1, stack: None }));
    assert_eq!(kind(&outcome, 9).unexplained, 0);
}

#[test]
fn who_waits_for_itself_ends_the_chain() {
    let outcome = run(
        &[
            event(0, 1, 0xa, polling(1)),
            event(1, 1, 0xa, What::Pending),
            event(2, 2, 0xb, polling(1)),
            event(3, 2, 0xb, What::Pending),
            event(900, 9, 0xb, WOKEN),
            event(901, 2, 0xb, polling(1)),
            event(902, 2, 0xa, WOKEN),
            event(903, 2, 0xb, What::Pending),
            event(904, 1, 0xa, polling(1)),
            event(1900, 1, 0xb, WOKEN),
        ],
        2000,
    );
    for (_, _, figures) in &outcome.waits {
        for case in &figures.longest {
            assert!(case.chain.links.len() <= 2, "{case:?}");
        }
    }
}

#[test]
fn after_a_gap_nothing_is_made_up() {
    let mut tracker = Tracker::default();
    tracker.take(&event(0, 1, 0xa, What::Spawned));
    tracker.take(&event(1, 1, 0xa, polling(1)));
    tracker.gap();
    // Its end was lost: this is another poll, and nobody knows since when the task was ready.
    tracker.take(&event(900, 1, 0xa, polling(1)));
    tracker.take(&event(905, 1, 0xa, What::Pending));
    let outcome = tracker.finish(1000);
    let figures = kind(&outcome, 1);
    assert_eq!((figures.polls, figures.longest_poll_ns, figures.spawned, figures.forgotten), (1, 5, 1, 0));
    assert_eq!((figures.delays, figures.unexplained, outcome.gaps), (1, 1, 1));
}

/// `a` waits; `b` keeps the thread that asks for 5 ms, which then tells `a` what came.
fn told_after_a_long_poll(between: &[Event]) -> Vec<(u64, Vec<Step>)> {
    let before = [
        event(0, 1, 0xa, polling(1)),
        event(1, 1, 0xa, What::Pending),
        event(10, 1, 0xb, polling(2)),
        event(5_000_010, 1, 0xb, What::Pending),
    ];
    let told = [event(5_000_100, 1, 0xa, WOKEN), event(5_000_200, 1, 0xa, polling(1))];
    let mut events = [&before[..], between, &told[..]].concat();
    events.sort_by_key(|event| event.time_ns);
    let unheard = run(&events, 6_000_000).unheard.into_iter();
    unheard.map(|case| (case.length_ns(), case.chain.links.into_iter().map(|link| link.step).collect())).collect()
}

#[test]
fn who_asks_late_what_has_come_was_kept_by_what_it_polled() {
    let late = [(
        5_000_090,
        vec![Step::Unheard { tid: 1, stack: None }, Step::Polled { tid: 1, polls: 1, busy_ns: 5_000_000 }],
    )];
    assert_eq!(told_after_a_long_poll(&[]), late);
    let another = [event(2, 1, 0xd, polling(3)), event(3, 1, 0xd, What::Pending), event(5_000_050, 1, 0xd, WOKEN)];
    assert_eq!(told_after_a_long_poll(&another)[0], late[0], "one question tells several");
    let elsewhere = [event(20, 2, 0xd, polling(3)), event(30, 2, 0xd, What::Pending), event(2_000_000, 2, 0xd, WOKEN)];
    assert_eq!(told_after_a_long_poll(&elsewhere), [], "another thread asked meanwhile");
    let short = [event(100, 1, 0xb, What::Pending), event(4_999_000, 1, 0xb, polling(2))];
    assert_eq!(told_after_a_long_poll(&short), [], "it slept meanwhile");
}
