use super::*;
use crate::run::console::fixture::{HOOKS, Tape, faulty, polled};
use crate::run::console::{Details, Durations, Gap, HookCounts, Line, Recording, Update};

const S: u64 = 1_000_000_000;

fn shown(recording: &Recording, at_ns: Option<u64>) -> View {
    view(recording, at_ns)
}

fn site<'v>(view: &'v View, place: &str) -> &'v TaskSite {
    view.sites.iter().find(|site| site.place.starts_with(place)).unwrap()
}

#[test]
fn tasks_are_told_by_site() {
    let view = shown(&faulty().recording(10, Some(HOOKS)), None);
    let mutex = site(&view, "src/app.rs:30");
    assert_eq!((mutex.seen, mutex.polls, mutex.idle), (2, 60, 2));
    assert!((mutex.busy_s - 0.6).abs() < 1e-9 && (mutex.longest_idle_s - 6.0).abs() < 1e-9, "{mutex:?}");
    assert_eq!(site(&view, "src/parked.rs").seen, 50);
    // Its drop counted as a poll.
    let finished = site(&view, "src/app.rs:90");
    assert_eq!((finished.finished, finished.polls), (1, 1));
    assert_eq!(site(&view, "src/app.rs:70").in_poll, 1);
    // The busiest comes first.
    assert!(view.sites[0].place.starts_with("src/app.rs:60"), "{:?}", view.sites[0]);
}

#[test]
fn a_mutex_and_the_semaphore_in_it_are_one_wait() {
    let view = shown(&faulty().recording(10, Some(HOOKS)), None);
    let mutex = view.resources.iter().find(|group| group.concrete_type == "Mutex").unwrap();
    assert_eq!((mutex.waits, mutex.tasks, mutex.waiting()), (2, 2, 1));
    assert!((mutex.waited_s - 13.0).abs() < 1e-9, "4 s ended and 9 s going on: {mutex:?}");
    assert_eq!(mutex.attributes, [("permits".to_owned(), "0".to_owned())], "those of its part");
    assert_eq!((mutex.waiters[0].place.as_str(), mutex.waiters[0].call.as_str()), ("src/app.rs:30:9", "Mutex::lock"));
    assert_eq!(view.resources.iter().filter(|group| group.concrete_type == "Semaphore").count(), 1);
    assert!(view.resources.last().is_some_and(ResourceGroup::is_timer));
}

#[test]
fn an_earlier_moment_knows_nothing_of_what_came_later() {
    let recording = faulty().recording(10, Some(HOOKS));
    let early = shown(&recording, Some(3 * S));
    assert_eq!((early.at_s, early.length_s, early.updates), (3.0, 10.0, 1));
    assert_eq!(site(&early, "src/app.rs:60").polls, 0);
    let mutex = early.resources.iter().find(|group| group.concrete_type == "Mutex").unwrap();
    assert!((mutex.waited_s - 4.0).abs() < 1e-9, "{mutex:?}");
    assert_eq!(shown(&recording, Some(99 * S)).at_s, 10.0);
    assert_eq!(shown(&recording, Some(0)).tasks, 0);
}

#[test]
fn every_fault_is_observed_and_nothing_else() {
    let view = shown(&faulty().recording(10, Some(HOOKS)), None);
    let said: Vec<String> = view.observations.iter().map(|o| format!("{:?} {}: {}", o.rule, o.place, o.says)).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    LostWaker src/app.rs:20:9: 1 task is idle with no waker left, for up to 9.0 s: nobody can ever wake it; look for a poll that returns Pending without keeping the waker
    NeverYields src/app.rs:70:9: 1 task is in one poll for up to 9.0 s: the worker runs nothing else; move the work to spawn_blocking, or yield in its loop
    StarvedSemaphore src/app.rs:51:9: Semaphore without a permit to give: 1 waiting, the longest for 9.0 s (waits: 1, 9.0 s in sum); who holds it is unknown: the protocol does not tell
    ContendedResource src/app.rs:31:9: Mutex was waited for 2 times by 2 tasks, by at least one during 10.0 s of 10.0 s, 9.000 s at the longest, 1 waiting at the end; during at least 94 % of that nobody who asked for it was being polled: it is held across an await; let it go before, or hold less; who holds it is unknown: the protocol does not tell
    SelfWakes src/app.rs:60:9: 1 task woke itself by up to 95 % of all wake-ups: a loop that polls instead of waiting (only wakes by reference are seen: a loop of yield_now would not be)
    ManyIdle src/parked.rs:5:9: 50 tasks of one site wait, the longest for 10.0 s: a pool, or tasks that nobody will ever wake or end
    ");
}

/// Four permits, held 100 ms each without running; `arrivals` are the seconds at which tasks ask, each served in turn.
fn limiter(arrivals: &[f64], name: &str) -> View {
    let mut tape = Tape::default();
    tape.resource(900, name, 70, None, &[("permits", 0)]);
    let ns = |s: f64| (s * S as f64) as i64;
    for (at, asked) in (1_u64..).zip(arrivals) {
        tape.task(at, "src/app.rs", 71, "task");
        tape.stats(polled(at, 3, 1, 1, Some(1)));
        let served = asked.max((at - 1) as f64 / 40.0);
        let ended = (served < 10.0).then(|| ns(served));
        tape.op_ns(at, "Semaphore::acquire", 900, at, (ns(*asked), ended), None);
    }
    tape.tick(10);
    let spawned = arrivals.len() as u64;
    shown(&tape.recording(10, Some(HookCounts { spawned, finished: 0, alive: spawned })), None)
}

