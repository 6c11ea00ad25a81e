//! Who gives all there is to do to one of several that are alike, while the others stand idle: the source says who deals it out.

use std::collections::BTreeSet;

use super::joined::Joined;
use super::rules::FUTEX;
use super::tokens::{is_name, opening, word_at};
use super::{Culprit, guilty, telling};
use crate::run::{TraceCause, TraceFrame, TraceHolder, TracePolls};

/// Calls by which somebody is given something to do.
const GIVES: &[&str] = &["send", "try_send", "unbounded_send", "blocking_send"];
/// One of so many polls of the one at work that each of the others has at most: those that it began with.
const HARDLY: u64 = 50;
/// Threads that must have idled all the while.
const LEAST_IDLE: u64 = 3;

/// The only function, or the only one seen at work, that gives something to one of several, where threads that are like the one that
/// serves everybody idled all the while; and how one sees it.
pub(super) fn dealer(joined: &Joined<'_>, serves: &TraceHolder) -> Option<(Culprit, String)> {
    let threads = joined.threads?;
    let idle = threads.standing.iter().filter(|row| row.polls >= LEAST_IDLE && is_alike(row, serves));
    let idle = idle.max_by_key(|row| row.polls)?;
    deals(joined, idle.own().first()?, idle.polls)
}

/// The same of tasks of one type, which everybody waits for there.
pub(super) fn dealer_of_tasks(joined: &Joined<'_>, kind: &str, stands: &TraceFrame) -> Option<(Culprit, String)> {
    let polls = joined.trace?.tasks.iter().filter(|task| task.kind == kind && !task.ended).map(|task| task.polls);
    let polls: Vec<u64> = polls.collect();
    let (all, most): (u64, u64) = (polls.iter().sum(), polls.iter().copied().max()?);
    let idle = u64::try_from(polls.iter().filter(|polls| **polls <= most / HARDLY).count()).ok()?;
    // What is given to one in every few is not given to all the others.
    let one = all - most <= idle * (most / HARDLY) && idle + 1 == u64::try_from(polls.len()).ok()?;
    // Of those that were never polled while they were traced nobody knows; the source does that starts them.
    let unseen = polls.len() == 1 && is_started_again(joined, stands);
    if one && (idle >= LEAST_IDLE || unseen) { deals(joined, stands, idle) } else { None }
}

/// Whether a function is called in loops alone: there are several of it.
fn is_started_again(joined: &Joined<'_>, stands: &TraceFrame) -> bool {
    joined.loops.is_some_and(|loops| {
        let mut calls = loops.call(stands.name()).into_iter().peekable();
        calls.peek().is_some() && calls.all(|(file, left)| loops.around(file, left.line) == Some(true))
    })
}

/// The only function that gives something to one of several, or the only one of these seen at work.
fn deals(joined: &Joined<'_>, stands: &TraceFrame, idle: u64) -> Option<(Culprit, String)> {
    let loops = joined.loops?;
    let all = loops.files.iter().flat_map(|(file, lines)| {
        let deals = move |line: &u32| lines.named_at(*line).map(|function| (file.as_str(), function, *line));
        lines.dealt.iter().filter_map(deals)
    });
    let mut all: Vec<_> = all.collect();
    all.dedup_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let culprit = loops.culprit(&stands.function, telling::only(joined, &all)?);
    let others = if idle == 0 { "the others".to_owned() } else { format!("{idle} others") };
    let told = format!(
        "{others} like it idled in {} all the while: {} gives what there is to do to one of them, as its source says, and not to these",
        stands.function,
        culprit.sentence()
    );
    Some((culprit, told))
}

/// Whether threads wait to be told in the function in which that one went on.
fn is_alike(idle: &TracePolls, serves: &TraceHolder) -> bool {
    idle.site.as_ref().is_some_and(|site| {
        let waits = site.call == FUTEX && matches!(site.cause, TraceCause::Notify | TraceCause::Channel);
        let goes_on =
            |frame: &TraceFrame| serves.site.own.iter().any(|one| guilty::same(one, frame) && one.line != frame.line);
        waits && site.own.first().is_some_and(goes_on)
    })
}

