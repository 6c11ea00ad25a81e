//! The functions of the program around a culprit: what it called, and who called it.

use super::Culprit;
use super::cause::{Cause, at};
use super::guilty::same;
use super::joined::Joined;
use crate::run::{Trace, TraceCase, TraceFrame, TracePolls, TraceSite, TraceStep, TraceWait};

/// The stack with most of the time that goes through a culprit, innermost first; of those through its very line, where there
/// are any. Empty where none does.
pub(super) fn around(joined: &Joined<'_>, cause: &Cause) -> Vec<Culprit> {
    cause.culprit.as_ref().map(|culprit| through(joined, culprit)).unwrap_or_default()
}

/// The same of a place.
pub(super) fn through(joined: &Joined<'_>, culprit: &Culprit) -> Vec<Culprit> {
    let frame = TraceFrame { function: culprit.function.clone(), file: culprit.file.clone(), line: culprit.line };
    let through = stacks(joined).into_iter().filter_map(|(own, seconds)| {
        let found = own.iter().filter(|one| same(one, &frame)).map(|one| one.line == frame.line).max()?;
        Some((found, seconds, own))
    });
    let most = through.max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    most.map(|(.., own)| own.iter().map(at).collect()).unwrap_or_default()
}

/// All stacks of the evidence, with the time they stand for.
fn stacks<'a>(joined: &Joined<'a>) -> Vec<(&'a [TraceFrame], f64)> {
    let mut all: Vec<(&[TraceFrame], f64)> = Vec::new();
    if let Some(trace) = joined.trace {
        of_trace(trace, &mut all);
    }
    all.extend(joined.threads.into_iter().flat_map(|threads| &threads.kept).flat_map(of_polls));
    all.extend(joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).map(|row| (row.path.as_slice(), row.total_s)));
    all.retain(|(own, _)| !own.is_empty());
    all
}

fn of_trace<'a>(trace: &'a Trace, all: &mut Vec<(&'a [TraceFrame], f64)>) {
    let saturated = trace.saturated.as_deref();
    let waits = trace.waits.iter().chain(saturated.into_iter().flat_map(|phase| &phase.waits));
    all.extend(waits.filter_map(|wait: &TraceWait| Some((own(wait.site.as_ref()?), wait.total_s))));
    let polls = trace.polls.iter().chain(saturated.into_iter().flat_map(|phase| &phase.polls));
    all.extend(polls.flat_map(of_polls));
    let cases = trace.cases.iter().chain(saturated.into_iter().flat_map(|phase| &phase.cases));
    for case in cases {
        let links = case.links.iter().filter(|link| link.step == TraceStep::Waited);
        all.extend(links.filter_map(|link| Some((own(link.site.as_ref()?), link.length_s))));
        all.extend(end(case));
    }
    let spawned = trace.kinds.iter().filter_map(|kind| kind.spawned_at.as_ref());
    all.extend(spawned.map(|site| (own(site), 0.0)));
    let asleep = trace.tasks.iter().filter_map(|task| task.waits_at.as_ref());
    all.extend(asleep.map(|site| (own(site), 0.0)));
}

fn of_polls(row: &TracePolls) -> impl Iterator<Item = (&[TraceFrame], f64)> {
    let itself = row.site.iter().map(|site| (own(site), row.total_s));
    itself.chain(row.holders.iter().map(|holder| (own(&holder.site), holder.total_s)))
}

fn end(case: &TraceCase) -> Option<(&[TraceFrame], f64)> {
    Some((own(case.end.site.as_ref()?), case.length_s))
}

fn own(site: &TraceSite) -> &[TraceFrame] {
    &site.own
}
