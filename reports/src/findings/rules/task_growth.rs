//! Tasks that are spawned for operations and do not end.

use crate::findings::cause::{Answer, Cause, at, innermost};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, guilty, telling};
use crate::run::{Trace, TraceCause, TraceFrame, TraceKind};

use super::{goroutine_growth, thread_growth, unbounded_growth};

pub(in crate::findings) const SLUG: &str = "task-growth";
/// Tasks that must be left over, and the part of those spawned.
const LEAST: u64 = 20;
const LEFT: f64 = 0.5;
/// Where others of the same type end, as the one of two attempts that was first: this part, if most of those that were looked
/// at have been idle for so much of the recording.
const LEFT_OF_TWO: f64 = 0.25;
const LONG_IDLE: f64 = 0.25;
/// Such tasks that must have been looked at.
const SAMPLED: usize = 5;
/// Part of the operations that were not answered while tasks were traced.
const GIVEN_UP: f64 = 0.1;
/// Polls of a task that has not slept to the end once: one, or two where something was there at once.
const POLLS_ASLEEP: u64 = 2;
/// Tasks for each client from which they are a crowd: none is for a client.
const CROWD: u64 = 100;
/// Left over for each operation.
const PER_OPERATION: f64 = 0.1;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(trace) = joined.trace else {
        let found = thread_growth::look(joined).map(|cause| Answer::Found(vec![cause]));
        return found.unwrap_or_else(|| goroutine_growth::look(joined));
    };
    let operations = joined.traced_operations();
    let mut causes = Vec::new();
    let mut open = None;
    // Of tasks that nobody polled it is not known what they are: their polls were lost, or they are in a queue.
    for kind in trace.kinds.iter().filter(|kind| !kind.blocking && kind.spawned >= LEAST && kind.polls > 0) {
        #[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
        let (left, spawned) = (kind.spawned.saturating_sub(kind.finished) as f64, kind.spawned as f64);
        let per_operation = operations.map_or(1.0, |operations| left / operations);
        let idle = are_long_idle(trace, &kind.name);
        let least = if idle { LEFT_OF_TWO } else { LEFT };
        // Where tracing makes clients give up they connect again, and whom they left works on.
        let is_left = joined.traced_missing >= GIVEN_UP && joined.serves(&kind.name) && !idle;
        if left < least * spawned || per_operation < PER_OPERATION || is_left {
            continue;
        }
        let waits = trace
            .tasks
            .iter()
            .find(|task| task.kind == kind.name && !task.ended)
            .and_then(|task| task.waits_at.as_ref());
        // Each sleeps for the first time and has not woken: they end by themselves, if later than this recording does.
        let asleep = waits.is_some_and(|site| site.cause == TraceCause::Timer && !site.beside_others);
        let asleep = asleep && kind.polls <= POLLS_ASLEEP * kind.spawned;
        let with_memory = asleep && unbounded_growth::grows(joined);
        if asleep && !with_memory {
            open = waits.and_then(innermost).map(|place| {
                format!(
                    "{} tasks of {} were spawned and {} ended: the rest sleep at {}; either they end when their time comes, or \
                     their number grows for ever",
                    kind.spawned,
                    kind.name,
                    kind.finished,
                    place.sentence()
                )
            });
            continue;
        }
        let culprit = kind
            .spawned_at
            .as_ref()
            .and_then(innermost)
            .or_else(|| waits.and_then(innermost))
            .unwrap_or_else(|| Culprit { function: kind.name.clone(), ..Culprit::default() });
        let mut evidence = vec![format!(
            "{} tasks of {} were spawned in the open loop and {} ended; {} are alive",
            kind.spawned, kind.name, kind.finished, kind.alive
        )];
        evidence.extend(waits.and_then(innermost).map(|place| format!("they wait at {}", place.sentence())));
        if with_memory {
            evidence.push(
                "each sleeps there for longer than was looked at, and the program's memory grows meanwhile".into(),
            );
        }
        if kind.forgotten > 0 {
            evidence.push(format!("nobody holds a waker of {} of them: nothing will ever end those", kind.forgotten));
        }
        let title = format!("tasks of {} are spawned by {} and do not end", kind.name, culprit.function);
        causes.push(of_growth(joined, title, culprit, evidence));
    }
    if causes.is_empty() {
        causes.extend(crowded(joined, trace));
    }
    match open.filter(|_| causes.is_empty()) {
        Some(sentence) => Answer::Open { place: None, sentence, experiment: joined.again("wait,trace --duration 60s") },
        None => Answer::of(causes, || "tasks end as fast as they are spawned".into()),
    }
}

