//! Which function of the program's own stack is to be held to account: the one that *decided* on what it costs.
//!
//! A stack says who called whom, and the innermost function is only who was asked last. What decides is
//! - of work and of waits that are done again and again: the function whose loop it is ([`repeating`]), seen in its source, or
//!   at work between two calls ([`computing`]); or within that loop a function that has a library go round for it, where
//!   the loop itself is hardly at work, so that each round is long ([`within_a_round`]);
//! - of what is held: the function that stands in every stack of who holds it, or that both who waits and who holds go
//!   through: it took it and goes on while it has it ([`sharing`], [`standing`]).
//!
//! A loop in which a task waits for what it is to do next is none of these: each round of it is another operation.

mod spent;

use super::comparing::comparing;
use super::derived::written;
use super::joined::Joined;
use super::naming::is_given_by;
use crate::run::{TraceEndKind, TraceFrame, TraceHolder, TracePolls, TraceWait};
use spent::Spent;

/// Part of the time within a function that it spends itself, from which what it calls is part of its work: a copy of a
/// map is the map's, and not that of the function that copies one of its entries.
const OWN_PART: f64 = 0.3;
/// Part of the longest from which somebody who goes through the same function is rather the keeper: who wakes another is often
/// idle, and has nothing.
const SHARED_PART: f64 = 0.1;
/// Part of the time.
const MOST_OF_TIME: f64 = 0.5;
/// Part of the longest from which a stack of who holds something counts.
const SEEN_PART: f64 = 0.000_5;
/// Part of what a function called by a loop costs, from which a library that it calls, and what that calls back, are seen to
/// take turns: a call that is made once costs next to nothing beside what it makes, or the other way round.
const TURNS_PART: f64 = 0.2;
/// Part of what a loop costs, that itself must be less than, for its rounds to be long: going round takes a nanosecond or two.
const LONG_ROUND_PART: f64 = 0.02;
/// Part of all CPU from which a function is seen to be called back.
const SEEN_BACK_PART: f64 = 0.05;

pub(super) fn same(a: &TraceFrame, b: &TraceFrame) -> bool {
    a.function == b.function && a.file == b.file
}

/// The innermost function of a stack that stands in a loop of its own; `None` where none does, or no source is known.
pub(super) fn repeating<'f>(joined: &Joined<'_>, kind: &str, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    let own = written(joined, own);
    if let Some(frame) = comparing(joined, own) {
        return Some(frame);
    }
    let within =
        own.iter().enumerate().take_while(|(depth, frame)| *depth == 0 || !waits_for_work(joined, kind, frame));
    let (at, frame) = within.into_iter().find(|(_, frame)| is_in_loop(joined, frame) == Some(true))?;
    // Who goes round for others, and calls back what they gave it, decides on nothing of that.
    let given = at.checked_sub(1).zip(own.get(at + 1)).filter(|(inner, by)| is_given_by(&own[*inner], by));
    Some(given.map_or(frame, |(inner, _)| &own[inner]))
}

/// The function whose loop a stack stands in; where none is known, the innermost.
pub(super) fn asking<'f>(joined: &Joined<'_>, kind: &str, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    repeating(joined, kind, own).or_else(|| written(joined, own).first())
}

/// The function whose loop a whole thread works in: what it does for each who asks is decided there; `None` where no source is
/// known.
pub(super) fn serving<'f>(joined: &Joined<'_>, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    written(joined, own).iter().rev().find(|frame| is_in_loop(joined, frame) == Some(true))
}

/// Of a stack that waits for an answer, the function in whose loop the question is asked, too: what reads an answer may go round
/// for its parts.
pub(super) fn questioning<'f>(joined: &Joined<'_>, kind: &str, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    let asked = |(_, frame): &(usize, &TraceFrame)| {
        let writers = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| row.writing_s() > 0.0);
        let mut there = writers.flat_map(|row| &row.path).filter(|one| same(one, frame));
        is_in_loop(joined, frame) == Some(true) && there.any(|one| is_in_loop(joined, one) == Some(true))
    };
    let own = written(joined, own).iter().enumerate();
    let mut within = own.take_while(|(depth, frame)| *depth == 0 || !waits_for_work(joined, kind, frame));
    within.find(asked).map(|(_, frame)| frame)
}

