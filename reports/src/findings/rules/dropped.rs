//! Who answers took what it is to answer, waited, and was dropped at that wait, as `select!` and a timeout do to the future that
//! loses: nobody has it any more.

use crate::findings::Culprit;
use crate::findings::cause::at;
use crate::findings::guilty::same;
use crate::findings::joined::Joined;
use crate::run::{Trace, TraceCause, TraceFrame, TraceSite};

/// A future that is dropped before it is done.
pub(super) struct HalfWay {
    /// Who waits for it and for something else at the same time.
    pub(super) culprit: Culprit,
    pub(super) sentence: String,
}

/// The first such future of tasks of another type than those that wait for an answer, `waiter`.
pub(super) fn half_way(joined: &Joined<'_>, waiter: &str) -> Option<HalfWay> {
    let trace = joined.trace?;
    let waits = trace.waits.iter().chain(trace.saturated.iter().flat_map(|phase| &phase.waits));
    let sites: Vec<(&str, &TraceSite)> = waits
        .filter(|wait| wait.kind != waiter)
        .filter_map(|wait| Some((wait.kind.as_str(), wait.site.as_ref().filter(|site| !site.own.is_empty())?)))
        .collect();
    sites.iter().filter(|(_, site)| site.cause == TraceCause::Channel).find_map(|(kind, taken)| {
        let (takes, callers) = taken.own.split_first()?;
        let alike = || sites.iter().filter(|(other, _)| other == kind).map(|(_, site)| *site);
        // It goes on to wait for something else in what it calls, and has what it took meanwhile.
        let goes_on = alike().find(|site| site.own.iter().skip(1).any(|frame| same(frame, takes)))?;
        // Who called it waits for something else beside it.
        let chooses = |site: &&TraceSite| site.beside_others && site.cause != TraceCause::Channel;
        let chooser = callers.iter().find(|caller| alike().filter(chooses).any(|site| same_function(site, caller)))?;
        let line = own_line(trace, chooser, takes);
        Some(HalfWay {
            sentence: format!(
                "tasks of {kind} take something from a channel in {}, then wait in {} while {} waits for something else as \
                 well, and drops both with what was taken where that comes first",
                takes.function,
                goes_on.own.first().map(|frame| frame.function.as_str()).unwrap_or_default(),
                chooser.function
            ),
            culprit: at(line),
        })
    })
}

/// The only place where operations gave up what they had begun because a timeout came first, while others wait for what `waits` says:
/// nobody does any more what was dropped.
pub(super) fn given_up(joined: &Joined<'_>, waits: &TraceSite) -> Option<HalfWay> {
    let trace = joined.trace?;
    let rows = || {
        let waits = trace.waits.iter().chain(trace.saturated.iter().flat_map(|phase| &phase.waits));
        waits.filter(|wait| joined.serves(&wait.kind)).filter_map(|wait| Some((wait, wait.site.as_ref()?)))
    };
    // Who waits under a timeout of its own is given up itself.
    let apart =
        |own: &[TraceFrame]| own.first().is_some_and(|gives_up| !waits.own.iter().any(|frame| same(frame, gives_up)));
    let timed_out =
        rows().filter(|(_, site)| site.cause == TraceCause::Timer && site.beside_others && apart(&site.own));
    // What it had begun waits for something else.
    let had_begun = |site: &TraceSite| {
        rows().any(|(_, other)| {
            let deeper = other.own.len() > site.own.len() && other.cause != TraceCause::Timer;
            deeper && other.own.iter().any(|frame| site.own.first().is_some_and(|first| same(frame, first)))
        })
    };
    let mut found: Vec<(&TraceSite, u64)> = Vec::new();
    for (wait, site) in timed_out.filter(|(_, site)| had_begun(site)) {
        match found.iter_mut().find(|(known, _)| known.own.first() == site.own.first()) {
            Some((_, count)) => *count += wait.count,
            None => found.push((site, wait.count)),
        }
    }
    let [(site, count)] = found.as_slice() else { return None };
    let culprit = at(site.own.first()?);
    let sentence = format!(
        "{count} times the timeout at {} came first, and what it had begun was dropped half way; nothing else that operations do is",
        culprit.sentence()
    );
    Some(HalfWay { culprit, sentence })
}

fn same_function(site: &TraceSite, caller: &TraceFrame) -> bool {
    site.own.first().is_some_and(|first| first.function == caller.function)
}

/// The frame of that function in the file of what it calls: a macro may lie in somebody else's.
fn own_line<'t>(trace: &'t Trace, of: &'t TraceFrame, called: &TraceFrame) -> &'t TraceFrame {
    let mut frames = trace.own_frames().filter(|frame| frame.function == of.function && frame.line > 0);
    if of.file == called.file { of } else { frames.find(|frame| frame.file == called.file).unwrap_or(of) }
}
