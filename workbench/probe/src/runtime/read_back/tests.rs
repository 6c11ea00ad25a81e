//! Every knob with values that are not the default, and observers against builders that do something else.

use tokio::runtime::Builder;

use super::*;
use crate::runtime::UnhandledPanic;

fn seen(settings: Settings) -> String {
    let effective = read_back(&settings).unwrap();
    let bounds = effective.lower_bounds().to_vec();
    let values: Vec<_> = effective.into_iter().map(|(knob, value)| format!("{knob}={value}")).collect();
    format!("{} lower bounds: {bounds:?}", values.join(" "))
}

fn multi() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all();
    builder
}

fn current() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

#[test]
fn intervals_of_a_multi_thread_runtime_are_counted_exactly() {
    for interval in [1, 2, 3, 7, 61, 62, 1_000, 30_000] {
        let settings =
            Settings { event_interval: Some(interval), global_queue_interval: Some(interval), ..Settings::default() };
        let effective = read_back(&settings).unwrap();
        assert_eq!(effective.get("event_interval"), Some(interval.to_string().as_str()));
        assert_eq!(effective.get("global_queue_interval"), Some(interval.to_string().as_str()));
        assert!(effective.lower_bounds().is_empty());
    }
}

#[test]
fn intervals_of_a_current_thread_runtime_are_counted_exactly() {
    for interval in [1, 2, 3, 31, 61, 62, 1_000, 30_000] {
        let settings = Settings {
            flavor: Some(Flavor::CurrentThread),
            event_interval: Some(interval),
            global_queue_interval: Some(interval),
            ..Settings::default()
        };
        let effective = read_back(&settings).unwrap();
        assert_eq!(effective.get("event_interval"), Some(interval.to_string().as_str()));
        assert_eq!(effective.get("global_queue_interval"), Some(interval.to_string().as_str()));
    }
}