/// The function whose work it is what a poll computes in that stack: of all long polls of its type, `alike`.
pub(super) fn computing<'f>(
    joined: &Joined<'_>,
    kind: &str,
    own: &'f [TraceFrame],
    alike: &[&TracePolls],
) -> Option<&'f TraceFrame> {
    let own = written(joined, own);
    if let Some(frame) = comparing(joined, own) {
        return Some(frame);
    }
    let at = repeating(joined, kind, own).and_then(|frame| own.iter().position(|one| one == frame)).unwrap_or(0);
    // What goes on and on within itself is its own work, whoever calls it how often.
    if let Some(frame) = own.get(at).filter(|frame| joined.loops.is_some_and(|loops| loops.calls_itself(frame))) {
        return Some(frame);
    }
    if let Some(frame) = within_a_round(joined, own.get(..=at).unwrap_or_default(), alike) {
        return Some(frame);
    }
    let spends = |caller: &&TraceFrame| {
        let spent = Spent::of(caller, alike);
        spent.itself_s >= OWN_PART * spent.all_s
    };
    // Or the nearest that is seen at work between the calls.
    let goes_round = |caller: &&TraceFrame| {
        let again = is_in_loop(joined, caller);
        let known = is_in_loop(joined, &own[at]) == Some(true) && again.is_none();
        !known && again != Some(false) && Spent::of(caller, alike).goes_round() && !waits_for_work(joined, kind, caller)
    };
    let outer = own.iter().skip(at + 1).take_while(spends).last();
    outer.or_else(|| own.get(at + 1).filter(goes_round)).or_else(|| own.get(at))
}

/// Of a stack up to the loop that it stands in: the function within a long round of it that has a library go round. Work is
/// done again and again there, too, and that is the inner loop, in no source of the program's: a look-up in a map whose
/// entries are compared one by one, a sort, a text of many parts.
pub(super) fn within_a_round<'f>(
    joined: &Joined<'_>,
    own: &'f [TraceFrame],
    alike: &[&TracePolls],
) -> Option<&'f TraceFrame> {
    let (looping, inner) = own.split_last()?;
    let around = Spent::of(looping, alike);
    if around.itself_s >= LONG_ROUND_PART * around.all_s {
        return None;
    }
    inner.iter().find(|frame| {
        let spent = Spent::of(frame, alike);
        let called_back = spent.all_s - spent.itself_s;
        let is_much = |seconds: f64| seconds >= TURNS_PART * spent.all_s;
        is_called_back_for(joined, frame) && is_much(called_back) && is_much(spent.itself_s)
    })
}

/// Whether a library calls back what that function gave to it, for a part of the CPU that is seen.
fn is_called_back_for(joined: &Joined<'_>, frame: &TraceFrame) -> bool {
    let known = joined.cpu.into_iter().flat_map(|cpu| cpu.called_back.iter().map(move |row| (cpu, row)));
    let here = |by: &TraceFrame| by.function == frame.function && by.file == frame.file;
    known.filter(|(_, row)| here(&row.by)).any(|(cpu, row)| row.total_s >= SEEN_BACK_PART * cpu.total_s)
}

/// The function that both who waits and who has it go through, and the row of `holders` that shows it: it took it there, and
/// goes on while it has it. `wall_s` is how long that was looked at.
pub(super) fn sharing<'h>(
    waiter: &[TraceFrame],
    holders: &'h [TraceHolder],
    wall_s: f64,
) -> Option<(&'h TraceFrame, &'h TraceHolder)> {
    let least_s = least_s(holders, wall_s);
    let likely = holders.iter().filter(|holder| holder.total_s >= least_s);
    likely.into_iter().find_map(|holder| Some((common(waiter, &holder.site.own)?, holder)))
}

/// How long who may have it must have been seen, seconds. Many who idle at one place do so for longer than the time that passed: who has
/// it then for most of that is no less likely.
fn least_s(holders: &[TraceHolder], wall_s: f64) -> f64 {
    let longest = holders.iter().map(|holder| holder.total_s).fold(0.0, f64::max);
    (SHARED_PART * longest).min(MOST_OF_TIME * wall_s)
}

