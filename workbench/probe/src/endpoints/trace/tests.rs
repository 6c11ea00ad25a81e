use super::*;
use crate::allocator::Counters;

#[test]
fn intervals_are_read_and_everything_else_is_complained_about() {
    let milliseconds = |ms| Some(Duration::from_millis(ms));
    assert_eq!(
        parse("sched=1000,alloc=500"),
        (Intervals { sched: milliseconds(1000), alloc: milliseconds(500) }, vec![])
    );
    assert_eq!(parse(" sched=0 , "), (Intervals::default(), vec![]));
    let (intervals, complaints) = parse("shed=1000,alloc=often,sched=20");
    assert_eq!(intervals, Intervals { sched: milliseconds(20), alloc: None });
    insta::assert_snapshot!(complaints.join("\n"), @r"
    `shed` is unknown: one of sched, alloc
    `alloc=often` needs whole milliseconds, as in alloc=1000
    ");
}

#[test]
fn missed_lines_are_left_out() {
    let (began, interval) = (Instant::now(), Duration::from_secs(1));
    let mut line = Some((interval, began + interval));
    assert!(!advance(&mut line, began));
    assert!(advance(&mut line, began + 3 * interval));
    assert_eq!(line, Some((interval, began + 4 * interval)));
    assert!(!advance(&mut None, began));
}

#[test]
fn scheduler_lines_are_shaped_like_those_of_go() {
    let counters = RuntimeCounters {
        workers: 2,
        idle_workers: 1,
        alive_tasks: 40,
        global_queue_depth: 2,
        blocking_threads: Some(5),
        idle_blocking_threads: Some(4),
        blocking_queue_depth: Some(0),
        polls: Some(900),
        ..RuntimeCounters::default()
    };
    let unstable = Unstable { local: vec![4, 26], steals: 7, ..Unstable::default() };
    let since = Duration::from_millis(515);
    let stable = RuntimeCounters { blocking_threads: None, polls: None, ..counters };
    insta::assert_snapshot!(sched_line(since, &counters, Some(&unstable)) + &sched_line(since, &stable, None), @r"
    SCHED 515ms: workers=2 parked=1 tasks=40 inject=2 blocking=5 idleblocking=4 blockingqueue=0 polls=900 steals=7 local=[ 4 26 ]
    SCHED 515ms: workers=2 parked=1 tasks=40 inject=2 blocking=n/a idleblocking=4 blockingqueue=0 polls=n/a steals=n/a local=n/a
    ");
}

#[test]
fn allocator_lines_show_what_is_there_and_what_has_changed() {
    let at = |allocations, bytes_allocated, minor_faults| Allocation {
        memory: Memory {
            counted: Ok(Counters { allocations, bytes_allocated, ..Counters::default() }),
            jemalloc: Ok(crate::jemalloc::Stats {
                active: 6_000_000,
                resident: 9_000_000,
                retained: 3_000_000,
                metadata: 1_000_000,
                ..crate::jemalloc::Stats::default()
            }),
            mimalloc: Err(String::new()),
        },
        resident: Some(12_000_000),
        minor_faults: Some(minor_faults),
    };
    let (earlier, now) = (at(10, 4_000_000, 3), at(25, 5_500_000, 15));
    insta::assert_snapshot!(alloc_line(3, Duration::from_millis(2013), &earlier, &now), @"alloc 3 @2.013s jemalloc: 4.0 MB->5.5 MB live, +1.5 MB in 15 blocks, -0.0 MB in 0 blocks, 6.0 MB active, 2.0 MB dirty, 3.0 MB retained, 12.0 MB resident, 12 minor faults");
    let uncounted = Allocation {
        memory: Memory { counted: Err(String::new()), jemalloc: Err(String::new()), mimalloc: Err(String::new()) },
        resident: None,
        minor_faults: None,
    };
    insta::assert_snapshot!(alloc_line(1, Duration::ZERO, &uncounted, &uncounted), @"alloc 1 @0.000s system: blocks not counted, resident n/a");
}
