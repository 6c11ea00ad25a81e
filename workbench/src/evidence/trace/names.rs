//! Names for the numbers of a recording.

use std::collections::HashMap;

use flamegraphs::capture::tasks::{Cause, Frame, Site, Spent, TaskTrace, window};
use flamegraphs::tasks::{Case, KindFigures, KindId, Kinds, Span, SpanKind, StackId, Who};
use reports::run::{TraceCause, TraceFrame, TraceKind, TraceSite, TraceSpan, TraceStep};

use super::seconds;

/// Task whose type is not known: it was never polled while it was watched.
const UNKNOWN: &str = "[not polled]";

pub(super) struct Names<'a> {
    recorded: &'a TaskTrace,
    /// What boxed futures are, by the outermost function of the program in their stacks.
    boxed: HashMap<KindId, &'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(recorded: &'a TaskTrace) -> Self {
        let mut boxed = HashMap::new();
        for (kind, stacks, _) in &recorded.outcome.waits {
            let Some(kind) = kind else { continue };
            let mut roots = stacks.iter().filter_map(|stack| recorded.sites.get(stack.0 as usize));
            if let Some(site) = roots.next_back().filter(|site| !site.root.is_empty()) {
                boxed.entry(*kind).or_insert(site.root.as_str());
            }
        }
        Self { recorded, boxed }
    }

    pub(super) fn of(&self, kind: Option<KindId>) -> String {
        let known = kind.and_then(|kind| self.recorded.kinds.get(kind.0 as usize));
        known.map_or_else(
            || UNKNOWN.to_owned(),
            |(name, what)| match kind.and_then(|kind| self.boxed.get(&kind)) {
                _ if *what == Kinds::Blocking => format!("blocking {name}"),
                Some(inner) if name.starts_with("core::pin::Pin") => format!("{inner} (boxed)"),
                _ => name.clone(),
            },
        )
    }

    pub(super) fn what(&self, kind: Option<KindId>) -> Kinds {
        kind.and_then(|kind| self.recorded.kinds.get(kind.0 as usize)).map(|(_, what)| *what).unwrap_or_default()
    }

    pub(super) fn kind(&self, kind: Option<KindId>, figures: &KindFigures) -> TraceKind {
        TraceKind {
            name: self.of(kind),
            blocking: self.what(kind) == Kinds::Blocking,
            spawned: figures.spawned,
            finished: figures.finished,
            alive: figures.alive,
            forgotten: figures.forgotten,
            polls: figures.polls,
            in_poll: figures.in_poll,
            wakes: figures.wakes,
            busy_s: seconds(figures.busy_ns),
            longest_poll_s: seconds(figures.longest_poll_ns),
            long_polls: figures.long_polls,
            stalls: figures.stalls,
            schedule_latency_s: seconds(figures.delay_ns),
            worst_schedule_latency_s: seconds(figures.worst_delay_ns),
            unexplained: figures.unexplained,
            idle_s: seconds(figures.idle_ns),
            spawned_at: self.waker_site(figures.spawned_at),
        }
    }

    pub(super) fn thread(&self, tid: u32) -> String {
        match self.recorded.threads.get(&tid).map(String::as_str) {
            None | Some("") => format!("thread {tid}"),
            Some(name) => format!("{name} ({tid})"),
        }
    }

    /// A thread without what tells it from others of its pool.
    pub(super) fn pool(&self, tid: u32) -> String {
        let name = self.recorded.threads.get(&tid).map(String::as_str).unwrap_or_default();
        flamegraphs::names::thread_name(name)
    }

    pub(super) fn who(&self, who: Who) -> String {
        match who {
            Who::Task { task, kind, .. } => format!("task {} ({})", task.0, self.of(kind)),
            Who::Outside { tid, stack } => {
                let what = match stack.map(|stack| self.cause(stack)) {
                    Some(TraceCause::Timer) => "timer, ",
                    Some(TraceCause::Socket) => "network, ",
                    Some(TraceCause::BlockingPool) => "blocking pool, ",
                    _ => "",
                };
                format!("{what}{}", self.thread(tid))
            }
        }
    }

    fn stack(&self, stack: StackId) -> Option<&'a Site> {
        self.recorded.sites.get(stack.0 as usize)
    }

    pub(super) fn cause(&self, stack: StackId) -> TraceCause {
        self.stack(stack).map(|site| cause(site.cause)).unwrap_or_default()
    }

    /// The site of a wait, from all the places where the task cloned wakers in its last poll. Who woke it tells the
    /// branch of a `select!`: a timer ends the wait for a timer, a task anything but that. Otherwise the last one: what was
    /// awaited before it in the same poll is over.
    pub(super) fn site(&self, stacks: &[StackId], by: Option<Who>) -> Option<TraceSite> {
        let driver = match by {
            Some(Who::Outside { stack, .. }) => stack.map(|stack| self.cause(stack)),
            _ => None,
        };
        let by_task = matches!(by, Some(Who::Task { .. }));
        let fits = |stack: &&StackId| {
            let of = self.cause(**stack);
            match driver {
                Some(cause @ (TraceCause::Timer | TraceCause::Socket)) => of == cause,
                _ => by_task && !matches!(of, TraceCause::Timer | TraceCause::Socket),
            }
        };
        let chosen = stacks.iter().rev().find(fits).or(stacks.last())?;
        self.stack(*chosen).map(plain)
    }

    /// Whether the last of the places is a wait for something within the program.
    pub(super) fn awaits_others(&self, stacks: &[StackId]) -> bool {
        let inside = [TraceCause::Lock, TraceCause::Channel, TraceCause::Notify, TraceCause::Join];
        stacks.last().is_some_and(|last| inside.contains(&self.cause(*last)))
    }

    /// Whether the function that waits at `site` awaited things of other sorts at once: what its caller awaits beside it, as
    /// a server does for its connection, is no part of it.
    pub(super) fn is_mixed(&self, stacks: &[StackId], site: &TraceSite) -> bool {
        let Some(function) = site.own.first().map(|frame| &frame.function) else { return false };
        let others =
            stacks.iter().filter_map(|stack| self.stack(*stack)).filter(|other| cause(other.cause) != site.cause);
        others.into_iter().any(|other| other.own.iter().any(|frame| frame.function == *function))
    }

    pub(super) fn waker_site(&self, stack: Option<StackId>) -> Option<TraceSite> {
        stack.and_then(|stack| self.stack(stack)).map(plain)
    }

    /// What the thread did where the chain of a case ends.
    pub(super) fn spent(&self, case: &Case) -> Option<&'a Spent> {
        self.recorded.spent.get(&window(case)?)
    }

    pub(super) fn moment(&self, time_ns: u64) -> f64 {
        seconds(time_ns.saturating_sub(self.recorded.began_ns))
    }

    pub(super) fn spans(&self, spans: &[Span]) -> Vec<TraceSpan> {
        let span = |span: &Span| {
            let (step, by, site) = match &span.kind {
                SpanKind::Poll { tid } => (TraceStep::Polled, Some(self.thread(*tid)), None),
                SpanKind::Ready { tid, .. } => (TraceStep::Ready, tid.map(|tid| self.thread(tid)), None),
                SpanKind::Idle { sites, by } => (TraceStep::Waited, by.map(|by| self.who(by)), self.site(sites, *by)),
            };
            TraceSpan { step, at_s: self.moment(span.from_ns), length_s: seconds(span.length_ns()), by, site }
        };
        spans.iter().map(span).collect()
    }
}