/// Lines that give something to what an index chose: `lanes[n].send(job)`, `lanes[n] <- job`.
pub(super) fn dealt(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let chosen = |at: &usize| {
        let named = |opens: &usize| *opens > 0 && (is_name(word(opens - 1)) || matches!(word(opens - 1), ")" | "]"));
        let index = opening(tokens, *at).filter(named).map(|opens| opens + 1..*at);
        word(*at) == "]"
            && index.is_some_and(|mut index| index.any(|at| word(at).starts_with(|c: char| c.is_alphabetic())))
    };
    let gives = |at: &usize| {
        let ends =
            (at + 1..tokens.len()).find(|at| matches!(word(*at), ";" | "{" | "}" | "=" | "," | "]")).unwrap_or(*at);
        word(at + 1) == "<-"
            || word(at + 1) == "." && (at + 1..ends).any(|at| GIVES.contains(&word(at)) && word(at + 1) == "(")
    };
    (0..tokens.len()).filter(|at| word(*at) == "]").filter(chosen).filter(gives).map(|at| tokens[at].0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;
    use crate::run::{ThreadsRecord, Trace, TraceSite, TraceTask};

    const LANES: &str = "\
impl Lanes {
    fn by_prefix(&self, p: Parcel) {
        let _ = self.lanes[n].send(p);
    }
    fn lock(&self, p: Parcel) {
        self.all[slot].lock().unwrap().counts += 1;
        self.first[0].send(p);
    }
}
fn lane(inbox: Receiver) {
    while let Ok(p) = inbox.recv() {
        label(p);
    }
}
";

    #[test]
    fn who_gives_all_to_one_of_several_that_are_alike_is_named_where_the_others_idle() {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let site = |call: &str, cause, own: Vec<TraceFrame>| TraceSite {
            call: call.into(),
            cause,
            own,
            ..TraceSite::default()
        };
        let of = |idle: u64, waits: &str, source: &str| {
            let mut loops = Loops::default();
            loops.read("a.rs", source);
            let own = vec![frame(waits, 11), frame("shop::start", 70)];
            let row =
                TracePolls { polls: idle, site: Some(site(FUTEX, TraceCause::Notify, own)), ..TracePolls::default() };
            let threads = ThreadsRecord { standing: vec![row], ..ThreadsRecord::default() };
            let own = vec![frame("shop::label", 49), frame("shop::lane", 12), frame("shop::start", 70)];
            let serves = TraceHolder { site: site("recvfrom", TraceCause::Socket, own), ..TraceHolder::default() };
            let joined = Joined { threads: Some(&threads), loops: Some(&loops), ..Joined::default() };
            dealer(&joined, &serves).map(|(at, _)| (at.function, at.line))
        };
        assert_eq!(of(15, "shop::lane", LANES), Some(("shop::Lanes::by_prefix".into(), 3)));
        assert_eq!(of(2, "shop::lane", LANES), None, "so few may have nothing to do");
        assert_eq!(of(15, "shop::sweep", LANES), None, "they are not like it");
        let again = format!("{LANES}fn other(&self, p: Parcel) {{\n    self.lanes[k].send(p);\n}}\n");
        assert_eq!(of(15, "shop::lane", &again), None, "one of two, and neither was seen");
    }

    #[test]
    fn who_gives_all_to_one_of_several_tasks_is_named_where_the_others_are_hardly_polled() {
        let stands = TraceFrame { function: "shop::lane".into(), file: "a.rs".into(), line: 11 };
        let started = |polls: &[u64], starts: &str| {
            let task = |polls: &u64| TraceTask { kind: "shop::lane".into(), polls: *polls, ..TraceTask::default() };
            let trace = Trace { tasks: polls.iter().map(task).collect(), ..Trace::default() };
            let mut loops = Loops::default();
            loops.read("a.rs", &format!("{LANES}{starts}"));
            let joined = Joined { trace: Some(&trace), loops: Some(&loops), ..Joined::default() };
            dealer_of_tasks(&joined, "shop::lane", &stands).map(|(at, _)| (at.function, at.line))
        };
        let of = |polls: &[u64]| started(polls, "");
        assert_eq!(of(&[1, 4000, 2, 1]), Some(("shop::Lanes::by_prefix".into(), 3)));
        assert_eq!(of(&[1, 4000, 300, 1]), None, "another one works, too");
        assert_eq!(of(&[4000, 1, 1]), None, "so few may have nothing to do");
        assert_eq!(of(&[4000]), None);
        let again = "fn start() {\n    for inbox in all {\n        tokio::spawn(lane(inbox));\n    }\n}\n";
        assert!(started(&[4000], again).is_some(), "the others were never polled");
        assert_eq!(started(&[4000], &again.replace("for inbox in all", "if first")), None, "there is one");
    }

    #[test]
    fn what_an_index_chose_is_given_something() {
        let of = |source: &str| dealt(&super::super::tokens::tokens(source)).into_iter().collect::<Vec<_>>();
        assert_eq!(of(LANES), [3]);
        assert!(
            of("fn f() {\n    buckets[h].push(one);\n    [a, b].iter().for_each(|one| one.send(m));\n}\n").is_empty()
        );
        assert_eq!(of("func (d *desk) deal(j job) {\n\td.lanes[j.key%16] <- j\n}\n"), [2]);
    }
}
