//! Operations wait for something that somebody has: a lock, a permit, a connection, a thread's mutex. To blame is who
//! keeps it while waiting for something else, or computing.

use crate::findings::cause::{Answer, Cause, at, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{Culprit, Felt, dealing, experiment, forgetting, guilty, owner};
use crate::run::{GOROUTINES, TraceCause, TraceEndKind, TraceFrame, TraceHolder, TracePolls, TraceWait};

use super::ahead;
use super::behind_jobs;
use super::copying;
use super::file_locks;
use super::idling::{is_fellow, is_idle, is_within_a_call, stands_in_the_call, works_off_a_queue};
use super::kept_waiting::{Kept, What, held};
use super::own_limit;
use super::poll_blocked::{holder_of, is_for_a_thread, is_lock};
use super::throughput_pinned;

pub(in crate::findings) const SLUG: &str = "waiting-on-owner";
/// Waits of an operation shorter than this on average are no convoy, seconds.
pub(super) const LEAST_S: f64 = 0.000_3;
/// Waits for each operation below which few are kept, and a limit is there to keep them.
const LEAST_OFTEN: f64 = 0.1;
/// Threads that must wait at any moment, on average, where operations are not known.
const LEAST_WAITING: f64 = 0.3;
/// Part of the latency under full load that waits for the owner must be.
const LEAST_UNDER_LOAD: f64 = 0.4;
/// How many times what its owner was seen to do waits may last: part of it was before the recording looked, or is not told. Where
/// whole threads or goroutines wait, as many do at once as there are clients.
const SEEN: f64 = 5.0;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if joined.trace.is_none() && joined.threads.is_none() {
        return Answer::Blind("trace");
    }
    let mut causes = of_tasks(joined);
    causes.extend(of_threads(joined).into_iter().map(|(_, cause)| cause));
    causes.extend(behind_jobs::of_pool(joined));
    causes.extend(file_locks::of(joined));
    causes.extend(ahead::of(joined));
    Answer::of(causes, || "nobody waits for a lock, a permit or a thread of the blocking pool for long".into())
}

