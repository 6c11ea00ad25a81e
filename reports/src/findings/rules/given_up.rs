//! Operations that are never answered, of a process that nobody drove: its clients gave up after the same time, or nobody is
//! left who could wake those who serve them.

use crate::findings::cause::{Answer, Cause, innermost, time};
use crate::findings::joined::Joined;
use crate::run::{Trace, TraceCause, TraceSite, TraceSpan, TraceStep, TraceTask, TraceWait};

use super::never_answered::SLUG;

/// Nobody gives up sooner, seconds.
const LEAST_S: f64 = 1.0;
/// Clients that must have given up, or tasks that nobody can wake.
const FEWEST: usize = 2;
/// Who has a timeout gives up after the same time, but for this part of it.
const SAME: f64 = 0.05;
/// A wait of this part of it is of an operation that was given up.
const OF_TIMEOUT: f64 = 0.9;
/// What waits for something within the program can be for.
const WITHIN: &[TraceCause] =
    &[TraceCause::Lock, TraceCause::Channel, TraceCause::Notify, TraceCause::Join, TraceCause::Other];
/// How a span says that the network ended it.
const NETWORK: &str = "network";

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(trace) = joined.trace else { return Answer::Blind("trace") };
    let serving = || trace.tasks.iter().filter(|task| joined.serves(&task.kind));
    let silent: Vec<(f64, &TraceSite)> = serving().filter_map(silent).collect();
    let timeout = timeout(&silent.iter().map(|(length, _)| *length).collect::<Vec<f64>>());
    let forgotten: Vec<&TraceSite> = serving().filter_map(forgotten).collect();
    let (site, seen) = match (timeout, forgotten.as_slice()) {
        (Some((timeout, count)), _) => {
            let before = silent.iter().find(|(length, _)| is_about(*length, timeout)).map(|(_, site)| *site);
            let seen = format!(
                "{count} connections went on from a wait within the program and answered nothing more, until the other side \
                 gave up after {}",
                time(timeout)
            );
            (stuck(joined, trace, timeout).or(before), seen)
        }
        (None, [first, ..]) if forgotten.len() >= FEWEST => {
            (Some(*first), format!("{} tasks that serve wait, and nobody holds a waker of them", forgotten.len()))
        }
        _ => {
            return Answer::RuledOut(
                "no client was seen to give up after the same time as another, and no task that serves was forgotten"
                    .into(),
            );
        }
    };
    let culprit = site.and_then(innermost);
    let place = culprit.as_ref().map(|culprit| format!(": they wait in {}", culprit.function)).unwrap_or_default();
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("some operations are never answered{place}"),
        share: 1.0,
        culprit,
        evidence: vec![seen],
        refuted_by: "the same operations would be answered if clients had more patience".into(),
        next: format!("workbench show {} --tasks", joined.run),
        proof: "trace",
        depth: 7,
        foremost: true,
    }])
}

/// How long a connection was silent until the other side closed it, and what it had waited for last within an operation.
fn silent(task: &TraceTask) -> Option<(f64, &TraceSite)> {
    let is_wait = |span: &&TraceSpan| span.step == TraceStep::Waited;
    let mut waits = task.spans.iter().rev().filter(is_wait);
    let last = waits.next().filter(|span| task.ended && span.length_s >= LEAST_S)?;
    let by_network = last.by.as_ref().is_some_and(|by| by.starts_with(NETWORK));
    let (silence, before) = (last.site.as_ref()?, waits.find_map(|span| span.site.as_ref())?);
    let within = before.cause != TraceCause::Socket && before.own.len() > silence.own.len();
    (by_network && within).then_some((last.length_s, before))
}

/// The time after which several gave up, and how many did.
fn timeout(lengths: &[f64]) -> Option<(f64, usize)> {
    let alike = |one: f64| lengths.iter().filter(|other| is_about(**other, one)).count();
    let most = lengths.iter().map(|one| (*one, alike(*one))).max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count >= FEWEST)
}

fn is_about(one: f64, other: f64) -> bool {
    (one - other).abs() <= SAME * other
}

/// The place within the program where waits lasted until the other side gave up.
fn stuck<'a>(joined: &Joined<'_>, trace: &'a Trace, timeout: f64) -> Option<&'a TraceSite> {
    let inside = |wait: &&TraceWait| {
        let within = wait.site.as_ref().is_some_and(|site| WITHIN.contains(&site.cause) && !site.own.is_empty());
        within && wait.longest_s >= OF_TIMEOUT * timeout && joined.serves(&wait.kind)
    };
    trace.waits.iter().filter(inside).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?.site.as_ref()
}

/// Where a task waits whom nobody can wake any more.
fn forgotten(task: &TraceTask) -> Option<&TraceSite> {
    let for_ever = task.wakers_held == Some(0) && task.idle_now_s.is_some_and(|idle| idle >= LEAST_S) && !task.ended;
    task.waits_at.as_ref().filter(|site| for_ever && WITHIN.contains(&site.cause) && !site.own.is_empty())
}
