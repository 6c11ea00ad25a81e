//! Operations that nobody answers: a wake-up that was lost, a circle of waiting tasks, a reply that was dropped.

use std::fmt::Write as _;

use crate::findings::cause::{Answer, Cause, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, losing};
use crate::run::{Trace, TraceCause, TraceSite, TraceSpan, TraceStep, TraceTask, TraceWait};

use super::dropped;
use super::given_up;
use super::hanging;
use super::latency_pinned::belongs_to_operations;
use super::let_go;
use super::put_off::puts_off;
use super::standing::{self, Stuck};

pub(in crate::findings) const SLUG: &str = "never-answered";
/// Part of the operations that must be missing, and how many at least.
const LEAST: f64 = 0.001;
const LEAST_COUNT: u64 = 2;
/// Waits of this part of the timeout are of operations that were given up.
pub(super) const OF_TIMEOUT: f64 = 0.8;
/// Who gives up does so after the timeout, and no later than this part of it.
const GIVEN_UP: f64 = 1.1;
/// A connection whose silence lasts to the end of the recording, seconds, was closed because that ended.
const END_S: f64 = 0.2;
/// Connections that must have fallen silent after the same wait.
const SILENT: usize = 2;
/// Waits for each operation from which a task waits there between operations.
const BETWEEN: f64 = 0.5;

/// Who also watches its connection while it waits is seen at the socket when what it waits for told nobody where to wake it:
/// the place that tasks of its type otherwise wait in, where there is one only.
fn beside_a_connection<'a>(joined: &Joined<'a>) -> Option<&'a TraceSite> {
    let trace = joined.trace?;
    let waits = || trace.waits.iter().filter(|wait| joined.serves(&wait.kind));
    let stuck = waits().find(|wait| {
        let at_socket = |site: &TraceSite| site.cause == TraceCause::Socket && site.beside_others;
        wait.longest_s >= OF_TIMEOUT * joined.timeout_s && wait.site.as_ref().is_some_and(at_socket)
    })?;
    let within = |site: &&TraceSite| {
        let own = !site.own.is_empty() && !site.beside_others;
        own && !matches!(site.cause, TraceCause::Socket | TraceCause::Timer | TraceCause::Yield)
    };
    let mut usual = waits().filter(|wait| wait.kind == stuck.kind).filter_map(|wait| wait.site.as_ref()).filter(within);
    usual.next().filter(|_| usual.next().is_none())
}

