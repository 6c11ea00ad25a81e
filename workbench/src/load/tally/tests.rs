use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::load::fixture;
use crate::load::pacer::Pacing;
use crate::load::priority::DriverPriority;
use crate::load::slots::Failure;

const MS: u64 = 1_000_000;
const T0: u64 = 5_000_000_000;

fn seat() -> Seat {
    let priority = DriverPriority { slice_ns: None, nice: 0, exact_timers: true };
    Seat { placement: "shared", pacing: Pacing::Sleep, priority }
}

/// What happened to one operation: due (ms), handed over, sent (both after it was due), ended (after it was due, how).
type Told = (u64, Option<u64>, Option<u64>, Option<(u64, Ending)>);

fn told(operations: &[(u16, Told)], timeout: Duration, interrupted: bool) -> PhaseOutcome {
    let last = operations.last().map_or(0, |(_, (due, ..))| *due);
    let schedule = Schedule {
        offsets_ns: operations.iter().map(|(_, (due, ..))| due * MS).collect(),
        operations: operations.iter().map(|(operation, _)| *operation).collect(),
        duration_ns: last * MS,
    };
    let slots = Slots::new(operations.len());
    for (sequence, (_, (due, handed, sent, ended))) in operations.iter().enumerate() {
        let at = |after: u64| T0 + (due + after) * MS;
        if let Some(handed) = handed.filter(|_| handed != sent) {
            slots.at(sequence).wait(at(handed));
        }
        if let Some(sent) = sent {
            slots.at(sequence).send(at(*sent));
        }
        if let Some((ended, ending)) = ended {
            slots.at(sequence).finish(at(*ended), *ending);
        }
    }
    let spec = OpenSpec { timeout, ..fixture::open(operations.len()) };
    let finished = Finished {
        spec: &spec,
        schedule: &schedule,
        slots: &slots,
        seat: &seat(),
        started_ns: T0,
        ended_ns: T0 + (last + 1000) * MS,
        cpu_s: 0.5,
        reconnects: 3,
        interrupted,
        messages: &["no stock".to_owned()],
    };
    finished.tally()
}

/// Within the three digits of a histogram.
fn near(histogram: &hdrhistogram::Histogram<u64>, quantile: f64, ms: u64) {
    let value = histogram.value_at_quantile(quantile);
    assert!(value.abs_diff(ms * MS) <= ms * MS / 1000, "{value} ns is not {ms} ms");
}

fn eventful() -> Vec<(u16, Told)> {
    let error = |failure| Ending::Error(failure);
    vec![
        (0, (0, Some(0), Some(0), Some((10, Ending::Answered)))),
        (0, (10, Some(2), Some(40), Some((50, Ending::Answered)))),
        (0, (20, Some(0), Some(0), Some((300, Ending::Answered)))),
        (0, (30, Some(0), Some(0), Some((100, Ending::TimedOut)))),
        (0, (40, Some(0), Some(0), None)),
        (0, (50, Some(0), None, Some((0, Ending::Shed)))),
        (0, (60, None, None, None)),
        (0, (70, Some(0), Some(0), Some((5, error(Failure::Status(503)))))),
        (0, (80, Some(0), Some(0), Some((200, error(Failure::Reset))))),
        (1, (90, Some(0), Some(0), Some((7, error(Failure::Operation(0)))))),
        (1, (900, Some(0), Some(0), Some((20, Ending::Answered)))),
    ]
}

#[test]
fn everything_is_counted_once() {
    let outcome = told(&eventful(), Duration::from_millis(100), false);
    let [read, write] = &outcome.operations[..] else { panic!("two operations") };
    assert_eq!((read.scheduled, read.sent, read.waited), (9, 7, 2));
    assert_eq!((read.answered, read.errors, read.timeouts, read.unanswered, read.shed), (2, 1, 3, 3, 1));
    assert_eq!(read.error_kinds.iter().map(|(k, &n)| (k.as_str(), n)).collect::<Vec<_>>(), [("status 503", 1)]);
    assert_eq!((write.scheduled, write.answered, write.errors), (2, 1, 1));
    assert_eq!(write.error_kinds.keys().collect::<Vec<_>>(), ["no stock"]);
    assert_eq!((outcome.driver.asked, outcome.driver.sent, outcome.driver.reconnects), (11, 9, 3));
}

