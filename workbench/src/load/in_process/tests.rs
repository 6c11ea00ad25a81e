use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scenarios::spec::Arrivals;
use scenarios::workload::{BoxFuture, Call, InProcess, OperationError};
use tokio::runtime::{Builder, Runtime};

use super::{drive_closed, drive_closed_metered, drive_open};
use crate::load::seeded::call_seed;
use crate::load::{ClosedSpec, LoadError, OpenSpec, PhaseOutcome, fixture};

/// A workload made of a function.
struct Does<F>(F);

impl<F> InProcess for Does<F>
where
    F: Fn(Call) -> BoxFuture<Result<(), OperationError>> + Send + Sync + 'static,
{
    fn operate(self: Arc<Self>, call: Call) -> BoxFuture<Result<(), OperationError>> {
        (self.0)(call)
    }
}

fn does<F>(operate: F) -> Arc<dyn InProcess>
where
    F: Fn(Call) -> BoxFuture<Result<(), OperationError>> + Send + Sync + 'static,
{
    Arc::new(Does(operate))
}

fn echo() -> Arc<dyn InProcess> {
    does(|_| {
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    })
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

static GO: AtomicBool = AtomicBool::new(false);

/// Answered, errors, timeouts and unanswered operations of all kinds.
fn sums(outcome: &PhaseOutcome) -> [u64; 4] {
    let sum = |count: fn(&crate::load::OpOutcome) -> u64| outcome.operations.iter().map(count).sum();
    [sum(|o| o.answered), sum(|o| o.errors), sum(|o| o.timeouts), sum(|o| o.unanswered)]
}

fn short(spec: OpenSpec) -> OpenSpec {
    OpenSpec { timeout: Duration::from_millis(50), ..spec }
}

#[test]
fn every_call_of_the_schedule_is_made_once_with_its_seed() {
    let calls = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&calls);
    let workload = does(move |call| {
        assert!(seen.lock().unwrap().insert((call.sequence, call.operation, call.seed)), "twice");
        Box::pin(async { Ok(()) })
    });
    let spec = fixture::open(1000);
    let outcome = drive_open(runtime().handle(), workload, &spec, &GO).unwrap();
    assert_eq!(sums(&outcome), [1000, 0, 0, 0]);
    assert_eq!((outcome.operations[0].answered, outcome.operations[1].answered), (750, 250));
    assert_eq!((outcome.driver.asked, outcome.driver.sent, outcome.interrupted), (1000, 1000, false));
    let expected = (0_u64..).zip(spec.schedule().operations);
    let expected = expected.map(|(n, operation)| (n, usize::from(operation), call_seed(spec.seed, n))).collect();
    assert_eq!(*calls.lock().unwrap(), expected);
}

#[test]
fn a_current_thread_runtime_can_be_driven_too() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let owner = std::thread::spawn(move || runtime.block_on(stopped));
    let open = drive_open(&handle, echo(), &fixture::open(300), &GO).unwrap();
    let closed = drive_closed(&handle, does(|_| Box::pin(async { Ok(()) })), &fixture::closed(), &GO).unwrap();
    assert_eq!(sums(&open), [300, 0, 0, 0]);
    assert!(closed.answered() > 0 && closed.failed() == 0);
    stop.send(()).unwrap();
    let _ = owner.join().unwrap();
}

#[test]
fn errors_are_counted_by_their_message() {
    let workload = does(|call| {
        Box::pin(async move {
            match call.operation {
                0 => Ok(()),
                _ => Err(OperationError(format!("shelf {} is empty", call.sequence % 2))),
            }
        })
    });
    let outcome = drive_open(runtime().handle(), workload, &fixture::open(400), &GO).unwrap();
    assert_eq!(sums(&outcome), [300, 100, 0, 0]);
    let kinds = &outcome.operations[1].error_kinds;
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["shelf 0 is empty", "shelf 1 is empty"]);
    assert_eq!(kinds.values().sum::<u64>(), 100);
    assert_eq!((outcome.operations[1].error_latency.len(), outcome.operations[1].latency.len()), (100, 0));
}

#[test]
fn more_messages_than_are_kept_still_count() {
    let workload = does(|call| Box::pin(async move { Err(OperationError(format!("order {}", call.sequence))) }));
    let outcome = drive_open(runtime().handle(), workload, &fixture::open(100), &GO).unwrap();
    let kinds = || outcome.operations.iter().flat_map(|o| &o.error_kinds);
    assert_eq!(kinds().map(|(_, n)| n).sum::<u64>(), 100);
    assert!(kinds().any(|(kind, _)| kind == "other errors"));
}