/// Waits for locks and permits of tokio.
fn of_tasks(joined: &Joined<'_>) -> Vec<Cause> {
    let Some(trace) = joined.trace else { return Vec::new() };
    let saturated = trace.saturated.as_deref();
    let locks = |waits: &[TraceWait]| -> Vec<TraceWait> {
        let at_lock = |wait: &&TraceWait| wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Lock);
        waits.iter().filter(at_lock).filter(|wait| joined.serves(&wait.kind)).cloned().collect()
    };
    let open = locks(&trace.waits);
    let busy = saturated.map(|phase| locks(&phase.waits)).unwrap_or_default();
    let mut causes = Vec::new();
    let mut seen = Vec::new();
    for wait in open.iter().chain(&busy) {
        let Some(site) = &wait.site else { continue };
        let place = (site.function.clone(), site.line);
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let total =
            |waits: &[TraceWait]| -> f64 { waits.iter().filter(|one| one.is_at(site)).map(|one| one.total_s).sum() };
        let each = joined.traced_operations().map_or(0.0, |operations| total(&open) / operations);
        #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
        let each_busy = total(&busy) / (joined.traced_saturated.max(1) as f64);
        let latency_busy = f64::from(joined.concurrency) / joined.metric("capacity").unwrap_or(f64::INFINITY);
        let under_load =
            if latency_busy > 0.0 && saturated.is_some() { (each_busy / latency_busy).min(1.0) } else { 0.0 };
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let often = joined.traced_operations().is_some_and(|operations| wait.count as f64 >= LEAST_OFTEN * operations);
        let in_open = if each >= LEAST_S && often { joined.part(each) } else { 0.0 };
        // Few waits, however long, keep no throughput down: most operations never come there.
        let counted: u64 = busy.iter().filter(|one| one.is_at(site)).map(|one| one.count).sum();
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let often_busy = counted as f64 >= LEAST_OFTEN * joined.traced_saturated as f64;
        let pinned = joined.is_pinned() && !joined.has_room() && under_load >= LEAST_UNDER_LOAD && often_busy;
        if in_open < LEAST_SHARE && !pinned {
            continue;
        }
        let share = if pinned { in_open.max(under_load) } else { in_open };
        let cases = trace.cases.iter().chain(saturated.into_iter().flat_map(|phase| &phase.cases));
        let owned = owner::waited_at(cases, site);
        if in_open < LEAST_SHARE && saturated.is_some_and(|phase| own_limit::sleeps_with(phase, site)) {
            continue;
        }
        let mut evidence = vec![format!(
            "tasks of {} waited {} there for each operation{}",
            wait.kind,
            time(if pinned && each_busy > each { each_busy } else { each }),
            if pinned && each_busy > each { " under full load" } else { "" }
        )];
        if pinned {
            let how = if joined.rises() { "rises by less than the clients" } else { "does not rise" };
            evidence
                .extend(joined.ladder().map(|ladder| format!("throughput {how}: {ladder}, and the CPUs are not busy")));
        }
        let (culprit, what) = match owned.first() {
            Some((case, owner)) => {
                evidence.push(format!("the longest: {}", case.sentence()));
                (owner::keeper(joined, site, owner), owner.doing().to_owned())
            }
            None => (innermost(site), "it is held".to_owned()),
        };
        let forgets = site.own.first().and_then(|waits| forgetting::forgets_permit(joined, waits));
        // Who gives back what another one has for good is not who keeps it.
        let forgets = forgets.filter(|(at, _)| owned.first().is_none_or(|(_, owner)| !owner.stands_in(&at.function)));
        let (culprit, what) = match forgets {
            Some((forgets, told)) => {
                evidence.push(told);
                (Some(forgets), "it has gone without giving it back".to_owned())
            }
            None => (culprit, what),
        };
        let place = culprit.as_ref().map(|culprit| culprit.function.clone()).unwrap_or_default();
        let mut cause = Cause {
            rule: SLUG,
            title: format!("{} wait for what {place} keeps while {what}", joined_kind(&wait.kind)),
            share,
            culprit,
            evidence,
            refuted_by: "the wait there would be as long if it were given back before that".into(),
            next: joined.again("trace"),
            proof: "trace",
            depth: 5,
            foremost: false,
        };
        // Operations that come rarely find it free; who comes by the clock has it as often.
        if owned.first().is_some_and(|(_, owner)| joined.serves(&owner.link.kind)) {
            experiment::offer_gentler(joined, &mut cause, "operations would wait there as long as now");
        }
        causes.push(cause);
    }
    causes
}

fn joined_kind(kind: &str) -> String {
    format!("tasks of {kind}")
}

/// Whether somebody is found who keeps one of a pool that others wait for.
pub(super) fn keeps_one_of_a_pool(joined: &Joined<'_>) -> bool {
    of_threads(joined).iter().any(|(what, _)| *what == What::OneOfAPool)
}

