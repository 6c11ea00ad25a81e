//! Something that runs seldom, and while it does operations are late: in a profile of the whole run it is a few per cent,
//! in the windows in which operations were late it is most of what ran.

use crate::findings::cause::{Answer, Cause, at, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, Culprit, guilty};
use crate::run::{Breach, BreachRow, TraceFrame, WaitCause, WaitPlace};

use super::{own_limit, ready_not_polled};

pub(in crate::findings) const SLUG: &str = "rare-stall";
/// Kind of evidence that proves it, whichever mechanism it is.
pub(in crate::findings) const PROOF: &str = "breach";
/// Windows may be this part of the phase: who is late more often is not stalled seldom.
const MOST_TIME: f64 = 0.2;
/// A stall has this part of the samples within the windows.
const LEAST_WITHIN: f64 = 0.3;
/// It runs for this part of the windows: while it waits itself, what it waits for makes operations late.
const LEAST_FILLED: f64 = 0.3;
/// Fewest windows: one alone may be anything.
const LEAST_WINDOWS: u64 = 3;

/// One that has this part of them, and so many times as many as elsewhere, need not be in most windows, but in a few: those that ask
/// one after the other while it lasts make several windows of one stall. What runs as well while nobody is late harms who happens
/// to come then on a busy machine, and is no stall.
const MOST_WITHIN: f64 = 0.5;
const FEW_WINDOWS: u64 = 5;
const HARDLY_ELSEWHERE: u64 = 10;

/// Who calls the innermost function runs as seldom where it has no more than so many times as many samples elsewhere for each within
/// the windows, and so many more.
const AS_SELDOM: f64 = 1.5;
const BESIDES: f64 = 0.02;
/// Waits for each window from which a function is one that all operations go through.
const OFTEN: u64 = 2;
/// Part of the recording that somebody who goes round waits.
const MOST_OF_TIME: f64 = 0.5;

/// A stall begins before the window of whoever comes in its midst: what runs so many times as much of the windows as of the rest may
/// have this part of its samples in them.
const DENSER: f64 = 10.0;
const LEAST_OF_ITS: f64 = 0.4;

/// Of the operations that come while it lasts this part is late, where at least so many come: who finds it always so alone is late by
/// what itself does, and what an operation is for is no stall.
const LEAST_OF_OTHERS: f64 = 0.25;
const OTHERS: f64 = 10.0;

/// CPUs that it keeps busy on average within the windows, from which several do the same at once.
const AT_ONCE: f64 = 1.4;

/// Whether a function runs while operations are late and hardly else: most of its samples lie in the windows, which are a small part
/// of the time, and it was there in half of them or has most of their samples.
fn stalls(row: &BreachRow, breach: &Breach) -> bool {
    let few = row.windows >= FEW_WINDOWS && row.within_share >= MOST_WITHIN;
    let often = 2 * row.windows >= breach.window_count || few && HARDLY_ELSEWHERE * row.outside <= row.within;
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    let (within, outside) = (row.within as f64, row.outside as f64);
    let rest_s = breach.phase_s - breach.within_s;
    let dense = within * rest_s >= DENSER * outside * breach.within_s && within >= LEAST_OF_ITS * (within + outside);
    let fills = within * breach.period_s >= LEAST_FILLED * breach.within_s;
    (within >= outside || dense) && row.within_share >= LEAST_WITHIN && often && fills
}