#[test]
fn a_panic_ends_the_phase_and_is_named() {
    let in_the_future = || {
        does(|call| Box::pin(async move { if call.sequence == 7 { panic!("shelf {} fell over", 7) } else { Ok(()) } }))
    };
    let at_once = || does(|_| panic!("no future"));
    let name = fixture::open(100).operations[usize::from(fixture::open(100).schedule().operations[7])].name.clone();
    let error = drive_open(runtime().handle(), in_the_future(), &fixture::open(100), &GO).unwrap_err();
    assert_eq!(error.to_string(), format!("operation `{name}` panicked: shelf 7 fell over"));
    let error = drive_closed(runtime().handle(), in_the_future(), &fixture::closed(), &GO).unwrap_err();
    assert!(matches!(error, LoadError::Panicked { message, .. } if message == "shelf 7 fell over"));
    let closed_arrivals = OpenSpec { arrivals: Arrivals::Closed, ..fixture::open(100) };
    for spec in [fixture::open(100), closed_arrivals] {
        let error = drive_open(runtime().handle(), at_once(), &spec, &GO).unwrap_err();
        assert!(matches!(error, LoadError::Panicked { message, .. } if message == "no future"));
    }
}

#[test]
fn what_never_completes_is_unanswered_and_the_phase_ends() {
    let workload = || does(|call| Box::pin(async move { if call.operation == 1 { pending().await } else { Ok(()) } }));
    let spec = short(fixture::open(40));
    let outcome = drive_open(runtime().handle(), workload(), &spec, &GO).unwrap();
    assert_eq!(sums(&outcome)[3], 10);
    assert_eq!(outcome.operations[1].latency.len(), 10, "none is left out");
    assert!(outcome.operations[1].latency.min() >= 49_000_000, "each is at least as old as the timeout");
    let spec = ClosedSpec { timeout: Duration::from_millis(50), ..fixture::closed() };
    let outcome = drive_closed(runtime().handle(), workload(), &spec, &GO).unwrap();
    assert_eq!(outcome.operations[1].unanswered, spec.concurrency as u64, "every client got stuck");
}

#[test]
fn answers_after_the_timeout_are_timeouts() {
    let workload = || {
        does(|_| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(80)).await;
                Ok(())
            })
        })
    };
    let spec = short(fixture::open(20));
    let outcome = drive_open(runtime().handle(), workload(), &spec, &GO).unwrap();
    // Those that were due last are still running when the phase ends.
    let [answered, errors, timeouts, unanswered] = sums(&outcome);
    assert_eq!((answered, errors, timeouts + unanswered), (0, 0, 20));
    let spec = ClosedSpec { timeout: Duration::from_millis(10), ..fixture::closed() };
    let outcome = drive_closed(runtime().handle(), workload(), &spec, &GO).unwrap();
    assert_eq!(outcome.answered(), 0);
    assert!(outcome.failed() >= 4);
}

#[test]
fn a_full_hand_off_holds_operations_back_and_never_drops_them() {
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let workload = does(move |_| {
        let (in_flight, most) = (Arc::clone(&in_flight), Arc::clone(&most));
        Box::pin(async move {
            most.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            in_flight.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    });
    let spec = OpenSpec { max_in_flight: 3, ..fixture::open(60) };
    let outcome = drive_open(runtime().handle(), workload, &spec, &GO).unwrap();
    assert_eq!(sums(&outcome), [60, 0, 0, 0]);
    assert!(seen.load(Ordering::SeqCst) <= 3);
    assert!(outcome.operations.iter().map(|o| o.waited).sum::<u64>() > 0);
}

#[test]
fn what_cannot_be_handed_over_in_time_is_shed() {
    let workload = does(|_| Box::pin(pending()));
    let spec = short(OpenSpec { max_in_flight: 3, ..fixture::open(20) });
    let outcome = drive_open(runtime().handle(), workload, &spec, &GO).unwrap();
    assert_eq!(sums(&outcome), [0, 0, 0, 20]);
    assert_eq!(outcome.operations.iter().map(|o| o.shed).sum::<u64>(), 17);
    assert_eq!(outcome.driver.sent, 3);
}

#[test]
fn closed_arrivals_send_as_many_operations_without_lag() {
    let spec = OpenSpec { arrivals: Arrivals::Closed, ..fixture::open(500) };
    let outcome = drive_open(runtime().handle(), echo(), &spec, &GO).unwrap();
    assert_eq!(sums(&outcome), [500, 0, 0, 0]);
    assert_eq!(outcome.driver.lag.max(), 0);
    assert_eq!(outcome.timeline.iter().map(|p| p.answered).sum::<u64>(), 500);
    let stuck = does(|call| Box::pin(async move { if call.sequence < 6 { Ok(()) } else { pending().await } }));
    let outcome = drive_open(runtime().handle(), stuck, &short(spec), &GO).unwrap();
    assert_eq!(sums(&outcome), [6, 0, 0, 494]);
}

#[test]
fn a_closed_loop_counts_what_it_did() {
    let workload = does(|call| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if call.operation == 1 { Err(OperationError("no".into())) } else { Ok(()) }
        })
    });
    let outcome = drive_closed(runtime().handle(), workload, &fixture::closed(), &GO).unwrap();
    let [read, write] = &outcome.operations[..] else { panic!("two operations") };
    assert_eq!((read.errors, read.latency.len()), (0, read.answered));
    assert_eq!((write.answered, write.error_kinds["no"]), (0, write.errors));
    assert_eq!(outcome.answered(), read.answered);
    assert!(read.answered > write.errors && write.errors > 0 && outcome.elapsed_s >= 0.06);
    let line = serde_json::to_string(&outcome).unwrap();
    let read = serde_json::from_str::<crate::load::ClosedOutcome>(&line).unwrap();
    for (read, sent) in read.operations.iter().zip(&outcome.operations) {
        assert_eq!((&read.name, read.answered, read.errors), (&sent.name, sent.answered, sent.errors));
        assert_eq!((read.latency.len(), read.latency.max()), (sent.latency.len(), sent.latency.max()));
    }
}