/// Waits of threads for each other's mutexes, and of goroutines, with what each is for.
fn of_threads(joined: &Joined<'_>) -> Vec<(What, Cause)> {
    // Within polls where tasks were traced; otherwise of all threads.
    let (rows, operations): (Vec<&TracePolls>, Option<f64>) = match (joined.trace, joined.threads) {
        (Some(_), _) => (joined.polls().iter().filter(|row| !row.blocking).collect(), joined.traced_operations()),
        (None, Some(_)) => joined.kept().map(|(rows, count)| (rows.iter().collect(), count)).unwrap_or_default(),
        _ => return Vec::new(),
    };
    // Where nobody knows of operations, what waits cost is told by the time: how many wait at any moment.
    let by_time = joined.attached && operations.is_none();
    let wall_s =
        if joined.trace.is_some() { joined.traced_s() } else { joined.threads.map_or(0.0, |all| all.head.wall_s) };
    // Time of each thread by itself; of tasks it is that of all who wait.
    let most_s = Some(joined.kept_s()).filter(|kept| joined.trace.is_none() && *kept > 0.0).unwrap_or(f64::INFINITY);
    let mut found: Vec<Kept> = Vec::new();
    // Functions whose loops serve everybody, one after the other.
    let mut in_turn_of: Vec<String> = Vec::new();
    // Functions that give one of several all there is to do.
    let mut dealers: Vec<String> = Vec::new();
    // Without tasks a thread that waits to be told waits for an owner where more clients get no more: otherwise it waits for
    // work that is done for it.
    let pinned = joined.is_pinned();
    let told = joined.trace.is_none() && pinned;
    let waits = |row: &&TracePolls| {
        let for_others =
            || told || queues(joined, row, operations) || joined.trace.is_none() && leased(joined, row).is_some();
        is_lock(row) || is_for_a_thread(row) && for_others()
    };
    let mut rows: Vec<&TracePolls> =
        rows.into_iter().filter(|row| row.doing == TraceEndKind::Blocked).filter(waits).collect();
    rows.sort_by_key(|row| !is_lock(row));
    for row in rows {
        let Some(waiter) = row.site.as_ref().filter(|site| !site.own.is_empty()) else { continue };
        let within = is_within_a_call(waiter);
        let may_hold = |one: &&TraceHolder| !within || stands_in_the_call(one, waiter);
        let holders: Vec<TraceHolder> = row.holders.iter().filter(may_hold).cloned().collect();
        let holders =
            if is_lock(row) && !within { guilty::takers(joined, &waiter.own, holders, most_s) } else { holders };
        // Who waits within a poll is no thread of a pool that waits for work.
        let has = |one: &TraceHolder| guilty::taker(joined, &one.site.own).is_some();
        let works = |one: &TraceHolder| has(one) || !is_lock(row) && works_off_a_queue(joined, one);
        // A goroutine that others wait to be told by is one that was seen to do something else.
        let of_goroutines = row.kind == GOROUTINES && !is_lock(row);
        let idles = |one: &TraceHolder| {
            let fellow = !is_lock(row) && is_fellow(one, waiter);
            joined.trace.is_none() && !of_goroutines && (fellow || is_idle(one, waiter) && !works(one))
        };
        let lessee = if joined.trace.is_none() && !is_lock(row) { leased(joined, row) } else { None };
        let has_lease = |one: &TraceHolder| lessee.is_some_and(|(_, holder)| holder.site.looks_like(&one.site));
        let idles = |one: &TraceHolder| !has_lease(one) && idles(one);
        let awake: Vec<TraceHolder> = holders.iter().filter(|one| !idles(one)).cloned().collect();
        let nearest = if is_lock(row) { None } else { asks_first(joined, &awake) };
        let Some(first) = nearest.or(awake.first()) else { continue };
        let shared = if is_lock(row) && !within { guilty::sharing(&waiter.own, &holders, most_s) } else { None };
        let all: f64 = holders.iter().map(|holder| holder.total_s).sum();
        let awake_s: f64 = awake.iter().map(|holder| holder.total_s).sum();
        // Who has it mostly idles: it is the queue of a pool, and nobody waits for an answer in it.
        if shared.is_none() && awake_s < 0.5 * all {
            continue;
        }
        let kept = if lessee.is_some() {
            lessee
        } else if is_lock(row) && !within {
            shared.or_else(|| guilty::standing(joined, &waiter.own, &awake))
        } else {
            None
        };
        // Who serves everybody alone is slow by what it does for each: that is its loop's to decide.
        let in_turn = || {
            let alone = !is_lock(row) && (row.kind == GOROUTINES || serves_alone(joined, first));
            Some((guilty::serving(joined, &first.site.own).filter(|_| alone)?, first))
        };
        let innermost_one = || Some((first.site.own.first()?, first));
        let turn = if kept.is_none() { in_turn() } else { None };
        in_turn_of.extend(turn.map(|(frame, _)| frame.function.clone()));
        let Some((frame, holder)) = kept.or(turn).or_else(innermost_one) else { continue };
        // A poll that blocks is the deeper cause, and has a rule of its own.
        if joined.trace.is_some() && holder_of(row).is_some_and(|(who, call)| blocks_in_polls(joined, &who, call)) {
            continue;
        }
        // What is copied under a lock that nobody can let go before is a cause of its own.
        if within && copying::most(joined).is_some_and(|(who, _)| first.site.own.iter().any(|one| at(one).is_at(&who)))
        {
            continue;
        }
        // Who tells late because it does its work under a lock that others wait for is late by that lock.
        let stands_in = |known: &Culprit| holder.site.own.iter().any(|frame| frame.function == known.function);
        let behind = || {
            let kept = |kept: &&Kept| kept.what != What::Telling && kept.each_s >= LEAST_S && stands_in(&kept.culprit);
            found.iter().find(kept)
        };
        let behind = if is_lock(row) { None } else { behind().map(|kept| kept.culprit.clone()) };
        let dealt = if turn.is_some() { dealing::dealer(joined, holder) } else { None };
        dealers.extend(dealt.iter().map(|(dealer, _)| dealer.function.clone()));
        let (dealer, dealt) = dealt.filter(|_| behind.is_none()).unzip();
        let works = is_lock(row) && !within && holder.doing == TraceEndKind::Cpu && behind.is_none();
        let inside = joined.loops.filter(|_| works).and_then(|loops| loops.works_inside(&holder.site.own, frame));
        let culprit = behind.or(dealer).unwrap_or_else(|| at(inside.unwrap_or(frame)));
        // Whoever waits for it in a poll keeps those waiting that are ready on its worker.
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let others = if joined.trace.is_some() { joined.others_wait_s(row.polls as f64, row.total_s) } else { 0.0 };
        // Who was hardly seen to do anything meanwhile did not keep it all that time; within a call of the runtime's, who was not
        // seen in it did not keep it at all: the thread waited for a CPU, or to be woken.
        let waited_s = if within { row.total_s.min(all) } else { row.total_s };
        let at_once = if joined.trace.is_some() { 1.0 } else { f64::from(joined.concurrency.max(1)) };
        // Who idles at the same time has no part in what one keeps that is known by the function that both go through.
        let by_it = shared.map_or(0.0, |(_, holder)| holder.total_s / all.min(most_s).max(1e-9));
        let part = by_it.max(awake_s / all.max(1e-9));
        let kept_s = (waited_s * part.min(1.0)).min(SEEN * at_once * awake_s);
        let others = others * waited_s / row.total_s.max(1e-9);
        let each = match operations {
            Some(operations) => kept_s / operations + others,
            None if by_time => kept_s / wall_s.max(1e-9),
            None => others,
        };
        // Who works for everybody side by side takes as long for one alone: to wait for that is no queue.
        let of_a_pool = joined.trace.is_none() && !is_lock(row) && turn.is_none();
        let alone = |felt: &&Felt| felt.excess_s < 0.5 * felt.base_s && each < QUEUES_IN_POOLS * felt.base_s;
        if of_a_pool && joined.felt.as_ref().is_some_and(|felt| alone(&felt)) {
            continue;
        }
        let place = innermost(waiter).map(|place| place.sentence()).unwrap_or_default();
        let what = if inside.is_some() { What::Work } else { What::of(row) };
        let told = format!(
            "{} waited {} in all {} at {place}; meanwhile {} {}",
            row.kind,
            time(row.total_s),
            what.waited_for(),
            holder.site.own.first().map(|frame| frame.function.clone()).unwrap_or_default(),
            held(holder)
        );
        let beside = (others > 0.0)
            .then(|| format!("who was ready on the workers that this kept waited, too: {} an operation", time(others)));
        let told = [told].into_iter().chain(beside).chain(dealt);
        match found.iter_mut().find(|kept| kept.culprit.function == culprit.function) {
            Some(kept) => {
                // Who waits to be told waits through the same time as who waits for the lock: locks come first.
                if !is_lock(row) && each > kept.each_s {
                    kept.what = what;
                }
                kept.each_s = if is_lock(row) { kept.each_s + each } else { kept.each_s.max(each) };
                kept.evidence.extend(told);
            }
            None => found.push(Kept { culprit, each_s: each, what, evidence: told.collect() }),
        }
    }
    let causes = found.into_iter().filter_map(|Kept { culprit, each_s: each, what, mut evidence }| {
        let share = if by_time { each.min(1.0) } else { joined.part(each) };
        if each < LEAST_S || share < if by_time { LEAST_WAITING } else { LEAST_SHARE } {
            return None;
        }
        let (cost, of_what) = match by_time {
            true => (format!("{each:.1} of them at any moment"), "on average; operations were not seen".to_owned()),
            false => (format!("{} an operation", time(each)), format!("{} of the excess latency", percent(share))),
        };
        evidence.push(format!("{cost}, {of_what}"));
        let serves =
            what == What::Telling && pinned && in_turn_of.iter().chain(&dealers).any(|of| *of == culprit.function);
        let cause = Cause {
            rule: if serves { throughput_pinned::SLUG } else { SLUG },
            title: match what {
                What::Lock => format!("{} keeps a lock that others wait for, {cost}", culprit.function),
                What::Work => {
                    format!("{} works on what stands in a lock that others wait for, {cost}", culprit.function)
                }
                What::OneOfAPool => format!("{} keeps one of a pool that others wait for, {cost}", culprit.function),
                What::Telling if serves && dealers.contains(&culprit.function) => {
                    format!(
                        "everybody waits for one of several, to whom {} gives all there is to do, {cost}",
                        culprit.function
                    )
                }
                What::Telling if serves => {
                    format!("everybody waits for {}, which serves one after the other, {cost}", culprit.function)
                }
                What::Telling => format!("{} keeps others waiting, {cost}", culprit.function),
            },
            share,
            culprit: Some(culprit),
            evidence,
            refuted_by: match what {
                What::Work => "the waits would be as long if that work took a quarter of the time",
                _ => "the waits would be as long if the lock were let go before that work",
            }
            .into(),
            next: joined.again("wait,trace"),
            // Places where threads wait are in the waits of threads.
            proof: if joined.threads.is_some() { "wait" } else { "trace" },
            depth: 5,
            foremost: false,
        };
        Some((what, cause))
    });
    causes.collect()
}

