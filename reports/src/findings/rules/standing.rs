//! Threads that stood still from before the recording to its end, while operations were not answered: in a circle of locks, in a
//! lock that nobody lets go, in a call that does not return.

use crate::findings::cause::{innermost, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, guilty, losing, telling};
use crate::run::{ThreadsRecord, TraceCause, TraceEndKind, TraceFrame, TraceHolder, TracePolls, TraceSite};

use super::delayed_acks::READS;
use super::poll_blocked::{FUTEX, is_lock};

/// Part of the operations that must be missing for a call that does not return to be their reason: threads wait for work, too.
const MOSTLY: f64 = 0.5;
/// Calls in which a thread waits for whoever comes next.
pub(in crate::findings) const NEXT: &[&str] =
    &["accept", "accept4", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6"];

/// Threads that must wait to be told: one alone may do so between its work.
const LEAST_TOLD: u64 = 2;
/// Other places that are named.
const MOST_OTHERS: usize = 3;

/// Where they stand.
pub(super) struct Stuck {
    pub(super) culprit: Culprit,
    /// What they do there: follows "they".
    pub(super) place: String,
    pub(super) evidence: Vec<String>,
}

/// In locks that nobody let go all the while.
pub(super) fn in_locks(joined: &Joined<'_>) -> Option<Stuck> {
    let threads = joined.threads?;
    let all = locks(threads);
    // Of those that wait for each other, the place for whose locks most wait stands for all.
    if let Some(row) = all.iter().filter(|row| behind(&all, row) > 0).max_by_key(|row| behind(&all, row)) {
        return stuck(threads, &all, row);
    }
    let unknown = all.iter().filter(|row| holders(row).next().is_none() && !goes_on(threads, row));
    let row = unknown.max_by_key(|row| row.polls)?;
    stuck(threads, &all, row)
}

/// In locks whose holders stand still themselves, in something else than a lock.
pub(super) fn behind_holders(joined: &Joined<'_>) -> Option<Stuck> {
    let threads = joined.threads?;
    let all = locks(threads);
    // Who waits to be told while it has a lock is a pool that waits for work.
    let busy = |row: &TracePolls| row.holders.iter().position(|holder| holder.site.call != FUTEX);
    let kept = all.iter().filter_map(|row| Some((row, &row.holders[busy(row)?])));
    let (row, holder) = kept.max_by_key(|(row, _)| row.polls)?;
    let culprit = innermost(&holder.site)?;
    let mut found = stuck(threads, &all, row)?;
    found.place = format!("wait for a lock that {} keeps while it stands in `{}`", culprit.function, holder.site.call);
    found.evidence.push(format!(
        "whoever has it stands in `{}` at {} all the while",
        holder.site.call,
        culprit.sentence()
    ));
    found.culprit = culprit;
    Some(found)
}

/// In a call that did not return, where next to nothing was answered.
pub(super) fn in_calls(joined: &Joined<'_>, missing: f64) -> Option<Stuck> {
    let threads = joined.threads?;
    if missing < MOSTLY {
        return serving(joined, threads);
    }
    let own = || {
        let own = threads.standing.iter().filter(|row| site(row).is_some_and(|site| !site.own.is_empty()));
        own.filter(|row| !waits_for_work(threads, row))
    };
    // Who serves connections waits for whoever works for it.
    let of = |kind: fn(&TraceSite) -> bool| {
        own().filter(|row| site(row).is_some_and(kind)).max_by_key(|row| (!serves_connections(threads, row), row.polls))
    };
    let outside =
        of(|site| site.call != FUTEX && !NEXT.contains(&site.call.as_str()) && !READS.contains(&site.call.as_str()));
    // One thread may wait for what its client asks next; several connections are dropped before they do.
    let row = outside
        .or_else(|| of(|site| READS.contains(&site.call.as_str())))
        .or_else(|| of(|site| site.call == FUTEX && site.cause != TraceCause::Join))?;
    stuck(threads, &locks(threads), row)
}

/// Threads that wait to be told what to answer to a client whose question they have read.
fn serving(joined: &Joined<'_>, threads: &ThreadsRecord) -> Option<Stuck> {
    let told = |site: &TraceSite| {
        site.call == FUTEX && matches!(site.cause, TraceCause::Notify | TraceCause::Channel) && !site.own.is_empty()
    };
    let most = |rows: &'_ [TracePolls]| {
        let rows = rows.iter().filter(|row| row.polls >= LEAST_TOLD && site(row).is_some_and(told));
        rows.filter(|row| has_read(threads, row)).max_by_key(|row| row.polls).cloned()
    };
    let stood = most(&threads.standing);
    let row = &stood.clone().or_else(|| most(&threads.stayed))?;
    let mut found = stuck(threads, &locks(threads), row)?;
    if stood.is_none() {
        found.evidence[0] = format!(
            "{} of {} came to {} and were nowhere else until the end of the recording, for {} at least",
            counted(row.polls),
            row.kind,
            found.culprit.sentence(),
            time(row.longest_s)
        );
    }
    found.place = format!("wait to be told in {}", found.culprit.function);
    if let Some((culprit, told)) = site(row).and_then(|site| losing::who_lost_it(joined, &site.own)) {
        found.evidence.push(told);
        found.culprit = culprit;
        return Some(found);
    }
    let waits = site(row).and_then(|site| site.own.first());
    let tells = waits.and_then(|frame| {
        let loops = joined.loops?;
        Some(loops.culprit(&frame.function, telling::only(joined, &loops.tell_one(&frame.file, frame.line))?))
    });
    if let Some(culprit) = tells {
        found.place = format!("{}, of which {} wakes one", found.place, culprit.function);
        found.evidence.push(format!("whoever tells them wakes one of them: {}", culprit.sentence()));
        found.culprit = culprit;
    }
    Some(found)
}