/// The longest wait of tasks that serve for something within the program, where one lasted until the client gave up.
fn waits_too_long<'a>(joined: &Joined<'_>, trace: &'a Trace) -> Option<&'a TraceWait> {
    let inside = |wait: &&TraceWait| {
        let cause = wait.site.as_ref().map(|site| site.cause);
        let within = [TraceCause::Lock, TraceCause::Channel, TraceCause::Notify, TraceCause::Join, TraceCause::Other];
        wait.longest_s >= OF_TIMEOUT * joined.timeout_s && cause.is_some_and(|cause| within.contains(&cause))
    };
    let waits = trace.waits.iter().chain(trace.saturated.iter().flat_map(|phase| &phase.waits));
    let waits = waits.filter(inside).filter(|wait| joined.serves(&wait.kind));
    // A library's task that waits for the next thing to do may do so for longer.
    let of_the_program = |wait: &TraceWait| wait.site.as_ref().is_some_and(|site| !site.own.is_empty());
    waits.max_by(|a, b| of_the_program(a).cmp(&of_the_program(b)).then(a.longest_s.total_cmp(&b.longest_s)))
}

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let failed = joined.failed;
    let missing = failed.timeouts + failed.unanswered;
    #[allow(clippy::cast_precision_loss, reason = "operations of a run")]
    let part = missing as f64 / failed.scheduled.max(1) as f64;
    if joined.attached {
        return match standing::in_locks(joined) {
            Some(stuck) => Answer::Found(vec![of_threads(joined, stuck, None)]),
            None => hanging::look(joined, None).unwrap_or_else(|| given_up::look(joined)),
        };
    }
    if failed.scheduled == 0 {
        return Answer::Blind("latency");
    }
    // One alone may be anything, unless another was seen to wait as long within the program.
    let is_seen = || joined.trace.is_some_and(|trace| waits_too_long(joined, trace).is_some());
    if missing == 0 || part < LEAST || missing < LEAST_COUNT && !is_seen() {
        return Answer::RuledOut(format!("{missing} of {} operations were not answered in time", failed.scheduled));
    }
    if let Some(capacity) = behind_others(joined) {
        return Answer::RuledOut(format!(
            "{missing} of {} operations were not answered in time, behind others: {:.0} a second were asked for, and it can do \
             {capacity:.0}; clients that wait for one answer before they ask again got all of them",
            failed.scheduled, joined.rate
        ));
    }
    // Whatever tasks wait for, a lock that no thread lets go comes before it.
    let of_threads = |stuck| Answer::Found(vec![of_threads(joined, stuck, Some((missing, part)))]);
    if let Some(stuck) = standing::in_locks(joined) {
        return of_threads(stuck);
    }
    if let Some(answer) = hanging::look(joined, Some((missing, part))) {
        return answer;
    }
    let elsewhere = || standing::behind_holders(joined).or_else(|| standing::in_calls(joined, part));
    let Some(trace) = joined.trace else {
        return elsewhere().map_or_else(|| let_go::look(joined, missing, part), of_threads);
    };
    let stuck = waits_too_long(joined, trace);
    let idle =
        trace.tasks.iter().filter(|task| task.idle_now_s.is_some_and(|idle| idle >= OF_TIMEOUT * joined.timeout_s));
    let idle = idle.filter(|task| joined.serves(&task.kind)).find(|task| {
        task.waits_at.as_ref().is_some_and(|site| !matches!(site.cause, TraceCause::Socket | TraceCause::Timer))
    });
    let site = stuck.and_then(|wait| wait.site.as_ref()).or_else(|| idle.and_then(|task| task.waits_at.as_ref()));
    let silent = if site.is_none() { before_silence(joined) } else { None };
    let mut evidence = vec![not_answered(joined, missing, part)];
    if let Some(wait) = stuck {
        evidence.push(format!(
            "tasks of {} waited up to {} there, and nothing within the program ended that",
            wait.kind,
            time(wait.longest_s)
        ));
    }
    if let Some((site, count)) = silent {
        evidence.push(format!(
            "{count} connections went on from a wait there and then left nobody who would wake them, until the other side gave up: {}",
            if site.resource.is_empty() { "a future of the program's own" } else { &site.resource }
        ));
    }
    let site = site.or(silent.map(|(site, _)| site)).or_else(|| beside_a_connection(joined));
    if let Some(stuck) = if site.is_none() { elsewhere() } else { None } {
        return of_threads(stuck);
    }
    if site.is_none() {
        return Answer::RuledOut(format!(
            "{missing} operations were not answered in time, but nothing within the program was seen to wait so long"
        ));
    }
    let waits_in = site.and_then(innermost);
    let mut place = waits_in.as_ref().map(|at| format!(": they wait in {}", at.function)).unwrap_or_default();
    // Whoever has to answer may be seen to lose what it is to answer.
    let waiting = site.zip(stuck.map(|wait| &wait.kind).or(idle.map(|task| &task.kind)));
    let dropped = waiting
        .filter(|(site, _)| site.cause == TraceCause::Channel)
        .and_then(|(site, kind)| dropped::half_way(joined, kind).or_else(|| dropped::given_up(joined, site)));
    let (mut culprit, waited_in) = (waits_in.clone(), waits_in);
    let for_end = waiting.filter(|(site, _)| site.cause == TraceCause::Join);
    if let Some((at, count)) = for_end.and_then(|_| where_spawned_ones_wait(joined)) {
        let _ = write!(place, " for the end of tasks which wait in {}", at.function);
        evidence.push(format!(
            "{count} tasks that were spawned for operations wait at {}, and nobody woke them",
            at.sentence()
        ));
        culprit = Some(at);
    }
    if let Some(dropped) = dropped {
        let _ = write!(place, ", and what is to answer them is dropped in {}", dropped.culprit.function);
        evidence.push(dropped.sentence);
        culprit = Some(dropped.culprit);
    }
    let lost = waiting.and_then(|(site, _)| losing::who_lost_it(joined, &site.own)).or_else(|| puts_off(joined));
    if let Some((at, told)) = lost.filter(|_| culprit == waited_in) {
        evidence.push(told);
        culprit = Some(at);
    }
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{} of the operations are never answered{place}", percent(part)),
        share: 1.0,
        culprit,
        evidence,
        refuted_by: "the same operations would be answered with a longer timeout".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 7,
        foremost: part >= LEAST,
    }])
}

/// What it can do a second, where more was asked for, and clients that ask one after the other were all answered.
fn behind_others(joined: &Joined<'_>) -> Option<f64> {
    let capacity = joined.metric("capacity").filter(|capacity| *capacity > 0.0 && *capacity < joined.rate)?;
    let all = !joined.levels.is_empty() && joined.levels.iter().all(|level| level.answered > 0 && level.failed == 0);
    all.then_some(capacity)
}

