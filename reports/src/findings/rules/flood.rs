//! A flood of short tasks: somebody spawns many at once, or has many wake at the same time, and whatever becomes ready meanwhile is
//! polled after them, as long as no single poll is.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{Culprit, Loops};
use crate::run::{Trace, TraceCause, TraceFrame, TraceKind};

use super::ready_not_polled::{SHORT_S, SLUG};

/// Tasks from which they are many.
const MANY: u64 = 100;
/// How many of them are ready before one is polled, on average: workers that share them take a few at a time.
const AT_ONCE: f64 = 30.0;
/// Polls of each that was spawned from which it is no piece of work that is done at one go.
const POLLS: u64 = 2;
/// Part of the polls that come of a timer, where that is what they wait for.
const BY_TIMER: f64 = 0.8;
/// What makes timers that fire again and again, from an instant on that it is told (tokio).
const PERIODIC: &[&str] = &["interval_at"];

pub(super) fn of(joined: &Joined<'_>) -> Vec<Cause> {
    let Some((trace, operations)) = joined.trace.zip(joined.traced_operations()) else { return Vec::new() };
    let floods = trace.kinds.iter().filter_map(|kind| {
        let before = ready_before(kind).filter(|_| !is_of_operations(joined, kind))?;
        let (culprit, title) = spawned(kind).or_else(|| woken(joined, trace, kind))?;
        of_kind(joined, operations, kind, before, (culprit, title))
    });
    floods.collect()
}

/// Who spawns pieces of work at once, and a title.
fn spawned(kind: &TraceKind) -> Option<(Culprit, String)> {
    let is_piece = kind.spawned >= MANY && kind.polls <= POLLS * kind.spawned;
    let culprit = kind.spawned_at.as_ref().filter(|_| is_piece).and_then(innermost)?;
    let title =
        format!("{} spawns so many tasks at once that others that are ready wait behind them", culprit.function);
    Some((culprit, title))
}

/// Where many tasks wait for timers that fire together, or who says when these fire, and a title.
fn woken(joined: &Joined<'_>, trace: &Trace, kind: &TraceKind) -> Option<(Culprit, String)> {
    let ticks = trace.waits.iter().filter(|wait| wait.kind == kind.name);
    let ticks = ticks.filter_map(|wait| Some((wait.count, wait.site.as_ref()?)));
    let ticks = ticks.filter(|(_, site)| site.cause == TraceCause::Timer && !site.beside_others);
    let (count, site) = ticks.max_by_key(|(count, _)| *count)?;
    #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
    let by_timer = count as f64 >= BY_TIMER * kind.polls as f64;
    let waits = site.own.first().filter(|_| by_timer && kind.alive >= MANY)?;
    let culprit = joined.loops.and_then(|loops| loops.says_when(waits)).unwrap_or_else(|| at(waits));
    let title = format!(
        "{} tasks of {} wake at the same time, and others that are ready wait behind them",
        kind.alive, kind.name
    );
    Some((culprit, title))
}

impl Loops {
    /// The function that says when the timer of another one fires first: `interval_at(first_round(id), PERIOD)`.
    fn says_when(&self, waits: &TraceFrame) -> Option<Culprit> {
        let lines = self.lines_of_calls(&waits.file, waits.name(), PERIODIC);
        let called = |line: &u32| {
            let here = self.calls_where(|left| left.function == waits.name() && left.line == *line);
            let mut own = here.filter_map(|(_, left)| Some((left.name.as_str(), self.only_declared(&left.name)?)));
            own.next().filter(|_| own.next().is_none())
        };
        let (says, (file, line)) = lines.iter().find_map(called)?;
        Some(self.culprit(&waits.function, (file, says, line)))
    }
}

/// The cause that such tasks are, where operations wait behind them.
fn of_kind(
    joined: &Joined<'_>,
    operations: f64,
    kind: &TraceKind,
    before: f64,
    (culprit, title): (Culprit, String),
) -> Option<Cause> {
    let slowed = joined.slowed_by_tracing();
    // An operation waits for its own task, and for the slowest of those that it spawned.
    let waited = joined.trace.into_iter().flat_map(|trace| &trace.instead);
    let (mut itself, mut spawned) = (0.0, 0.0_f64);
    for row in waited.filter(|row| row.instead == kind.name && row.kind != kind.name) {
        if joined.serves(&row.kind) {
            itself += row.total_s;
        } else if joined.kind(&row.kind).is_some_and(|kind| is_of_operations(joined, kind)) {
            spawned = spawned.max(row.total_s);
        }
    }
    let share = joined.part((itself + spawned) / operations / slowed);
    #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
    let polls = kind.polls as f64;
    (share >= LEAST_SHARE).then(|| Cause {
        rule: SLUG,
        title,
        share,
        evidence: vec![
            format!(
                "tasks of {} were polled {} times, for {} each, after {} behind about {before:.0} others like them",
                kind.name,
                kind.polls,
                time(kind.busy_s / polls / slowed),
                time(kind.schedule_latency_s / polls),
            ),
            format!(
                "while what operations wait for was ready its worker polled them for {} in all: {} of the excess latency",
                time(itself + spawned),
                percent(share)
            ),
        ],
        refuted_by: "with no more of them at a time than there are workers the others would be polled as late".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 3,
        culprit: Some(culprit),
        // What runs then is what was spawned, or woken, so.
        foremost: true,
    })
}

/// How many of a type are ready before one of them is polled, where its polls are short and they come in such numbers.
#[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
fn ready_before(kind: &TraceKind) -> Option<f64> {
    let each = kind.busy_s / kind.polls.max(1) as f64;
    let before = kind.schedule_latency_s / kind.busy_s.max(1e-9);
    (!kind.blocking && kind.polls >= MANY && each <= SHORT_S && before >= AT_ONCE).then_some(before)
}

/// Whether operations spawn them: from there a task that serves them is gone through.
fn is_of_operations(joined: &Joined<'_>, kind: &TraceKind) -> bool {
    let spawned = kind.spawned_at.iter().flat_map(|site| &site.own);
    joined.serves(&kind.name) || spawned.into_iter().any(|frame| joined.serves(&frame.function))
}
