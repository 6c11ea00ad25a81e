//! The worst delays and waits of a recording, ranked, with their chains in words.

use flamegraphs::capture::tasks::Doing;
use flamegraphs::tasks::{Case, Chain, End, Kinds, Link, Outcome, SpanKind, StackId, Step, Who};
use reports::run::{
    TraceBeside, TraceCase, TraceCause, TraceEnd, TraceEndKind, TraceLink, TraceSite, TraceStep, TraceWhat,
};

use super::names::{self, Names};
use super::seconds;

/// Cases kept of each sort.
const MOST: usize = 12;
/// Nobody asks what less was for.
const NOTABLE_NS: u64 = 1_000_000;
/// Of one type, or of one type at one place.
const MOST_OF_ONE: usize = 2;

/// The worst delays, then the worst waits for something that another task has or does.
pub(super) fn of(outcome: &Outcome, names: &Names<'_>) -> Vec<TraceCase> {
    let task = |case: &&Case| names.what(case.kind) == Kinds::Task;
    let notable = |case: &&Case| case.length_ns() >= NOTABLE_NS && task(case);
    let delays = outcome.delays.iter().filter(notable).map(|case| plain(TraceWhat::Delay, case, names));
    let unheard = outcome.unheard.iter().filter(notable).filter_map(|case| unheard(case, names));
    let mut delays: Vec<TraceCase> = delays.chain(unheard).collect();
    delays.sort_by(|a, b| b.length_s.total_cmp(&a.length_s));
    let waits = outcome.waits.iter().flat_map(|(.., figures)| &figures.longest).filter(notable);
    let mut waits: Vec<TraceCase> = waits.map(|case| plain(TraceWhat::Wait, case, names)).collect();
    waits.sort_by(|a, b| rank(a).cmp(&rank(b)).then(b.length_s.total_cmp(&a.length_s)));
    let mut kept = some(delays.into_iter(), |case| format!("{} {}", case.title(), case.kind));
    kept.extend(some(waits.into_iter().filter(|case| rank(case) < 2), |case| {
        let place = case.links.first().and_then(|link| link.site.as_ref()).map(reports::run::TraceSite::place);
        format!("{} {}", case.kind, place.unwrap_or_default())
    }));
    kept
}

/// One in which the network or a timer had something for a task, and nobody asked; who woke it may have been a future that is no task.
fn unheard(case: &Case, names: &Names<'_>) -> Option<TraceCase> {
    let Step::Unheard { stack, .. } = case.chain.links.first()?.step else { return None };
    let of_a_driver = |site: &TraceSite| matches!(site.cause, TraceCause::Timer | TraceCause::Socket);
    // Where it was woken may not be known: what it waited for then tells.
    let waited = || match &case.spans.iter().rev().find(|span| matches!(span.kind, SpanKind::Idle { .. }))?.kind {
        SpanKind::Idle { sites, by } => names.site(sites, *by),
        _ => None,
    };
    let site = names.waker_site(stack).filter(of_a_driver).or_else(|| waited().filter(of_a_driver))?;
    let mut plain = plain(TraceWhat::Unheard, case, names);
    if let Some(first) = plain.links.first_mut() {
        first.site = Some(site);
    }
    Some(plain)
}

/// A few of each group, in their order.
fn some(cases: impl Iterator<Item = TraceCase>, group: impl Fn(&TraceCase) -> String) -> Vec<TraceCase> {
    let mut groups: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    cases
        .filter(|case| {
            let count = groups.entry(group(case)).or_default();
            *count += 1;
            *count <= MOST_OF_ONE
        })
        .take(MOST)
        .collect()
}

/// Waiting for a lock is bad; for an answer it may be; for a time, the network or work to do it is what tasks are for.
fn rank(case: &TraceCase) -> u32 {
    match case.links.first().and_then(|link| link.site.as_ref()).map(|site| site.cause) {
        Some(TraceCause::Lock) => 0,
        Some(TraceCause::Channel | TraceCause::Notify | TraceCause::Join | TraceCause::BlockingPool) => 1,
        _ => 2,
    }
}

/// Where a task may have waited, and who ended that.
pub(super) fn idle(case: &Case) -> Option<(&[StackId], Option<Who>)> {
    let waited = case.spans.iter().rev().find(|span| span.from_ns == case.from_ns)?;
    match &waited.kind {
        SpanKind::Idle { sites, by } => Some((sites, *by)),
        _ => None,
    }
}

