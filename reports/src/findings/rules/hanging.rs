//! Goroutines that hang: they came with the load, and nobody woke them until the end.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::findings::cause::{Answer, Cause, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{overwriting, skipping, telling};
use crate::run::{TraceCause, TracePolls, TraceSite, WaitPlace};

use super::goroutine_waits::is_for_others;
use super::never_answered::{OF_TIMEOUT, SLUG, not_answered};

/// How many must hang.
const LEAST: u64 = 2;
/// Other places that are named.
const MOST_OTHERS: usize = 3;

/// `missing` is how many operations were not answered, where they were counted, and their part.
pub(super) fn look(joined: &Joined<'_>, missing: Option<(u64, f64)>) -> Option<Answer> {
    let are_enough = |rows: &[TracePolls]| rows.iter().map(|row| row.polls).sum::<u64>() >= LEAST;
    let hanging = joined.threads?.hanging.as_slice();
    let to_the_end = are_enough(hanging);
    let rows = if to_the_end { Cow::Borrowed(hanging) } else { Cow::Owned(given_up(joined)) };
    if !are_enough(&rows) {
        return None;
    }
    let row = first(&rows)?;
    let waits = innermost(row.site.as_ref()?)?;
    let how = if is_lock(row) { "for a lock" } else { "on a channel" };
    let mut evidence: Vec<String> =
        missing.map(|(missing, part)| not_answered(joined, missing, part)).into_iter().collect();
    let (place, longest) = (waits.sentence(), time(row.longest_s));
    evidence.push(match to_the_end {
        true => format!(
            "{} goroutines that came with the load wait {how} at {place}, the longest for {longest}, and nobody woke them until \
             the end",
            row.polls
        ),
        false => format!(
            "goroutines of operations waited {how} at {place} for {longest}, until those gave up who had asked, among {} waits there",
            row.polls
        ),
    });
    let others = rows.iter().filter(|other| *other != row);
    let others =
        others.filter_map(|other| Some(format!("{} at {}", other.polls, innermost(other.site.as_ref()?)?.sentence())));
    let others: Vec<String> = others.take(MOST_OTHERS).collect();
    if !others.is_empty() {
        evidence.push(format!("others hang as well: {}", others.join(", ")));
    }
    let mut place = format!("wait {how} in {}", waits.function);
    let frame = row.site.as_ref().and_then(|site| site.own.first());
    let lost = row.site.as_ref().and_then(|site| overwriting::overwriting(joined, &site.own));
    let lost = lost.or_else(|| skipping::skips_closing(joined, frame?));
    let sends = frame.filter(|_| lost.is_none()).and_then(|frame| {
        let loops = joined.loops?;
        Some(loops.culprit(&waits.function, telling::only(joined, &loops.send(&frame.file, frame.line))?))
    });
    let culprit = match sends {
        Some(sender) => {
            let _ = write!(place, " for what {} sends", sender.function);
            evidence.push(format!("nobody else sends there, as the sources say: {}", sender.sentence()));
            sender
        }
        None => waits,
    };
    let culprit = match lost {
        Some((overwrites, told)) => {
            evidence.push(told);
            overwrites
        }
        None => culprit,
    };
    let whose = missing.map_or("some".to_owned(), |(_, part)| format!("{} of the", percent(part)));
    Some(Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{whose} operations are never answered: goroutines {place}"),
        share: 1.0,
        culprit: Some(culprit),
        evidence,
        refuted_by: "a later look would find those goroutines elsewhere".into(),
        next: joined.again("wait"),
        proof: "wait",
        depth: 7,
        foremost: true,
    }]))
}