pub(in crate::evidence) fn plain(site: &Site) -> TraceSite {
    let place = site.place.clone().unwrap_or_default();
    TraceSite {
        cause: cause(site.cause),
        resource: site.resource.clone(),
        function: place.function,
        file: within_project(&place.file).to_owned(),
        line: place.line,
        beside_others: false,
        call: site.call.clone(),
        own: site.own.iter().map(frame).collect(),
    }
}

pub(crate) fn frame(frame: &Frame) -> TraceFrame {
    TraceFrame { function: frame.function.clone(), file: within_project(&frame.file).to_owned(), line: frame.line }
}

/// `scenarios/src/file.rs` of a path that is different on every machine; files of other packages stay as they are.
pub(crate) fn within_project(file: &str) -> &str {
    if file.contains("/registry/src/") || file.starts_with("/rustc/") {
        return file;
    }
    let Some(at) = file.find("/src/") else { return file };
    let package = file[..at].rfind('/').map_or(0, |slash| slash + 1);
    &file[package..]
}

fn cause(cause: Cause) -> TraceCause {
    match cause {
        Cause::Timer => TraceCause::Timer,
        Cause::Socket => TraceCause::Socket,
        Cause::Lock => TraceCause::Lock,
        Cause::Channel => TraceCause::Channel,
        Cause::Notify => TraceCause::Notify,
        Cause::Join => TraceCause::Join,
        Cause::BlockingPool => TraceCause::BlockingPool,
        Cause::Process => TraceCause::Process,
        Cause::Yield => TraceCause::Yield,
        Cause::Other => TraceCause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_project_lose_their_machine() {
        assert_eq!(within_project("/home/u/shop/src/main.rs"), "shop/src/main.rs");
        assert_eq!(within_project("/home/u/shop/api/src/a/src/b.rs"), "api/src/a/src/b.rs");
        assert_eq!(within_project("src/main.rs"), "src/main.rs");
        let other = "/h/.cargo/registry/src/index-1/hyper-1.12.0/src/a.rs";
        assert_eq!(within_project(other), other);
    }
}