fn plain(what: TraceWhat, case: &Case, names: &Names<'_>) -> TraceCase {
    let Chain { links, end } = &case.chain;
    let next =
        |at: usize| links.get(at + 1).map(|link| Who::Task { task: link.task, kind: link.kind, stack: link.woke });
    let outside = match end {
        End::Outside { tid, stack } => Some(Who::Outside { tid: *tid, stack: *stack }),
        _ => None,
    };
    TraceCase {
        what,
        task: case.task.0,
        kind: names.of(case.kind),
        at_s: names.moment(case.from_ns),
        length_s: seconds(case.length_ns()),
        links: links.iter().enumerate().map(|(at, one)| link(one, next(at).or(outside), names)).collect(),
        end: ending(case, end, names),
        spans: names.spans(&case.spans),
        beside: case
            .beside
            .iter()
            .map(|(task, kind, from_ns, to_ns)| TraceBeside {
                task: task.0,
                kind: names.of(*kind),
                at_s: names.moment(*from_ns),
                length_s: seconds(to_ns.saturating_sub(*from_ns)),
            })
            .collect(),
    }
}

fn link(link: &Link, by: Option<Who>, names: &Names<'_>) -> TraceLink {
    let mut plain = TraceLink {
        task: link.task.0,
        kind: names.of(link.kind),
        at_s: names.moment(link.from_ns),
        length_s: seconds(link.to_ns.saturating_sub(link.from_ns)),
        queue: link.queue,
        woke: names.waker_site(link.woke),
        ..TraceLink::default()
    };
    match &link.step {
        Step::Ready { tid } => {
            (plain.step, plain.thread) = (TraceStep::Ready, tid.map(|tid| names.thread(tid)));
        }
        Step::Polled { tid, polls, busy_ns } => {
            (plain.step, plain.thread) = (TraceStep::Polled, Some(names.thread(*tid)));
            (plain.polls, plain.busy_s) = (*polls, seconds(*busy_ns));
        }
        Step::Unheard { tid, .. } => {
            (plain.step, plain.thread) = (TraceStep::Unheard, Some(names.thread(*tid)));
        }
        Step::Waited { sites } => (plain.step, plain.site) = (TraceStep::Waited, names.site(sites, by)),
    }
    plain
}

/// What a thread did, as a chain would end with it.
pub(super) fn doing(doing: Doing) -> TraceEndKind {
    match doing {
        Doing::Computed => TraceEndKind::Cpu,
        Doing::Blocked => TraceEndKind::Blocked,
        Doing::Preempted => TraceEndKind::Preempted,
    }
}

fn ending(case: &Case, end: &End, names: &Names<'_>) -> TraceEnd {
    let thread = |tid: u32| Some(names.thread(tid));
    let spent = names.spent(case);
    match *end {
        End::Polled { tid } => {
            let kind = spent.map_or(TraceEndKind::Poll, |spent| doing(spent.doing));
            TraceEnd { kind, thread: thread(tid), site: spent.and_then(|spent| spent.site.as_ref()).map(names::plain) }
        }
        End::IdleWorker { tid } => {
            let preempted = spent.is_some_and(|spent| spent.doing == Doing::Preempted);
            let kind = if preempted { TraceEndKind::Preempted } else { TraceEndKind::IdleWorker };
            TraceEnd { kind, thread: tid.and_then(thread), site: None }
        }
        End::Outside { tid, stack } => {
            let site = names.waker_site(stack);
            let kind = match site.as_ref().map(|site| site.cause) {
                Some(TraceCause::Timer) => TraceEndKind::Timer,
                Some(TraceCause::Socket) => TraceEndKind::Socket,
                Some(TraceCause::BlockingPool) => TraceEndKind::BlockingPool,
                _ => TraceEndKind::Thread,
            };
            // A timer or a socket is nobody's doing; of a thread it is told what it did meanwhile.
            let works = matches!(kind, TraceEndKind::BlockingPool | TraceEndKind::Thread);
            let meanwhile = spent.filter(|_| works).and_then(|spent| spent.site.as_ref()).map(names::plain);
            let site = meanwhile.filter(|site| !site.own.is_empty()).or(site);
            TraceEnd { kind, thread: thread(tid), site }
        }
        End::Nobody => TraceEnd { kind: TraceEndKind::Nobody, ..TraceEnd::default() },
        End::Unseen => TraceEnd { kind: TraceEndKind::Unknown, ..TraceEnd::default() },
        End::Cut => TraceEnd { kind: TraceEndKind::Circle, ..TraceEnd::default() },
    }
}