#[test]
fn everything_together_comes_back_as_asked() {
    let settings = Settings {
        flavor: Some(Flavor::MultiThread),
        worker_threads: Some(3),
        max_blocking_threads: Some(5),
        event_interval: Some(13),
        global_queue_interval: Some(17),
        thread_keep_alive: Some(Duration::from_millis(30)),
        thread_stack_size: Some(128 << 10),
        max_io_events_per_tick: Some(5),
        max_io_events_per_busy_tick: Some(3),
        lifo_slot: Some(!cfg!(tokio_unstable)),
        alt_timer: Some(cfg!(tokio_unstable)),
        eager_driver_handoff: Some(cfg!(tokio_unstable)),
        sharded_blocking_queue: Some(cfg!(tokio_unstable)),
        rng_seed: cfg!(tokio_unstable).then_some(7),
        unhandled_panic: Some(UnhandledPanic::Ignore),
        metrics_poll_time_histogram: Some(cfg!(tokio_unstable)),
        track_task_schedule_latency: Some(cfg!(tokio_unstable)),
        metrics_schedule_latency_histogram: Some(cfg!(tokio_unstable)),
    };
    let effective = read_back(&settings).unwrap();
    let unstable = if cfg!(tokio_unstable) { "true" } else { "false" };
    let mut expected = vec![
        ("alt_timer", unstable),
        ("eager_driver_handoff", unstable),
        ("event_interval", "13"),
        ("flavor", "multi_thread"),
        ("global_queue_interval", "17"),
        ("lifo_slot", if cfg!(tokio_unstable) { "false" } else { "true" }),
        ("max_blocking_threads", "5"),
        ("max_io_events_per_busy_tick", "3"),
        ("max_io_events_per_tick", "5"),
        ("metrics_poll_time_histogram", unstable),
        ("metrics_schedule_latency_histogram", unstable),
        ("rng_seed", "7"),
        ("sharded_blocking_queue", unstable),
        ("thread_keep_alive", "30ms"),
        ("thread_stack_size", "131072"),
        ("track_task_schedule_latency", unstable),
        ("unhandled_panic", "ignore"),
        ("worker_threads", "3"),
    ];
    expected.retain(|(knob, _)| cfg!(tokio_unstable) || *knob != "rng_seed");
    let seen: Vec<_> = effective.values().iter().map(|(knob, value)| (*knob, value.as_str())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_current_thread_runtime_has_one_worker_and_its_own_blocking_limit() {
    let settings =
        Settings { flavor: Some(Flavor::CurrentThread), max_blocking_threads: Some(1), ..Settings::default() };
    insta::assert_snapshot!(seen(settings), @"flavor=current_thread max_blocking_threads=1 worker_threads=1 lower bounds: []");
}

#[test]
fn a_limit_of_blocking_threads_too_large_to_try_is_read_from_the_builder() {
    let settings = Settings { worker_threads: Some(1), max_blocking_threads: Some(700), ..Settings::default() };
    insta::assert_snapshot!(seen(settings), @"flavor=multi_thread max_blocking_threads=700 worker_threads=1 lower bounds: []");
}

#[test]
fn beyond_the_cap_the_request_is_repeated_and_said_to_be_a_lower_bound() {
    let settings = Settings {
        worker_threads: Some(1),
        event_interval: Some(1_000_000),
        global_queue_interval: Some(1_000_000),
        thread_keep_alive: Some(Duration::from_secs(600)),
        ..Settings::default()
    };
    insta::assert_snapshot!(seen(settings), @r#"event_interval=1000000 flavor=multi_thread global_queue_interval=1000000 max_blocking_threads=512 thread_keep_alive=10m worker_threads=1 lower bounds: ["event_interval", "global_queue_interval", "thread_keep_alive"]"#);
}

#[test]
fn an_interval_that_did_not_take_is_seen() {
    for mut builder in [multi(), current()] {
        builder.event_interval(9).global_queue_interval(11);
        assert_eq!(event_interval(&mut builder, 1_000).unwrap(), Observed::Exactly(9));
        assert_eq!(global_queue_interval(&mut builder, 500_000).unwrap(), Observed::Exactly(11));
        builder.event_interval(200_000).global_queue_interval(200_000);
        assert_eq!(event_interval(&mut builder, 61).unwrap(), Observed::AtLeast(MOST_POLLS));
        assert_eq!(global_queue_interval(&mut builder, 61).unwrap(), Observed::AtLeast(MOST_POLLS));
    }
    let mut short = Effective::default();
    short.interval("event_interval", Observed::Exactly(9), 1_000_000);
    short.interval("global_queue_interval", Observed::AtLeast(MOST_POLLS), 61);
    assert_eq!(short.get("event_interval"), Some("9"));
    assert_eq!(short.get("global_queue_interval"), Some(">=100000"));
    assert!(short.lower_bounds().is_empty());
}

#[test]
fn the_defaults_of_tokio_are_seen() {
    assert_eq!(event_interval(&mut multi(), 5).unwrap(), Observed::Exactly(61));
    assert_eq!(event_interval(&mut current(), 5).unwrap(), Observed::Exactly(61));
    assert_eq!(global_queue_interval(&mut current(), 5).unwrap(), Observed::Exactly(31));
    assert!(lifo_slot(&mut multi()).unwrap());
}

#[cfg(tokio_unstable)]
#[test]
fn a_disabled_lifo_slot_is_seen() {
    assert!(!lifo_slot(multi().disable_lifo_slot()).unwrap());
}

#[test]
fn numbers_of_events_that_did_not_take_are_seen() {
    for mut builder in [multi(), current()] {
        builder.max_io_events_per_tick(9);
        assert_eq!(io_events(&mut builder, 40, Worker::Idle).unwrap(), Observed::Exactly(9));
        assert_eq!(io_events(&mut builder, 40, Worker::Busy).unwrap(), Observed::Exactly(9));
        assert_eq!(io_events(&mut builder, 0, Worker::Idle).unwrap(), Observed::AtLeast(8));
        builder.max_io_events_per_busy_tick(4);
        assert_eq!(io_events(&mut builder, 40, Worker::Idle).unwrap(), Observed::Exactly(9));
        assert_eq!(io_events(&mut builder, 40, Worker::Busy).unwrap(), Observed::Exactly(4));
    }
    let settings = Settings { worker_threads: Some(1), max_io_events_per_tick: Some(5000), ..Settings::default() };
    insta::assert_snapshot!(seen(settings), @r#"flavor=multi_thread max_blocking_threads=512 max_io_events_per_tick=5000 worker_threads=1 lower bounds: ["max_io_events_per_tick"]"#);
}

#[cfg(tokio_unstable)]
#[test]
fn unstable_settings_that_did_not_take_are_seen() {
    use crate::runtime::observe::{driver_handoff::driver_handoff, unstable};

    assert!(!unstable::alt_timer(&mut multi()).unwrap());
    assert!(!unstable::sharded_blocking_queue(&mut multi()).unwrap());
    assert!(!unstable::has_seed(&mut current(), 7).unwrap());
    assert!(!unstable::panic_ends_runtime(&mut current()).unwrap());
    assert!(!unstable::poll_time_histogram(&mut current()).unwrap());
    assert!(!unstable::schedule_latency_histogram(&mut current()).unwrap());
    assert!(!unstable::schedule_latency(&mut current()).unwrap());
    assert!(!driver_handoff(multi().worker_threads(2), false).unwrap());
    assert!(driver_handoff(multi().worker_threads(2).enable_eager_driver_handoff(), true).unwrap());
    let shut_down = Settings {
        flavor: Some(Flavor::CurrentThread),
        unhandled_panic: Some(UnhandledPanic::ShutdownRuntime),
        ..Settings::default()
    };
    assert_eq!(read_back(&shut_down).unwrap().get("unhandled_panic"), Some("shutdown_runtime"));
}

#[test]
fn a_limit_of_blocking_threads_that_did_not_take_is_seen() {
    for mut builder in [multi(), current()] {
        builder.max_blocking_threads(4);
        assert_eq!(blocking_threads(&mut builder, 9).unwrap(), Observed::Exactly(4));
        assert_eq!(blocking_threads(&mut builder, 4).unwrap(), Observed::Exactly(4));
        assert_eq!(blocking_threads(&mut builder, 2).unwrap(), Observed::AtLeast(3));
    }
}

#[test]
fn an_idle_time_that_did_not_take_is_seen() {
    let mut builder = current();
    builder.thread_keep_alive(Duration::from_secs(30));
    let seen = thread_keep_alive(&mut builder, Duration::from_millis(1)).unwrap();
    assert!(matches!(seen, Idle::StillThere(_)), "{seen:?}");
    builder.thread_keep_alive(Duration::from_millis(1));
    let seen = thread_keep_alive(&mut builder, Duration::from_secs(30)).unwrap();
    assert!(matches!(seen, Idle::Ended(_)), "{seen:?}");
    let mut effective = Effective::default();
    effective.keep_alive(Idle::Ended(Duration::from_micros(1_500)), Duration::from_secs(30));
    assert_eq!(effective.get("thread_keep_alive"), Some("1ms"));
    effective.keep_alive(Idle::StillThere(Duration::from_millis(251)), Duration::from_millis(1));
    assert_eq!(effective.get("thread_keep_alive"), Some(">=251ms"));
}

#[test]
fn a_duration_has_one_spelling() {
    let spelled = [
        (10, 0, "10s"),
        (90, 0, "1m30s"),
        (1, 500_000_000, "1s500ms"),
        (0, 250_000_000, "250ms"),
        (0, 30_000, "30us"),
        (7200, 7, "2h7ns"),
        (100_000, 0, "27h46m40s"),
        (0, 0, "0s"),
    ];
    for (seconds, nanoseconds, text) in spelled {
        assert_eq!(duration_text(Duration::new(seconds, nanoseconds)), text);
    }
}