/// Whether threads stand deeper in a function that reads what clients ask, itself or by one that it calls.
fn has_read(threads: &ThreadsRecord, row: &TracePolls) -> bool {
    let Some([_, around @ ..]) = site(row).map(|site| site.own.as_slice()) else { return false };
    asked(threads).any(|asked| asked.own.iter().take(2).any(|reads| around.iter().any(|one| guilty::same(one, reads))))
}

/// The stacks among these in which threads wait for what their client asks next.
pub(super) fn reading(rows: &[TracePolls]) -> Vec<&[TraceFrame]> {
    let blocked = rows.iter().filter(|row| row.doing == TraceEndKind::Blocked).filter_map(site);
    blocked.filter(|site| READS.contains(&site.call.as_str())).map(|site| site.own.as_slice()).collect()
}

/// Where threads wait for what their client asks next.
fn asked(threads: &ThreadsRecord) -> impl Iterator<Item = &TraceSite> {
    let sites = threads.kept.iter().chain(&threads.kept_open).filter_map(site);
    sites.filter(|asked| READS.contains(&asked.call.as_str()))
}

/// Holders of a lock: who waits for the end of another thread merely knows of it.
fn holders(row: &TracePolls) -> impl Iterator<Item = &TraceHolder> {
    row.holders.iter().filter(|holder| holder.site.cause != TraceCause::Join)
}

/// Whether threads that come through the same function go on: others wait for work in a lock that one of them has, by turns.
fn goes_on(threads: &ThreadsRecord, row: &TracePolls) -> bool {
    let first = site(row).and_then(|site| site.own.first());
    let comes_through = |other: &TracePolls| {
        first.is_some_and(|first| {
            site(other).is_some_and(|site| site.own.iter().any(|frame| guilty::same(frame, first)))
        })
    };
    threads.kept.iter().chain(&threads.kept_open).any(comes_through)
}

/// Whether threads stand where others of that loop come to their work: these went on from there, and stand deeper.
fn waits_for_work(threads: &ThreadsRecord, row: &TracePolls) -> bool {
    let Some([_, around @ ..]) = site(row).map(|site| site.own.as_slice()).filter(|own| own.len() > 1) else {
        return false;
    };
    let at_work = |other: &TracePolls| {
        let own = other.own();
        let deeper = own.len() > around.len() + 1 && other.kind != row.kind;
        deeper && own.iter().rev().zip(around.iter().rev()).all(|(a, b)| a == b)
    };
    threads.standing.iter().any(at_work)
}

/// Whether threads stand within a function in which others wait for what their client asks next.
fn serves_connections(threads: &ThreadsRecord, row: &TracePolls) -> bool {
    let Some((_, own)) = site(row).and_then(|site| site.own.split_last()) else { return false };
    asked(threads).any(|asked| asked.own.iter().any(|frame| own.iter().any(|one| guilty::same(one, frame))))
}

fn site(row: &TracePolls) -> Option<&TraceSite> {
    row.site.as_ref()
}

/// Those that stand in a lock, in a function of the program.
fn locks(threads: &ThreadsRecord) -> Vec<&TracePolls> {
    let own = |row: &&TracePolls| site(row).is_some_and(|site| site.cause == TraceCause::Lock && !site.own.is_empty());
    threads.standing.iter().filter(|row| is_lock(row)).filter(own).collect()
}

fn is_among(all: &[&TracePolls], place: &TraceSite) -> bool {
    all.iter().any(|row| site(row).is_some_and(|site| site.own == place.own))
}

/// Threads that wait for locks that those of a place hold.
fn behind(all: &[&TracePolls], place: &TracePolls) -> u64 {
    let here = |holder: &TraceHolder| site(place).is_some_and(|site| site.own == holder.site.own);
    all.iter().filter(|row| row.holders.iter().any(here)).map(|row| row.polls).sum()
}

fn stuck(threads: &ThreadsRecord, locks: &[&TracePolls], row: &TracePolls) -> Option<Stuck> {
    let culprit = innermost(site(row)?)?;
    let mut evidence = vec![format!(
        "{} of {} stood at {} from before the recording to its end, {}",
        counted(row.polls),
        row.kind,
        culprit.sentence(),
        time(threads.head.wall_s)
    )];
    let place = match (row.holders.iter().find(|holder| is_among(locks, &holder.site)), is_lock(row)) {
        (Some(holder), _) => {
            let whom = innermost(&holder.site)?;
            let whom =
                if whom.is_at(&culprit) { "another thread in the same function".to_owned() } else { whom.sentence() };
            evidence
                .push(format!("the lock that they wait for is in the hands of {whom}, which waits for a lock itself"));
            "wait for each other's locks".to_owned()
        }
        (None, true) => "wait for a lock that nobody lets go".to_owned(),
        (None, false) => format!("stand in `{}`, which does not return,", site(row)?.call),
    };
    let others = locks.iter().filter(|other| ***other != *row);
    let others = others.filter_map(|other| Some(format!("{} at {}", other.polls, innermost(site(other)?)?.sentence())));
    let others: Vec<String> = others.take(MOST_OTHERS).collect();
    if !others.is_empty() {
        evidence.push(format!("others stood in locks as long: {}", others.join(", ")));
    }
    Some(Stuck { place: format!("{place} in {}", culprit.function), culprit, evidence })
}

fn counted(threads: u64) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}