/// The function that stands in every stack of who has it longest.
pub(super) fn standing<'h>(
    joined: &Joined<'_>,
    waiter: &[TraceFrame],
    holders: &'h [TraceHolder],
) -> Option<(&'h TraceFrame, &'h TraceHolder)> {
    let first = holders.first()?;
    let own = &first.site.own;
    let takes = taker_of(joined, waiter, own).or_else(|| taker(joined, own));
    Some((takes.or_else(|| in_all(holders))?, first))
}

/// The innermost function of a stack that has a lock there, by its source.
pub(super) fn taker<'f>(joined: &Joined<'_>, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    own.iter().find(|frame| joined.loops.is_some_and(|loops| loops.takes(&frame.file, frame.line)))
}

/// The innermost function of a stack that has a lock there which is called as what the innermost of the other takes: of several
/// locks that it has at once the one that is waited for.
pub(super) fn taker_of<'f>(
    joined: &Joined<'_>,
    waiter: &[TraceFrame],
    own: &'f [TraceFrame],
) -> Option<&'f TraceFrame> {
    let loops = joined.loops?;
    let takes = waiter.first()?;
    let lock = loops.lock_at(&takes.file, takes.line)?;
    own.iter().find(|frame| loops.takes_as(&frame.file, frame.line, lock))
}

/// Holders that have the lock by their sources, or one at all, where these are worth it; otherwise all of them: it may be handed on.
pub(super) fn takers(
    joined: &Joined<'_>,
    waiter: &[TraceFrame],
    holders: Vec<TraceHolder>,
    wall_s: f64,
) -> Vec<TraceHolder> {
    let least_s = least_s(&holders, wall_s);
    let worth = |which: &dyn Fn(&TraceHolder) -> bool| {
        let takers: Vec<TraceHolder> = holders.iter().filter(|holder| which(holder)).cloned().collect();
        takers.iter().any(|holder| holder.total_s >= least_s).then_some(takers)
    };
    worth(&|holder| taker_of(joined, waiter, &holder.site.own).is_some())
        .or_else(|| worth(&|holder| taker(joined, &holder.site.own).is_some()))
        .unwrap_or(holders)
}

/// The innermost function that both stacks go through on their way to different places, with the line of the second; not the
/// one that began both, which shares nothing but that.
pub(super) fn common<'f>(waiter: &[TraceFrame], owner: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
    let began = |stack: &[TraceFrame], at: usize| stack.len() > 1 && at + 1 == stack.len();
    owner.iter().enumerate().find_map(|(at, frame)| {
        let other = waiter.iter().position(|other| same(other, frame))?;
        // Closures of one function that began the one and called the other share no more than that.
        (!(began(owner, at) || began(waiter, other))).then_some(frame)
    })
}

/// The innermost function of the longest holder's stack that stands in all stacks with the same beginning, short of that. One
/// stack alone does not tell: neither the call that it stands in nor the thread's own loop is likely.
fn in_all(holders: &[TraceHolder]) -> Option<&TraceFrame> {
    let longest = holders.first()?;
    let own = &longest.site.own;
    // Threads that one function began share that and no more.
    let inner = &own[..own.len().saturating_sub(1).max(1).min(own.len())];
    let is_its = |holder: &&TraceHolder| {
        let alike = matches!((holder.site.own.last(), own.last()), (Some(a), Some(b)) if same(a, b))
            && inner.iter().any(|frame| holder.site.own.iter().any(|one| same(one, frame)));
        // Who has let go goes on to something else before the other runs: that is short, and of another kind.
        let part = if holder.doing == longest.doing { SEEN_PART } else { SHARED_PART };
        alike && holder.total_s >= part * longest.total_s
    };
    let stacks = || holders.iter().filter(is_its).map(|holder| &holder.site.own);
    let alike = |stack: &Vec<TraceFrame>| stack.len() == own.len() && stack.iter().zip(own).all(|(a, b)| same(a, b));
    let in_each = |frame: &&TraceFrame| stacks().all(|stack| stack.iter().any(|one| same(one, frame)));
    match own.as_slice() {
        [_, middle, _, ..] if stacks().all(alike) => Some(middle),
        _ => inner.iter().find(in_each).or_else(|| own.first()),
    }
}

/// Whether a frame's line stands in a loop of its function; `None` where its source is not known.
fn is_in_loop(joined: &Joined<'_>, frame: &TraceFrame) -> Option<bool> {
    joined.loops?.around(&frame.file, frame.line)
}