/// How many times what an operation takes alone the wait for one of a pool must be for others to be before it.
const QUEUES_IN_POOLS: f64 = 1.5;

/// The function that has what others wait for in another one, as a connection of a pool, by the source; and who shows it.
fn leased<'r>(joined: &Joined<'_>, row: &'r TracePolls) -> Option<(&'r TraceFrame, &'r TraceHolder)> {
    let (loops, waits) = (joined.loops?, row.site.as_ref()?.own.first()?);
    let has = |frame: &&TraceFrame| loops.leases(&frame.file, frame.line, waits.name());
    row.holders.iter().find_map(|holder| Some((holder.site.own.iter().find(has)?, holder)))
}

/// How many times what an operation takes alone the wait for a goroutine must be for others to be before it.
const QUEUES: f64 = 3.0;

/// Whether goroutines wait to be told by one that had others to serve, or something else to do: far longer than an operation takes.
fn queues(joined: &Joined<'_>, row: &TracePolls, operations: Option<f64>) -> bool {
    let alone = joined.felt.as_ref().map(|felt| felt.base_s).filter(|base| *base > 0.0);
    let of_goroutines = row.kind == GOROUTINES && joined.trace.is_none();
    of_goroutines && operations.zip(alone).is_some_and(|(operations, alone)| row.total_s / operations >= QUEUES * alone)
}