/// Operations that came within the windows beside those that began one, and how many of them were late, where these are too few for
/// a stall.
#[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
fn is_alone(breach: &Breach) -> Option<(f64, u64)> {
    let came = breach.operations as f64 * breach.within_s / breach.phase_s.max(1e-9);
    let late = breach.late.saturating_sub(breach.window_count);
    (came >= OTHERS && (late as f64) < LEAST_OF_OTHERS * came).then_some((came, late))
}

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    // Whoever knows no operation knows none that was late.
    let without = if joined.attached { "latency" } else { "cpu" };
    let Some(breach) = joined.breach else { return Answer::Blind(without) };
    let rare = breach.phase_s > 0.0 && breach.within_s <= MOST_TIME * breach.phase_s;
    if breach.window_count < LEAST_WINDOWS || !rare || breach.operations == 0 {
        let (count, part) = (breach.window_count, breach.within_s / breach.phase_s.max(1e-9));
        let windows = if count == 1 { "1 window".to_owned() } else { format!("{count} windows") };
        return Answer::RuledOut(format!("operations were late in {windows}, {} of the time", percent(part)));
    }
    let row = breach.standing_out().filter(|row| stalls(row, breach)).max_by_key(|row| row.within_leaf);
    let seen = row.map(|row| decided(joined, breach, row)).or_else(|| on_another_stack(joined, breach));
    let Some((row, culprit)) = seen else {
        return Answer::RuledOut(match breach.standing_out().max_by_key(|row| row.within) {
            Some(row) => format!(
                "{} stands out while operations are late, in {} of the samples then, but it runs at other times, too, or in few \
                 of the {} windows, or waits itself for most of them",
                row.function,
                percent(row.within_share),
                breach.window_count
            ),
            None => "nothing of the program runs mainly while operations are late".into(),
        });
    };
    if let Some((came, late)) = is_alone(breach) {
        return Answer::RuledOut(format!(
            "{} runs while operations are late, within these alone: of about {came:.0} that came meanwhile {late} were late",
            row.function
        ));
    }
    // Who comes while it lasts waits half of the worst on average.
    #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
    let waited = breach.windows.iter().map(|window| window.late as f64 * window.worst_s / 2.0).sum::<f64>();
    #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
    let share = joined.part(waited / breach.operations as f64) * row.within_share;
    if share < LEAST_SHARE {
        return Answer::RuledOut(format!(
            "what runs while operations are late explains {} of the excess",
            percent(share)
        ));
    }
    let worst = breach.windows.iter().map(|window| window.worst_s).fold(0.0, f64::max);
    let seldom = percent(breach.within_s / breach.phase_s);
    let preferring = preferring(joined, row);
    let lets_all = if preferring.is_none() { lets_all(joined, breach, row) } else { None };
    let at_once = lets_all.as_ref().map(|(_, cpus)| {
        format!(
            "{cpus:.1} CPUs are in it at once then: whoever comes meanwhile does the same for itself, while one could do it for all"
        )
    });
    let first = preferring.as_ref().map(|frame| {
        format!(
            "{} takes what comes there first as long as something does, and looks at what else is ready after that, as its source says",
            at(frame).sentence()
        )
    });
    Answer::Found(vec![Cause {
        rule: if preferring.is_some() { ready_not_polled::SLUG } else { SLUG },
        title: match (&preferring, row.own) {
            _ if lets_all.is_some() => {
                format!("{} is done by several operations at once, and all are late meanwhile", row.function)
            }
            (Some(frame), _) => {
                format!(
                    "{} takes what {} is for first, and operations that are ready wait",
                    frame.function, row.function
                )
            }
            (None, true) => format!("{} runs seldom, and operations are late while it does", row.function),
            (None, false) => {
                format!("{} calls {} seldom, and operations are late meanwhile", culprit.function, row.function)
            }
        },
        share,
        evidence: vec![
            format!(
                "{} of {} operations took longer than {}, in {} windows that are {seldom} of the time; the worst {}",
                breach.late,
                breach.operations,
                time(breach.limit_s),
                breach.window_count,
                time(worst)
            ),
            format!(
                "it is in {} of the CPU samples of those windows, and in {} of the rest",
                percent(row.within_share),
                percent(row.outside_share)
            ),
        ]
        .into_iter()
        .chain(first)
        .chain(at_once)
        .collect(),
        refuted_by: match lets_all {
            Some(_) => "with one that does it while the others wait for that, or go on without, as many operations would be late",
            None => "with it switched off, or on a thread of its own, as many operations would be late",
        }
        .into(),
        next: joined.again("cpu,wait,trace"),
        proof: PROOF,
        depth: 2,
        culprit: Some(match (lets_all, &preferring) {
            (Some((lets, _)), _) => lets,
            (_, Some(frame)) => at(frame),
            _ => culprit,
        }),
        foremost: false,
    }])
}

/// Who has each of those that come meanwhile do what stalls, where several do so at once, and the CPUs that this takes: it is done where
/// something ran out, by the source, and nobody is kept from doing it again until it is there.
fn lets_all(joined: &Joined<'_>, breach: &Breach, row: &BreachRow) -> Option<(Culprit, f64)> {
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    let cpus = row.within as f64 * breach.period_s / breach.within_s.max(1e-9);
    let loops = joined.loops.filter(|_| cpus >= AT_ONCE && row.own)?;
    let decides = |stack: &CpuRow| {
        // The outermost, of one that calls itself.
        let stalls = stack.path.iter().rposition(|frame| frame.function == row.function)?;
        let caller = stack.path.get(stalls + 1)?;
        let seldom = loops.is_in_branch(&caller.file, caller.line) == Some(true);
        (seldom && is_of_operations(joined, stack, caller)).then(|| at(caller))
    };
    joined.cpu?.rows.iter().find_map(decides).map(|caller| (caller, cpus))
}

/// Whether a stack is one of those that serve operations: one job may keep several CPUs busy just as well.
fn is_of_operations(joined: &Joined<'_>, stack: &CpuRow, caller: &TraceFrame) -> bool {
    let through = |own: &[TraceFrame]| own.iter().any(|frame| guilty::same(frame, caller));
    let in_polls = joined.polls().iter().any(|row| joined.serves(&row.kind) && through(row.own()));
    let in_threads = || joined.kept().is_some_and(|(rows, _)| own_limit::serving(rows)(&stack.path));
    stack.served_s > 0.5 * stack.total_s || in_polls || joined.trace.is_none() && in_threads()
}

/// Who calls what stalls, directly or not, for what it takes before all else.
fn preferring(joined: &Joined<'_>, row: &BreachRow) -> Option<TraceFrame> {
    let loops = joined.loops?;
    let mut paths = joined.cpu?.rows.iter().map(|row| &row.path);
    let outward = paths.find_map(|path| {
        let stalls = path.iter().position(|frame| frame.function == row.function)?;
        path[stalls + 1..].iter().find(|frame| loops.prefers(&frame.file, frame.line))
    });
    outward.cloned()
}