#[test]
fn a_limiter_at_work_is_healthy_however_long_its_queue() {
    // Forty a second are served. Forty a second come, after fifty that came at once: everybody waits for 1.25 s.
    let steady: Vec<f64> = (0..450_i32).map(|n| f64::from((n - 50).max(0)) / 40.0).collect();
    let view = limiter(&steady, "Semaphore");
    let group = &view.resources[0];
    assert!(group.waited_s > 400.0 && group.waiting_s() > 1.0 && group.waiting() > 40, "{group:?}");
    let blamed: Vec<_> = view.observations.iter().filter(|one| one.rule != Rule::ManyIdle).collect();
    assert!(blamed.is_empty(), "{blamed:?}");
    // The same waits for something that only one can have: nobody ran meanwhile.
    let locked = limiter(&steady, "Mutex");
    let said = locked.observations.iter().find(|one| one.rule == Rule::ContendedResource).unwrap();
    assert!(said.says.contains("held across an await"), "{said:?}");
}

#[test]
fn a_limiter_that_falls_behind_is_told() {
    let flood: Vec<f64> = (0..1000_i32).map(|n| f64::from(n) / 100.0).collect();
    let view = limiter(&flood, "Semaphore");
    let said = view.observations.iter().find(|one| one.rule == Rule::GrowingQueue).unwrap();
    insta::assert_snapshot!(said.says, @"600 wait for a permit of a Semaphore, on average 100.0 at first and 500.0 at last: more asks for permits than they let through; a longer queue only makes everybody late, so shed, slow down, or give more permits");
}

#[test]
fn a_waker_lost_a_moment_ago_is_not_called_lost() {
    let mut tape = Tape::default();
    tape.task(2, "a.rs", 1, "task");
    tape.stats(crate::run::console::TaskStats { clones: 1, drops: 1, ..polled(2, 3, 1, 1, Some(1)) });
    tape.tick(1);
    let hooks = Some(HookCounts { spawned: 1, finished: 0, alive: 1 });
    assert!(shown(&tape.recording(1, hooks), None).observations.is_empty(), "only one observation so far");
}

#[test]
fn counts_that_disagree_leave_no_conclusion() {
    let hooks = HookCounts { spawned: 500, finished: 444, alive: 56 };
    let view = shown(&faulty().recording(10, Some(hooks)), None);
    assert!(view.observations.is_empty() && !view.agreement.trusted());
    insta::assert_snapshot!(view.agreement.sentence(), @"Cannot tell: the recording saw 57 tasks, the hooks 500, and only 342 can be explained by those in flight; the stream lost some, so that no conclusion is drawn from it.");
    assert!(!view.sites.is_empty(), "what was recorded is still shown");
    let few = HookCounts { spawned: 59, finished: 3, alive: 56 };
    assert!(shown(&faulty().recording(10, Some(few)), None).agreement.trusted());
    let unknown = shown(&faulty().recording(10, None), None);
    insta::assert_snapshot!(unknown.agreement.sentence(), @"Cannot tell: the process left no count of its hooks, so that nobody knows what the recording missed; no conclusion is drawn from it.");
}

#[test]
fn dropped_events_leave_no_conclusion() {
    let mut tape = faulty();
    tape.line(Line::Update(Box::new(Update { at: 10 * S, now: 10, dropped_tasks: 3, ..Update::default() })));
    let view = shown(&tape.recording(10, Some(HOOKS)), None);
    assert_eq!(view.agreement, Agreement::Dropped { events: 3 });
    assert!(view.observations.is_empty());
}

#[test]
fn gaps_and_ends_are_told() {
    let mut tape = faulty();
    tape.line(Line::Gap(Gap { at: 10 * S, because: "reset".into() }));
    let view = shown(&tape.recording(10, Some(HOOKS)), None);
    insta::assert_snapshot!(view.doubts.join("\n"), @"the stream broke off and was taken up again 10.0 s after the begin (reset): tasks that lived only meanwhile are missing");
}

#[test]
fn histograms_are_merged_over_tasks_and_outliers_are_the_longest() {
    let raw = |values: &[u64]| {
        use base64::Engine as _;
        let mut histogram = hdrhistogram::Histogram::<u64>::new_with_max(S, 2).unwrap();
        values.iter().for_each(|value| histogram.record(*value).unwrap());
        let mut bytes = Vec::new();
        use hdrhistogram::serialization::{Serializer, V2Serializer};
        V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let durations = |raw: String, highest| Durations { raw, max: S, outliers: 0, highest, legacy: false };
    let mut tape = faulty();
    for (task, polls) in [
        (3, durations(raw(&[1_000_000; 99]), None)),
        (4, durations(raw(&[50_000_000, S]), Some(3 * S))),
        (6, durations("not base64".into(), None)),
    ] {
        tape.line(Line::Details(Box::new(Details { at: 10 * S, now: 10, task, polls: Some(polls), scheduled: None })));
    }
    let view = shown(&tape.recording(10, Some(HOOKS)), None);
    let spread = site(&view, "src/app.rs:30").poll_times.unwrap();
    assert_eq!((spread.count, spread.tasks), (101, 2));
    assert!((spread.p50_s / 0.001 - 1.0).abs() < 0.02 && spread.max_s == 3.0, "{spread:?}");
    assert!(site(&view, "src/app.rs:60").poll_times.is_none());
}

#[test]
fn parents_that_go_round_end() {
    let mut tape = Tape::default();
    tape.resource(1, "A", 1, Some(2), &[]);
    tape.resource(2, "B", 2, Some(1), &[]);
    tape.op(1, "wait", 1, 9, (0, None), Some(1));
    tape.tick(1);
    let _ = shown(&tape.recording(1, None), None);
}