/// Where most of the tasks wait that operations spawned and that did not end though it is long since they went on, and how many
/// do.
fn where_spawned_ones_wait(joined: &Joined<'_>) -> Option<(Culprit, u64)> {
    let trace = joined.trace?;
    let left = trace.tasks.iter().filter(|task| !task.ended && belongs_to_operations(joined, &task.kind));
    let long = left.filter(|task| task.idle_now_s.is_some_and(|idle| idle >= END_S));
    let mut found: Vec<(&TraceSite, u64)> = Vec::new();
    for site in long.filter_map(|task| task.waits_at.as_ref()) {
        let inside = !matches!(site.cause, TraceCause::Socket | TraceCause::Timer | TraceCause::Join);
        match found.iter_mut().find(|(known, _)| known.looks_like(site)) {
            Some((_, count)) => *count += 1,
            None if inside => found.push((site, 1)),
            None => {}
        }
    }
    let (site, count) = found.into_iter().max_by_key(|(_, count)| *count)?;
    Some((innermost(site)?, count))
}

pub(super) fn not_answered(joined: &Joined<'_>, missing: u64, part: f64) -> String {
    let (scheduled, timeout) = (joined.failed.scheduled, time(joined.timeout_s));
    format!("{missing} of {scheduled} operations ({}) were not answered within {timeout}", percent(part))
}

/// Threads that stand still are why; `missing` is how many operations were not answered, where they were counted, and their part.
fn of_threads(joined: &Joined<'_>, stuck: Stuck, missing: Option<(u64, f64)>) -> Cause {
    let Stuck { culprit, place, mut evidence } = stuck;
    evidence.splice(0..0, missing.map(|(missing, part)| not_answered(joined, missing, part)));
    let title = match missing {
        Some((_, part)) => format!("{} of the operations are never answered: threads {place}", percent(part)),
        None => format!("some operations are never answered: threads {place}"),
    };
    Cause {
        rule: SLUG,
        title,
        share: 1.0,
        culprit: Some(culprit),
        evidence,
        refuted_by: "a later look would find those threads elsewhere".into(),
        next: joined.again("wait,trace"),
        proof: "wait",
        depth: 7,
        foremost: true,
    }
}

/// What connections waited for last before they fell silent until the other side gave up, and how many did. A future that
/// leaves no waker behind is not seen to be waited for: what is seen is the wait before it.
fn before_silence<'a>(joined: &Joined<'a>) -> Option<(&'a TraceSite, usize)> {
    let trace = joined.trace?;
    let tasks = trace.tasks.iter().filter(|task| joined.serves(&task.kind));
    let mut found: Vec<(&TraceSite, usize)> = Vec::new();
    for site in tasks.filter_map(|task| silent_after(joined, task)) {
        match found.iter_mut().find(|(known, _)| known.looks_like(site)) {
            Some((_, count)) => *count += 1,
            None => found.push((site, 1)),
        }
    }
    found.into_iter().filter(|(_, count)| *count >= SILENT).max_by_key(|(_, count)| *count)
}

/// The wait within the program from which a task went on, to answer nothing until the other side gave up.
fn silent_after<'a>(joined: &Joined<'a>, task: &'a TraceTask) -> Option<&'a TraceSite> {
    let trace = joined.trace?;
    let lengths = OF_TIMEOUT * joined.timeout_s..GIVEN_UP * joined.timeout_s;
    let is_silence = |span: &TraceSpan| {
        span.step == TraceStep::Waited
            && lengths.contains(&span.length_s)
            && span.at_s + span.length_s < trace.head.wall_s - END_S
            && span.site.as_ref().is_some_and(|site| is_between_operations(joined, &task.kind, site))
    };
    let at = task.spans.iter().position(is_silence)?;
    let silence = task.spans[at].site.as_ref()?;
    let before = task.spans[..at].iter().rev().filter(|span| span.step == TraceStep::Waited);
    let last = before.filter_map(|span| span.site.as_ref()).next()?;
    // It was within an operation, and deeper than where the connection waits for the next one.
    (last.cause != TraceCause::Socket && last.own.len() > silence.own.len()).then_some(last)
}

/// Whether tasks of that type wait there for what is asked next.
fn is_between_operations(joined: &Joined<'_>, kind: &str, site: &TraceSite) -> bool {
    let Some((trace, operations)) = joined.trace.zip(joined.traced_operations()) else { return false };
    let here = |wait: &&TraceWait| wait.kind == kind && wait.is_at(site);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = trace.waits.iter().filter(here).map(|wait| wait.count).sum::<u64>() as f64;
    site.cause == TraceCause::Socket && count >= BETWEEN * operations
}