/// Who decided that the innermost function that stalls is called just then: the first, from there outward, that is called in a branch,
/// or by whoever goes round, which waits most of the time for the next time, or in what all operations go through.
fn decided<'a>(joined: &Joined<'_>, breach: &'a Breach, innermost: &'a BreachRow) -> (&'a BreachRow, Culprit) {
    let is_row = |row: &BreachRow, frame: &TraceFrame| {
        row.function == frame.function && (row.file == frame.file || row.file.ends_with(&format!("/{}", frame.file)))
    };
    let itself = Culprit { function: innermost.function.clone(), file: innermost.file.clone(), line: innermost.line };
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| row.path.len() > 1);
    let here = rows.filter(|row| is_row(innermost, &row.path[0]));
    let Some(stack) = here.max_by(|a, b| a.total_s.total_cmp(&b.total_s)) else { return (innermost, itself) };
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    let elsewhere = |row: &BreachRow| row.outside as f64 / row.within.max(1) as f64;
    let as_seldom = AS_SELDOM * elsewhere(innermost) + BESIDES;
    let known = |frame: &TraceFrame| breach.rows.iter().find(|row| is_row(row, frame));
    let branches = |frame: &TraceFrame| joined.loops.and_then(|loops| loops.is_in_branch(&frame.file, frame.line));
    let calls_seldom = |frame: &TraceFrame| {
        let often = known(frame).is_some_and(|row| elsewhere(row) > as_seldom)
            || waits_mostly(joined, frame)
            || waits_through(joined, frame) > OFTEN * breach.window_count;
        often || branches(frame) == Some(true)
    };
    // What the compiler wrote decides on nothing.
    let path: Vec<&TraceFrame> = stack.path.iter().filter(|frame| !frame.file.contains("<autogenerated>")).collect();
    let below = path.iter().skip(1).position(|frame| calls_seldom(frame)).map(|at| path[at]);
    let outer = below.and_then(|frame| Some((known(frame)?, frame)));
    outer.map_or((innermost, at(&stack.path[0])), |(row, frame)| (row, at(frame)))
}

/// A function of Go's runtime that stalls on a stack of its own, on which nobody sees who called it; and the only function that calls
/// it, by the source.
fn on_another_stack<'a>(joined: &Joined<'_>, breach: &'a Breach) -> Option<(&'a BreachRow, Culprit)> {
    let loops = joined.loops.filter(|_| joined.build.is_some_and(|build| build.go))?;
    let sure = |row: &&BreachRow| !row.own && row.low.is_some_and(|low| low > 1.0) && stalls(row, breach);
    let mut rows: Vec<&BreachRow> = breach.rows.iter().filter(sure).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.within));
    rows.into_iter().find_map(|row| {
        // What it runs there is a literal of its own: `runtime.Stack.func1`.
        let called = row.function.split(".func").next().unwrap_or_default();
        let (file, function, line) = loops.only_caller(called)?;
        let beside = joined.cpu?.own_frames().find(|frame| frame.file == file);
        let beside = beside.map_or("main.main", |frame| frame.function.as_str());
        Some((row, loops.culprit(beside, (file, function, line))))
    })
}

/// Where threads and goroutines wait, and are not only kept from a CPU.
fn places<'a>(joined: &Joined<'a>) -> impl Iterator<Item = &'a WaitPlace> {
    let all = joined.threads.into_iter().flat_map(|threads| threads.places.iter().chain(&threads.waited));
    all.filter(|place| place.cause == WaitCause::Blocked)
}

/// How often anybody waits in a function or in what it calls.
fn waits_through(joined: &Joined<'_>, frame: &TraceFrame) -> u64 {
    let through = |own: &[TraceFrame]| own.iter().any(|one| guilty::same(one, frame));
    let tasks = joined.trace.into_iter().flat_map(|trace| &trace.waits);
    let tasks = tasks.filter(|wait| wait.site.as_ref().is_some_and(|site| through(&site.own))).map(|wait| wait.count);
    let threads = places(joined).filter(|place| through(&place.own)).map(|place| place.waits);
    tasks.sum::<u64>().max(threads.sum())
}

/// Whether tasks, threads or goroutines wait in that function itself for half of the time.
fn waits_mostly(joined: &Joined<'_>, frame: &TraceFrame) -> bool {
    let here = |own: &[TraceFrame]| own.first().is_some_and(|first| guilty::same(first, frame));
    let tasks = joined.trace.into_iter().flat_map(|trace| &trace.waits);
    let tasks = tasks.filter(|wait| wait.site.as_ref().is_some_and(|site| here(&site.own))).map(|wait| wait.total_s);
    let threads = places(joined).filter(|place| here(&place.own)).map(|place| place.total_s);
    let wall_s = joined.threads.map_or(joined.traced_s(), |threads| threads.head.wall_s);
    tasks.sum::<f64>().max(threads.sum()) >= MOST_OF_TIME * wall_s && wall_s > 0.0
}