/// Where goroutines of operations waited for others until their clients gave up, instead of polls the number of all waits there.
fn given_up(joined: &Joined<'_>) -> Vec<TracePolls> {
    let places = joined.threads.into_iter().flat_map(|threads| &threads.waited);
    let long = places.filter(|place| {
        place.called_back
            && is_for_others(place)
            && joined.timeout_s > 0.0
            && place.longest_s >= OF_TIMEOUT * joined.timeout_s
    });
    let row = |place: &WaitPlace| {
        let cause = if place.within.ends_with("Lock") { TraceCause::Lock } else { TraceCause::Channel };
        let site = TraceSite { cause, own: place.own.clone(), ..TraceSite::default() };
        let (polls, total_s, longest_s) = (place.waits, place.total_s, place.longest_s);
        TracePolls { site: Some(site), polls, total_s, longest_s, ..TracePolls::default() }
    };
    long.map(row).collect()
}

/// The place that comes before the others: who waits on a channel may keep the lock that others wait for; of those that wait for
/// each other's locks there is one for each lock, however many wait for them.
fn first(rows: &[TracePolls]) -> Option<&TracePolls> {
    let told = rows.iter().filter(|row| !is_lock(row)).max_by_key(|row| row.polls);
    told.or_else(|| rows.iter().min_by(|a, b| a.polls.cmp(&b.polls).then(b.longest_s.total_cmp(&a.longest_s))))
}

fn is_lock(row: &TracePolls) -> bool {
    row.site.as_ref().is_some_and(|site| site.cause == TraceCause::Lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ThreadsRecord, TraceFrame};

    fn of(rows: &[(TraceCause, &str, u64)]) -> Option<String> {
        let row = |(cause, function, polls): &(TraceCause, &str, u64)| {
            let frame = TraceFrame { function: (*function).into(), file: "shop/main.go".into(), line: 9 };
            let site = TraceSite { cause: *cause, own: vec![frame], ..TraceSite::default() };
            TracePolls { site: Some(site), polls: *polls, longest_s: 3.0, ..TracePolls::default() }
        };
        let threads = ThreadsRecord { hanging: rows.iter().map(row).collect(), ..ThreadsRecord::default() };
        match look(&Joined { threads: Some(&threads), ..Joined::default() }, Some((40, 0.1))) {
            Some(Answer::Found(causes)) => causes[0].culprit.as_ref().map(|at| at.function.clone()),
            _ => None,
        }
    }

    #[test]
    fn who_waits_on_a_channel_comes_before_those_that_wait_for_its_lock() {
        let rows = [(TraceCause::Lock, "main.total", 40), (TraceCause::Channel, "main.publish", 1)];
        assert_eq!(of(&rows).as_deref(), Some("main.publish"));
    }

    #[test]
    fn who_waited_until_its_client_gave_up_hung() {
        let of = |longest_s, called_back| {
            let own = vec![TraceFrame { function: "main.ticket".into(), file: "shop/main.go".into(), line: 9 }];
            let place = WaitPlace {
                function: "main.ticket".into(),
                file: "shop/main.go".into(),
                line: 9,
                within: "select".into(),
                own,
                called_back,
                waits: 300,
                total_s: 9.0,
                longest_s,
                ..WaitPlace::default()
            };
            let threads = ThreadsRecord { waited: vec![place], ..ThreadsRecord::default() };
            match look(&Joined { threads: Some(&threads), timeout_s: 2.0, ..Joined::default() }, Some((4, 0.01))) {
                Some(Answer::Found(causes)) => causes[0].culprit.as_ref().map(|at| at.function.clone()),
                _ => None,
            }
        };
        assert_eq!(of(2.0, true).as_deref(), Some("main.ticket"));
        assert_eq!(of(1.0, true), None, "it was answered");
        assert_eq!(of(2.0, false), None, "one of the program's own that waits for work");
    }

    #[test]
    fn of_a_circle_of_locks_it_is_one_of_those_in_it() {
        let rows = [
            (TraceCause::Lock, "main.view", 30),
            (TraceCause::Lock, "main.swap", 1),
            (TraceCause::Lock, "main.move", 1),
        ];
        assert_eq!(of(&rows).as_deref(), Some("main.swap"));
    }

    #[test]
    fn one_alone_may_wait_for_work() {
        assert_eq!(of(&[(TraceCause::Channel, "main.worker", 1)]), None);
        assert_eq!(of(&[]), None);
    }
}
