//! A blame chain as a sentence.

use crate::render::tasks::shortened;

use super::{TraceCase, TraceCause, TraceEnd, TraceEndKind, TraceHead, TraceLink, TraceSite, TraceStep, TraceWhat};

impl TraceHead {
    /// How much of the recording can be relied on, one sentence each; empty where all of it can.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.lost > 0 {
            doubts.push(format!(
                "{} records found no room: counts are lower bounds, and nothing is concluded across the gaps",
                self.lost
            ));
        }
        if self.hits_per_s() > MOST_HITS_PER_S {
            doubts.push(format!(
                "{:.0} hits a second: above 100,000 the recording changes what it shows; trust orderings, not times",
                self.hits_per_s()
            ));
        }
        doubts.extend(self.lacks.iter().cloned());
        doubts
    }
}

/// Design 09: the practical limit, measured.
const MOST_HITS_PER_S: f64 = 1e5;

impl TraceCase {
    /// The chain in words: `app::reply was ready for 13.6 ms and not polled: tokio-rt-worker polled app::hog …`.
    pub fn sentence(&self) -> String {
        let mut sentence = String::new();
        for (at, link) in self.links.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| &self.links[at]);
            let who = format!("task {} ({})", link.task, link.kind);
            sentence.push_str(&match before {
                None => format!("{who} {}", did(link)),
                Some(before) if matches!(before.step, TraceStep::Ready | TraceStep::Unheard) => instead(before, link),
                Some(before) if before.queue > 0 => format!("; {who}, which woke the first of them, {}", did(link)),
                Some(_) => format!("; {who}, which woke it, {}", did(link)),
            });
        }
        sentence.push_str(&end(&self.end, self.links.last().map(|link| link.step)));
        sentence.push('.');
        sentence
    }

    /// `delay` or `wait`, in words.
    pub fn title(&self) -> &'static str {
        match self.what {
            TraceWhat::Delay => "from ready to polled",
            TraceWhat::Wait => "waited to be woken",
            TraceWhat::Unheard => "told late",
        }
    }
}

/// What a task did.
fn did(link: &TraceLink) -> String {
    let length = length(link.length_s);
    match link.step {
        TraceStep::Ready => format!("was ready for {length} and not polled"),
        TraceStep::Waited => {
            let queue = match link.queue {
                0 => String::new(),
                1 => " behind another task in the same queue".into(),
                others => format!(" behind {others} others in the same queue"),
            };
            format!("waited {length}{}{queue}", at_site(link.site.as_ref()))
        }
        TraceStep::Polled => format!("was polled for {length}"),
        TraceStep::Unheard => format!("was told by {} up to {length} late", link.teller()),
    }
}

impl TraceLink {
    fn is_of_a_timer(&self) -> bool {
        self.site.as_ref().is_some_and(|site| site.cause == TraceCause::Timer)
    }

    /// Who told a task late that something came for it, in words.
    pub(crate) fn teller(&self) -> &'static str {
        if self.is_of_a_timer() { "a timer" } else { "the network" }
    }
}

/// What its worker did instead of polling it, or of asking what came for it.
fn instead(before: &TraceLink, link: &TraceLink) -> String {
    let worker = link.thread.as_deref().filter(|name| !name.is_empty()).unwrap_or("its worker");
    let asks = match before.step {
        TraceStep::Unheard if before.is_of_a_timer() => ", which fires it,",
        TraceStep::Unheard => ", which asks it,",
        _ => "",
    };
    let longest = format!("task {} ({}) for {}", link.task, link.kind, length(link.length_s));
    if link.polls > 1 {
        let all = length(link.busy_s);
        return format!(
            ": {worker}{asks} made {} polls of {} for {all} instead, the longest of {longest}",
            link.polls, link.kind
        );
    }
    format!(": {worker}{asks} polled {longest} instead")
}

fn at_site(site: Option<&TraceSite>) -> String {
    let Some(site) = site else { return String::new() };
    let what = match site.cause {
        TraceCause::Timer => "for a timer",
        TraceCause::Socket => "for the network",
        TraceCause::Lock => "for a lock",
        TraceCause::Channel => "for a message",
        TraceCause::Notify => "for a notification",
        TraceCause::Join => "for the end of a task",
        TraceCause::BlockingPool => "for the blocking pool",
        TraceCause::Process => "for a process or signal",
        TraceCause::Yield => "to be polled again",
        TraceCause::Other => "",
    };
    let place = shortened(&site.place());
    let mut words = if what.is_empty() { String::new() } else { format!(" {what}") };
    if !place.is_empty() {
        words.push_str(&format!(" at {place}"));
    }
    words
}

fn end(end: &TraceEnd, last: Option<TraceStep>) -> String {
    let place =
        end.site.as_ref().map(|site| (site.function.as_str(), shortened(&site.place()))).filter(|(_, p)| !p.is_empty());
    let in_place = match place {
        Some((function, place)) if !function.is_empty() && function != place => format!(" in {function} ({place})"),
        Some((_, place)) => format!(" in {place}"),
        None => String::new(),
    };
    match end.kind {
        TraceEndKind::Cpu => format!(", computing{in_place}"),
        TraceEndKind::Blocked => {
            let whom = end.site.as_ref().and_then(TraceSite::waits_for);
            let whom = whom.map(|whom| format!(" for {whom}")).unwrap_or_default();
            format!(", blocking its thread{whom}{in_place}")
        }
        TraceEndKind::Preempted => {
            ", most of which the kernel gave its CPU to others, or to nobody for its quota (`throttled`, found or ruled out, tells which)".into()
        },
        TraceEndKind::Poll => in_place,
        TraceEndKind::IdleWorker => ", though no task had its worker: it slept, or the kernel did not run it".into(),
        TraceEndKind::Timer => ", until a timer fired".into(),
        TraceEndKind::Socket => ", until the network answered".into(),
        TraceEndKind::BlockingPool => ", until the blocking pool was done".into(),
        TraceEndKind::Thread => match end.thread.as_deref().filter(|name| !name.is_empty()) {
            Some(thread) => format!(", until thread {thread} woke it{in_place}"),
            None => format!(", until another thread woke it{in_place}"),
        },
        TraceEndKind::Nobody => ", and nobody had woken it yet".into(),
        TraceEndKind::Circle => ", and so on in a circle".into(),
        TraceEndKind::Unknown => match last {
            None => "what happened was not seen".into(),
            Some(_) => ", and what came before was not seen".into(),
        },
    }
}

fn length(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    let decimals = if value >= 99.95 { 0 } else { 1 };
    format!("{value:.decimals$} {unit}")
}