/// Part of the time that is more than one thread can stand in a place.
const MORE_THAN_ONE: f64 = 1.05;

/// Whether one thread alone stands where that one does, of programs without tasks.
fn serves_alone(joined: &Joined<'_>, holder: &TraceHolder) -> bool {
    let Some((rows, _)) = joined.kept() else { return false };
    let stood = || rows.iter().filter(|row| row.site.as_ref().is_some_and(|site| site.looks_like(&holder.site)));
    let stood_s: f64 = stood().map(|row| row.total_s).sum();
    let several = stood().any(|row| joined.threads.is_some_and(|threads| threads.at_work(&row.kind) > 1));
    joined.trace.is_none() && !several && stood_s > 0.0 && stood_s <= MORE_THAN_ONE * joined.kept_s()
}

/// Part of the longest that others are kept through by who waits for that one all the while.
const AS_LONG: f64 = 0.8;

/// Of those that others wait to be told by, who waits itself for the one that took longest: it asks that one for them.
fn asks_first<'h>(joined: &Joined<'_>, awake: &'h [TraceHolder]) -> Option<&'h TraceHolder> {
    let (first, others) = awake.split_first()?;
    let (rows, _) = joined.kept()?;
    let asks = |one: &&TraceHolder| {
        let mut its = rows.iter().filter(|row| row.site.as_ref().is_some_and(|site| site.looks_like(&one.site)));
        its.any(|row| row.holders.first().is_some_and(|holder| holder.site.looks_like(&first.site)))
    };
    others.iter().filter(|one| one.total_s >= AS_LONG * first.total_s).find(asks)
}

fn blocks_in_polls(joined: &Joined<'_>, who: &Culprit, call: &str) -> bool {
    joined.polls().iter().filter(|row| row.doing == TraceEndKind::Blocked && !row.blocking).any(|row| {
        row.site.as_ref().is_some_and(|site| {
            site.call == call && innermost(site).is_some_and(|place| place.function == who.function)
        })
    })
}