#[test]
fn what_was_never_answered_stays_in_at_its_age() {
    let outcome = told(&eventful(), Duration::from_millis(100), false);
    let read = &outcome.operations[0];
    // Two answers, three timeouts and three unanswered; the error has its own histogram.
    assert_eq!((read.latency.len(), read.error_latency.len()), (8, 1));
    near(&read.latency, 0.125, 10);
    near(&read.latency, 0.25, 50);
    near(&read.latency, 0.375, 100);
    near(&read.latency, 0.5, 200);
    near(&read.latency, 0.625, 300);
    // The one due at 40 ms was still open at the end, at 1900 ms.
    near(&read.latency, 1.0, 1860);
    near(&read.error_latency, 1.0, 5);
}

#[test]
fn service_time_counts_from_sending_and_lag_stops_at_the_hand_over() {
    let outcome = told(&eventful(), Duration::from_millis(100), false);
    near(&outcome.operations[0].service_time, 0.3, 10);
    assert_eq!(outcome.operations[0].service_time.len(), 6, "only what was sent has one");
    assert_eq!(outcome.driver.lag.len(), 10, "only what was handed over has one");
    near(&outcome.driver.lag, 1.0, 2);
}

#[test]
fn the_timeline_covers_the_phase_and_loses_nothing() {
    let outcome = told(&eventful(), Duration::from_millis(100), false);
    let points: Vec<_> = outcome.timeline.iter().map(|p| (p.at_s, p.intended, p.answered, p.failed)).collect();
    assert_eq!(points.len(), 9);
    assert_eq!((points[0], points[8]), ((0.0, 10, 2, 8), (0.8, 1, 1, 0)));
    assert!(points[1..8].iter().all(|p| (p.1, p.2, p.3) == (0, 0, 0)));
    let first = &outcome.timeline[0];
    assert!((first.max.unwrap() - 1.86).abs() < 0.01 && (first.lag_max - 0.002).abs() < 1e-9);
    assert_eq!((outcome.timeline[1].p50, outcome.elapsed_s), (None, 0.92));
}

#[test]
fn long_phases_have_a_point_a_second_and_short_ones_one_in_a_tenth() {
    for (length_ms, points) in [(1, 1), (100, 1), (250, 3), (20_000, 100), (300_000, 300)] {
        let operations = [(0, (length_ms, Some(0), Some(0), Some((1, Ending::Answered))))];
        assert_eq!(told(&operations, Duration::from_secs(1), false).timeline.len(), points, "{length_ms} ms");
    }
}

#[test]
fn an_interrupted_phase_does_not_blame_the_subject_for_the_rest() {
    let operations = [(0, (0, Some(0), Some(0), Some((10, Ending::Answered)))), (0, (9000, None, None, None))];
    let mut cut = told(&operations, Duration::from_millis(100), true);
    assert_eq!((cut.operations[0].unanswered, cut.operations[0].latency.len()), (1, 2));
    // Due only after the end.
    let slots = Slots::new(1);
    let schedule = Schedule { offsets_ns: vec![9000 * MS], operations: vec![0], duration_ns: 9000 * MS };
    let finished = Finished {
        spec: &fixture::open(1),
        schedule: &schedule,
        slots: &slots,
        seat: &seat(),
        started_ns: T0,
        ended_ns: T0 + 50 * MS,
        cpu_s: 0.0,
        reconnects: 0,
        interrupted: true,
        messages: &[],
    };
    cut = finished.tally();
    assert_eq!((cut.operations[0].scheduled, cut.operations[0].unanswered), (1, 1));
    assert!(cut.operations[0].latency.is_empty() && cut.interrupted);
}

#[test]
fn an_outcome_survives_the_pipe() {
    let outcome = told(&eventful(), Duration::from_millis(100), false);
    let line = serde_json::to_string(&outcome).unwrap();
    let read = serde_json::from_str::<PhaseOutcome>(&line).unwrap();
    // Not `assert_eq`, whose message would be a page of zeros for every histogram.
    assert!(read.operations == outcome.operations && read.driver.lag == outcome.driver.lag);
    assert!(read.intervals.iter().map(|i| &i.latency).eq(outcome.intervals.iter().map(|i| &i.latency)));
    assert_eq!((read.timeline.len(), read.started_ns), (outcome.timeline.len(), outcome.started_ns));
    assert!(!line.contains('\n'), "it travels as one line");
}