/// So many are there of a type, none of which has ended, that those that are spawned are not even polled.
fn crowded(joined: &Joined<'_>, trace: &Trace) -> Option<Cause> {
    let tasks = || trace.kinds.iter().filter(|kind| !kind.blocking && kind.finished == 0);
    let unpolled = tasks().find(|kind| kind.polls == 0 && kind.spawned >= LEAST)?;
    #[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
    let per_operation = joined.traced_operations().map_or(1.0, |operations| unpolled.spawned as f64 / operations);
    let before = || trace.saturated.iter().flat_map(|phase| &phase.kinds);
    let ended = |name: &str| before().any(|kind| kind.name == name && kind.finished > 0);
    let kind = tasks().filter(|kind| kind.polls > 0 && !ended(&kind.name)).max_by_key(|kind| kind.alive)?;
    let crowd = CROWD * u64::from(joined.concurrency);
    // Those that nobody polled may be others, where there were as many of them from the start.
    let spawned = kind.spawned + before().filter(|one| one.name == kind.name).map(|one| one.spawned).sum::<u64>();
    if unpolled.alive < crowd && spawned < LEAST {
        return None;
    }
    // Nobody knows how many clients a process has that nobody drove.
    if crowd == 0 || per_operation < PER_OPERATION || kind.alive < crowd || joined.serves(&kind.name) {
        return None;
    }
    let waits = trace.waits.iter().filter(|wait| wait.kind == kind.name).max_by_key(|wait| wait.count);
    let waits = waits.and_then(|wait| wait.site.as_ref()).and_then(innermost);
    let known = std::iter::once(kind).chain(before().filter(|one| one.name == kind.name));
    let spawned_at = known.filter_map(|kind| kind.spawned_at.as_ref()).find_map(innermost);
    let spawned_at = spawned_at.or_else(|| spawner(joined, &kind.name, unpolled));
    let unknown = || Culprit { function: kind.name.clone(), ..Culprit::default() };
    let culprit = spawned_at.or_else(|| waits.clone()).unwrap_or_else(unknown);
    let mut evidence = vec![
        format!("{} tasks of {} were met, and none of them ended", kind.alive, kind.name),
        format!(
            "{} more were spawned in the open loop, and none of these was polled: those that are there are so many",
            unpolled.spawned
        ),
    ];
    evidence.extend(waits.map(|place| format!("they wait at {}", place.sentence())));
    Some(of_growth(joined, format!("tasks of {} do not end", kind.name), culprit, evidence))
}

/// Who spawned the many tasks of a type that were there before. Of those that nobody polled it is seen who spawned them, and not what
/// they are, connections among them: the source says in which functions the type is named.
fn spawner(joined: &Joined<'_>, kind: &str, unpolled: &TraceKind) -> Option<Culprit> {
    let site = unpolled.spawned_at.as_ref();
    let task = kind.rsplit("::").next()?;
    // A file tells of the functions that it declares alone.
    let named_in = |file: &str| joined.loops?.files.get(file)?.named_in.get(task);
    let names = |frame: &&TraceFrame| named_in(&frame.file).is_some_and(|inside| inside.contains(frame.name()));
    let known = site.and_then(innermost).is_none_or(|place| named_in(&place.file).is_some());
    let is_its = |frame: &TraceFrame| frame.name() == task || names(&frame);
    if !known || site.is_some_and(|site| site.own.iter().any(is_its)) {
        return site.and_then(innermost);
    }
    let mut seen = telling::seen(joined).filter(names);
    let Some(first) = seen.next() else { return only_spawner(joined, kind) };
    seen.all(|other| guilty::same(first, other)).then(|| at(first))
}

/// The only function of all sources that calls what a type of tasks is.
fn only_spawner(joined: &Joined<'_>, kind: &str) -> Option<Culprit> {
    let loops = joined.loops?;
    let mut calls = loops.call(kind.rsplit("::").next()?).into_iter();
    let (file, call) = calls.next().filter(|_| calls.next().is_none())?;
    Some(loops.culprit(kind, (file, &call.function, call.line)))
}

/// Tasks that become more and more.
fn of_growth(joined: &Joined<'_>, title: String, culprit: Culprit, evidence: Vec<String>) -> Cause {
    Cause {
        rule: SLUG,
        title,
        // Whatever they keep grows with them.
        share: 1.0,
        evidence,
        refuted_by: "their number would come to rest after a while".into(),
        next: joined.again("wait,trace --duration 60s"),
        proof: "trace",
        depth: 7,
        culprit: Some(culprit),
        foremost: true,
    }
}

/// Whether tasks of a type that have not ended have mostly been idle for long: who is in flight has not.
fn are_long_idle(trace: &Trace, kind: &str) -> bool {
    let wall_s = trace.head.wall_s - trace.head.since_s;
    let left: Vec<f64> =
        trace.tasks.iter().filter(|task| task.kind == kind && !task.ended).filter_map(|task| task.idle_now_s).collect();
    let long = left.iter().filter(|idle| **idle >= LONG_IDLE * wall_s).count();
    2 * long > left.len() && left.len() >= SAMPLED
}