/// Whether tasks or threads of that kind wait in that function itself: its loop is how they come to the next thing to do.
fn waits_for_work(joined: &Joined<'_>, kind: &str, frame: &TraceFrame) -> bool {
    let here = |own: &[TraceFrame]| own.first().is_some_and(|first| same(first, frame));
    let waits = joined.trace.into_iter().flat_map(|trace| trace.waits.iter().chain(saturated(trace)));
    let tasks = waits.filter(|wait| wait.kind == kind && wait.site.as_ref().is_some_and(|site| here(&site.own)));
    let kept = joined.threads.into_iter().flat_map(|threads| &threads.kept);
    let threads = kept.filter(|row| row.doing == TraceEndKind::Blocked && row.kind == kind);
    tasks.count() > 0 || threads.filter_map(|row| row.site.as_ref()).any(|site| here(&site.own))
}

fn saturated(trace: &crate::run::Trace) -> impl Iterator<Item = &TraceWait> {
    trace.saturated.iter().flat_map(|phase| &phase.waits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;
    use crate::run::{Trace, TraceCause, TraceSite};

    const SOURCE: &str = "\
fn mix(block: &Block) -> Block {
    Sha::digest(block)
}
fn stir(block: Block) -> Block {
    (0..ROUNDS).fold(block, |block, _| mix(&block))
}
async fn ask(&self) -> u64 {
    self.client.get().await
}
async fn in_turn(&self) -> u64 {
    for one in &self.all {
        sum += one.ask().await;
    }
}
async fn serve(socket: Socket) {
    loop {
        socket.read().await;
        answer(stir(in_turn().await));
    }
}
";

    fn stack(own: &[(&str, u32)]) -> Vec<TraceFrame> {
        own.iter()
            .map(|(name, line)| TraceFrame { function: (*name).into(), file: "a.rs".into(), line: *line })
            .collect()
    }

    fn site(own: &[(&str, u32)]) -> Option<TraceSite> {
        Some(TraceSite { cause: TraceCause::Socket, own: stack(own), ..TraceSite::default() })
    }

    /// Connections wait at line 17 for the next request.
    fn trace() -> Trace {
        let wait = TraceWait { kind: "serve".into(), site: site(&[("serve", 17)]), count: 9, ..TraceWait::default() };
        Trace { waits: vec![wait], ..Trace::default() }
    }

    fn loops() -> Loops {
        let mut loops = Loops::default();
        loops.read("a.rs", SOURCE);
        loops
    }

    fn row(own: &[(&str, u32)], total_s: f64) -> TracePolls {
        TracePolls { kind: "serve".into(), site: site(own), polls: 10, total_s, ..TracePolls::default() }
    }

    fn holder(own: &[(&str, u32)], total_s: f64) -> TraceHolder {
        TraceHolder { site: site(own).unwrap_or_default(), total_s, ..TraceHolder::default() }
    }

    #[test]
    fn who_asks_again_and_again_is_the_innermost_that_loops_short_of_the_one_that_waits_for_work() {
        let (trace, loops) = (trace(), loops());
        let joined = Joined { trace: Some(&trace), loops: Some(&loops), ..Joined::default() };
        let of = |joined: &Joined<'_>, own: &[(&str, u32)]| asking(joined, "serve", &stack(own)).map(|f| f.line);
        assert_eq!(of(&joined, &[("ask", 8), ("in_turn", 12), ("serve", 18)]), Some(12));
        // Nobody but the connection's loop goes round: each of its rounds is another operation.
        assert_eq!(of(&joined, &[("ask", 8), ("once", 90), ("serve", 18)]), Some(8));
        assert_eq!(of(&Joined::default(), &[("ask", 8), ("in_turn", 12)]), Some(8));
        assert_eq!(of(&joined, &[]), None);
    }

    #[test]
    fn work_is_that_of_the_loop_around_it() {
        let (trace, loops) = (trace(), loops());
        let known = Joined { trace: Some(&trace), loops: Some(&loops), ..Joined::default() };
        let blind = Joined { trace: Some(&trace), ..Joined::default() };
        let of = |joined: &Joined<'_>, rows: &[TracePolls]| {
            let own = rows[0].site.as_ref().map(|site| site.own.clone()).unwrap_or_default();
            computing(joined, "serve", &own, &rows.iter().collect::<Vec<_>>()).map(|frame| frame.function.clone())
        };
        let deep = || row(&[("mix", 2), ("stir", 5), ("serve", 18)], 1.0);
        assert_eq!(of(&known, &[deep()]).as_deref(), Some("stir"));
        // Without sources: seen at work on the line of the call, and not so without, or for as long as a single step takes.
        assert_eq!(of(&blind, &[deep()]).as_deref(), Some("mix"));
        let round = |line, seconds| row(&[("stir", line), ("serve", 18)], seconds);
        assert_eq!(of(&blind, &[deep(), round(5, 0.002)]).as_deref(), Some("stir"));
        assert_eq!(of(&blind, &[deep(), round(4, 0.002)]).as_deref(), Some("mix"));
        assert_eq!(of(&blind, &[deep(), round(5, 0.000_05)]).as_deref(), Some("mix"));
        // Who spends much of it is whose work it is; the connection's loop is nobody's.
        assert_eq!(of(&blind, &[deep(), round(4, 0.5)]).as_deref(), Some("stir"));
        assert_eq!(of(&known, &[row(&[("digest", 70), ("serve", 18)], 1.0)]).as_deref(), Some("digest"));
    }

    #[test]
    fn a_lock_is_kept_by_whom_all_stacks_of_its_holder_go_through() {
        let waiter = stack(&[("read", 40), ("serve", 18)]);
        let of = |waiter: &[TraceFrame], holders: &[TraceHolder]| {
            let kept = sharing(waiter, holders, 3.0).or_else(|| standing(&Joined::default(), &[], holders));
            kept.map(|(frame, holder)| (frame.function.clone(), holder.total_s))
        };
        let refresh = [
            holder(&[("next", 39), ("refresh", 44), ("thread", 24)], 2.0),
            holder(&[("refresh", 44), ("thread", 24)], 0.004),
            holder(&[("read", 41), ("other", 1)], 0.1),
        ];
        assert_eq!(of(&waiter, &refresh), Some(("refresh".into(), 2.0)));
        assert_eq!(of(&waiter, &refresh[..1]), Some(("refresh".into(), 2.0)), "the middle of one stack");
        assert_eq!(of(&waiter, &[holder(&[("next", 39), ("thread", 24)], 2.0)]), Some(("next".into(), 2.0)));
        let again = [refresh[0].clone(), holder(&[("next", 38), ("refresh", 44), ("thread", 24)], 0.5)];
        assert_eq!(of(&waiter, &again), Some(("refresh".into(), 2.0)), "the same functions twice are one stack");
        // It slept once it had let go, which is short; who sleeps for long while it has it did not go on.
        let asleep =
            |total_s| TraceHolder { doing: TraceEndKind::Blocked, ..holder(&[("work", 9), ("main", 3)], total_s) };
        let busy = || holder(&[("absorb", 31), ("take_up", 62), ("work", 8), ("main", 3)], 2.0);
        assert_eq!(of(&waiter, &[busy(), asleep(0.01)]), Some(("take_up".into(), 2.0)));
        assert_eq!(of(&waiter, &[busy(), asleep(0.5)]), Some(("work".into(), 2.0)));
        // Both go through the function that takes it, though somebody else was busy for longer.
        let jobs = [
            holder(&[("converse", 48), ("run", 73)], 2.0),
            holder(&[("read_far", 30), ("work", 16), ("run", 65)], 1.8),
        ];
        assert_eq!(of(&stack(&[("work", 15), ("run", 65)]), &jobs), Some(("work".into(), 1.8)));
        // Another thread that the same function began, and that waits for its next request, has nothing to do with it.
        let begun = [
            holder(&[("load", 32), ("fold", 60), ("start", 149)], 2.0),
            holder(&[("head", 14), ("serve", 109), ("worker", 123), ("start", 154)], 0.03),
        ];
        assert_eq!(
            of(&stack(&[("look_up", 89), ("serve", 111), ("worker", 123), ("start", 154)]), &begun),
            Some(("fold".into(), 2.0))
        );
        assert_eq!(of(&waiter, &[]), None);
        // Many idle elsewhere all the while, longer than time passed.
        let crowd = [holder(&[("session", 95), ("start", 9)], 40.0), holder(&[("read", 41), ("serve", 18)], 2.8)];
        assert_eq!(of(&waiter, &crowd), Some(("read".into(), 2.8)));
    }
}