#[test]
fn there_is_an_interval_for_every_second_and_operation() {
    let mut operations = eventful();
    operations.push((1, (2500, Some(0), Some(0), Some((4, Ending::Answered)))));
    let outcome = told(&operations, Duration::from_millis(100), false);
    let intervals: Vec<_> = outcome
        .intervals
        .iter()
        .map(|i| (i.at_s, i.length_s, i.operation.as_str(), i.latency.decode().unwrap().len()))
        .collect();
    assert_eq!(intervals, [(0.0, 1.0, "read", 8), (0.0, 1.0, "write", 1), (2.0, 0.5, "write", 1)]);
}

#[test]
fn a_late_driver_is_limited_unless_the_subject_is_slow_too() {
    let lagging = |lag: u64, latency: u64| {
        let one = |due| (0, (due, Some(lag), Some(lag), Some((latency, Ending::Answered))));
        told(&(0..100).map(one).collect::<Vec<_>>(), Duration::from_secs(9), false)
    };
    let limit = Duration::from_millis(1);
    assert_eq!(crate::load::driver_limited(&lagging(0, 2), limit), None);
    assert_eq!(crate::load::driver_limited(&lagging(3, 50), limit), None, "3 ms of 50 ms is less than a tenth");
    let reason = crate::load::driver_limited(&lagging(3, 5), limit).unwrap();
    assert_eq!(reason, "the driver was 3ms late at its 99th percentile, 1ms is allowed");
    let record = lagging(3, 5).driver_record(limit);
    assert_eq!((record.limited, record.asked, record.lag_limit), (Some(reason), 100, 0.001));
    assert!((record.lag_p99 - 0.003).abs() < 1e-5);
}

#[test]
fn a_driver_that_did_not_send_everything_is_limited() {
    let sent = |n| {
        let ending = |due| if due < n { Ending::Answered } else { Ending::Shed };
        let one = |due| (0, (due, Some(0), Some(0), Some((1, ending(due)))));
        told(&(0..200).map(one).collect::<Vec<_>>(), Duration::from_secs(9), false)
    };
    let limit = Duration::from_millis(50);
    assert_eq!(crate::load::driver_limited(&sent(199), limit), None);
    let reason = crate::load::driver_limited(&sent(198), limit).unwrap();
    assert_eq!(reason, "the driver sent 198 of 200 operations, 99.5 % are needed");
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Answered),
        Just(Ending::TimedOut),
        Just(Ending::Shed),
        Just(Ending::Error(Failure::Reset)),
        (100_u16..600).prop_map(|status| Ending::Error(Failure::Status(status))),
    ]
}

proptest! {
    #[test]
    fn scheduled_is_the_sum_of_the_four(
        told_of in prop::collection::vec(
            (0_u16..2, (0_u64..3000, prop::option::of(0_u64..50), prop::option::of(50_u64..90),
                prop::option::of((90_u64..400, ending())))), 0..60),
        interrupted: bool,
    ) {
        let mut operations = told_of;
        operations.sort_by_key(|(_, (due, ..))| *due);
        let outcome = told(&operations, Duration::from_millis(200), interrupted);
        let mut scheduled = 0;
        for operation in &outcome.operations {
            scheduled += operation.scheduled;
            let sum = operation.answered + operation.errors + operation.timeouts + operation.unanswered;
            prop_assert_eq!(operation.scheduled, sum);
            prop_assert_eq!(operation.error_kinds.values().sum::<u64>(), operation.errors);
            prop_assert_eq!(operation.error_latency.len(), operation.errors);
            if !interrupted {
                prop_assert_eq!(operation.latency.len(), sum - operation.errors);
            }
        }
        prop_assert_eq!(scheduled, operations.len() as u64);
        prop_assert_eq!(outcome.timeline.iter().map(|p| p.intended).sum::<u64>(), scheduled);
        for point in &outcome.timeline {
            prop_assert_eq!(point.intended, point.answered + point.failed);
        }
        let logged: u64 = outcome.intervals.iter().map(|i| i.latency.decode().unwrap().len()).sum();
        prop_assert_eq!(logged, outcome.operations.iter().map(|o| o.latency.len()).sum::<u64>());
    }
}