#[test]
fn the_meter_is_read_before_the_first_operation_and_after_the_last() {
    let begun = Arc::new(AtomicU64::new(0));
    let workload = does({
        let begun = Arc::clone(&begun);
        move |_| {
            begun.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        }
    });
    let mut readings = Vec::new();
    let mut meter = || readings.push((begun.load(Ordering::Relaxed), std::thread::current().name().map(str::to_owned)));
    let runtime = runtime();
    let outcome = drive_closed_metered(runtime.handle(), workload, &fixture::closed(), &GO, &mut meter).unwrap();
    let on_the_driver = |operations| (operations, Some("load-driver".to_owned()));
    assert_eq!(readings, [on_the_driver(0), on_the_driver(outcome.answered())]);
}

#[test]
fn answers_that_come_too_late_do_not_prolong_a_closed_loop() {
    let workload = does(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        })
    });
    let (duration, timeout) = (Duration::from_millis(20), Duration::from_millis(90));
    let spec = ClosedSpec { duration, timeout, ..fixture::closed() };
    let outcome = drive_closed(runtime().handle(), workload, &spec, &GO).unwrap();
    assert_eq!(outcome.answered(), 0);
    assert!((outcome.elapsed_s - 0.02).abs() < 1e-9, "{}", outcome.elapsed_s);
}

#[test]
fn a_closed_loop_of_no_length_does_nothing() {
    let spec = ClosedSpec { duration: Duration::ZERO, ..fixture::closed() };
    let outcome = drive_closed(runtime().handle(), echo(), &spec, &GO).unwrap();
    assert_eq!((outcome.answered(), outcome.failed()), (0, 0));
}

#[test]
fn a_runtime_that_is_gone_is_an_error_and_no_hang() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    assert!(matches!(drive_closed(&handle, echo(), &fixture::closed(), &GO), Err(LoadError::RuntimeGone)));
    assert!(matches!(drive_open(&handle, echo(), &fixture::open(50), &GO), Err(LoadError::RuntimeGone)));
    let closed_arrivals = OpenSpec { arrivals: Arrivals::Closed, ..fixture::open(50) };
    assert!(matches!(drive_open(&handle, echo(), &closed_arrivals, &GO), Err(LoadError::RuntimeGone)));
}

#[test]
fn a_request_to_stop_is_heeded() {
    let stop = AtomicBool::new(true);
    let slow = OpenSpec { rate: 0.01, ..fixture::open(10) };
    for spec in [slow.clone(), OpenSpec { arrivals: Arrivals::Closed, ..slow }] {
        let outcome = drive_open(runtime().handle(), does(|_| Box::pin(pending())), &spec, &stop).unwrap();
        assert!(outcome.interrupted);
        assert_eq!(sums(&outcome).iter().sum::<u64>(), 10);
    }
    let spec = ClosedSpec { duration: Duration::from_secs(1000), ..fixture::closed() };
    assert!(drive_closed(runtime().handle(), echo(), &spec, &stop).unwrap().interrupted);
}
