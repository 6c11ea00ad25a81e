//! A poll that computes for long: its worker polls nobody else meanwhile, and where it had the driver nobody hears of
//! what arrives.

use std::collections::BTreeMap;

use crate::findings::cause::{Answer, Cause, at, innermost, percent, time};
use crate::findings::harm::{LEAST_EXCESS_S, LEAST_SHARE};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, guilty, setting};
use crate::run::{StallClass, TraceEndKind, TracePolls};

use super::poll_blocked::is_lock;

pub(in crate::findings) const SLUG: &str = "long-poll-cpu";
/// CPU of such a poll, on average: tokio's own rule of thumb is 10 to 100 µs between two awaits.
const LEAST_S: f64 = 0.001;
/// Where every operation has such a poll, it is its own work and not a stall for others below this. Of 40 healthy services
/// none computed more than 0.6 ms for each operation within its polls.
const OWN_WORK_S: f64 = 0.002_5;

/// Of polls with a place, so many times as many may lack one: a poll of a millisecond is hit by one sample, or by none.
const MOST_UNSEEN: f64 = 4.0;

/// CPU in long polls of one type of task in one function.
pub(super) struct Hog {
    pub(super) kind: String,
    pub(super) culprit: Culprit,
    pub(super) polls: f64,
    /// With what was taken from it meanwhile.
    pub(super) total_s: f64,
    pub(super) cpu_s: f64,
    pub(super) longest_s: f64,
    /// Such polls for each operation.
    pub(super) per_op: f64,
    /// Polls of its type that compute for long, wherever, for each operation.
    pub(super) of_kind: f64,
}

/// Functions in which polls compute for at least so long on average.
pub(super) fn hogs(joined: &Joined<'_>, least_s: f64) -> Vec<Hog> {
    let mut taken: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for row in joined.polls().iter().filter(|row| !row.blocking) {
        let sums = taken.entry(&row.kind).or_default();
        match row.doing {
            TraceEndKind::Cpu => sums.0 += row.total_s,
            TraceEndKind::Preempted => sums.1 += row.total_s,
            _ => {}
        }
    }
    let mut placed: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for row in joined.polls().iter().filter(|row| row.doing == TraceEndKind::Cpu && !row.blocking) {
        let sums = placed.entry(&row.kind).or_default();
        sums.0 += if row.site.is_some() { row.total_s } else { 0.0 };
        sums.1 += row.total_s;
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let polls = row.polls as f64;
        *counts.entry(&row.kind).or_default() += polls;
    }
    let operations = joined.traced_operations().unwrap_or(f64::INFINITY);
    let slowed = joined.slowed_by_tracing();
    let works = works(joined).into_iter();
    works
        .filter_map(|work| {
            let Work { kind, culprit, polls, total_s, longest_s } = work;
            let (total_s, longest_s) = (total_s / slowed, longest_s / slowed);
            if total_s / polls < least_s {
                return None;
            }
            // Polls that no sample fell into did what the others of their type did.
            let (placed, all) = placed.get(kind).copied().unwrap_or_default();
            let unseen = (all / placed.max(1e-9)).clamp(1.0, MOST_UNSEEN);
            let (polls, cpu_s) = (polls * unseen, total_s * unseen);
            let (cpu, preempted) = taken.get(kind).copied().unwrap_or_default();
            // What its neighbours took from it while it computed is part of how long it kept its worker.
            let total_s = cpu_s * (1.0 + preempted / cpu.max(1e-9)).min(8.0);
            let per_op = polls / operations;
            let of_kind = counts.get(kind).copied().unwrap_or_default().max(polls) / operations;
            Some(Hog { kind: kind.to_owned(), culprit, polls, total_s, cpu_s, longest_s, per_op, of_kind })
        })
        .collect()
}

/// CPU of long polls of one type of task that is one work.
struct Work<'a> {
    kind: &'a str,
    culprit: Culprit,
    polls: f64,
    total_s: f64,
    longest_s: f64,
}

/// CPU of long polls by the function whose work it is.
fn works<'a>(joined: &Joined<'a>) -> Vec<Work<'a>> {
    let rows: Vec<&'a TracePolls> = joined.trace.map(|trace| trace.polls.iter().collect()).unwrap_or_default();
    let rows: Vec<&'a TracePolls> = rows
        .into_iter()
        .filter(|row| row.doing == TraceEndKind::Cpu && !row.blocking && row.polls > 0)
        .filter(|row| row.site.is_some())
        .collect();
    let mut works: Vec<(Work<'a>, &TracePolls)> = Vec::new();
    for row in &rows {
        let own = row.own();
        let alike: Vec<&TracePolls> = rows.iter().copied().filter(|other| other.kind == row.kind).collect();
        let guilty = guilty::computing(joined, &row.kind, own, &alike).map(at);
        let Some(culprit) = guilty.or_else(|| row.site.as_ref().and_then(innermost)) else { continue };
        let known = works.iter_mut().find(|(known, _)| {
            (known.kind, &known.culprit.function, &known.culprit.file)
                == (row.kind.as_str(), &culprit.function, &culprit.file)
        });
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let polls = row.polls as f64;
        let Some((work, most)) = known else {
            let (total_s, longest_s) = (row.total_s, row.longest_s);
            works.push((Work { kind: &row.kind, culprit, polls, total_s, longest_s }, row));
            continue;
        };
        (work.polls, work.total_s) = (work.polls + polls, work.total_s + row.total_s);
        work.longest_s = work.longest_s.max(row.longest_s);
        if row.total_s > most.total_s {
            (work.culprit, *most) = (culprit, row);
        }
    }
    let counted = works.into_iter().map(|(work, most)| {
        // A poll longer than some samples counts for each place that they fell on.
        let long = joined.kind(work.kind).map_or(0, |kind| kind.long_polls).max(most.polls);
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let polls = work.polls.min(long as f64);
        Work { polls, ..work }
    });
    counted.collect()
}

impl Hog {
    /// What it costs, seconds for each operation.
    pub(super) fn harm_s(&self, joined: &Joined<'_>) -> f64 {
        let others = joined.others_wait_s(self.polls, self.total_s);
        // What every operation takes alone is no excess; what some take is.
        let own =
            if joined.serves(&self.kind) && self.per_op < 0.5 { self.cpu_s / self.polls * self.per_op } else { 0.0 };
        others + own
    }
}

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if joined.trace.is_none() {
        return if joined.build.is_some_and(|build| build.go) { of_go(joined) } else { from_stalls(joined) };
    }
    let mut causes = Vec::new();
    for hog in hogs(joined, LEAST_S) {
        let each = hog.cpu_s / hog.polls;
        // Told by the type: one work may be seen in several functions.
        if hog.of_kind >= 0.5 && each < OWN_WORK_S
            || hog.polls < 2.0 && hog.longest_s < 0.02
            || is_of_the_kernel(joined, &hog.culprit)
        {
            continue;
        }
        let harm_s = hog.harm_s(joined);
        let share = joined.part(harm_s);
        // A busy machine draws a short poll out now and then, wherever it is.
        let is_slight = each < OWN_WORK_S && joined.felt.is_some() && harm_s < LEAST_EXCESS_S;
        if share < LEAST_SHARE || is_slight {
            continue;
        }
        let keeps_others = joined.others_wait_s(hog.polls, hog.total_s) >= 0.5 * harm_s;
        let taker = under_lock(joined, &hog);
        let Hog { kind, culprit, polls, longest_s, .. } = hog;
        let title = match &taker {
            Some(taker) => format!(
                "{} computes for {} within a poll of {kind}, under a lock that {} took",
                culprit.function,
                time(each),
                taker.function
            ),
            None => format!("{} computes for {} within a poll of {kind}", culprit.function, time(each)),
        };
        let locked = taker.as_ref().map(|taker| {
            format!("others wait meanwhile for the lock that is had in {}, as its source says", taker.sentence())
        });
        let is_locked = taker.is_some();
        let mut cause = Cause {
            rule: SLUG,
            title,
            share,
            evidence: Vec::from_iter(locked.into_iter().chain([
                format!(
                    "{polls:.0} polls of {kind} spent {} each on the CPU there, the longest {}",
                    time(each),
                    time(longest_s)
                ),
                format!("whatever else was ready on that worker, or arrived while it had the driver, waited: {} of the excess latency", percent(share)),
            ])),
            refuted_by: "with that work on a thread of its own (spawn_blocking) the tail would stay as it is".into(),
            next: joined.again("cpu,trace"),
            proof: "trace",
            depth: 3,
            culprit: taker.or(Some(culprit)),
            foremost: false,
        };
        // Who waits for a lock does so on any worker.
        if keeps_others && !is_locked {
            setting::offer_workers(joined, &mut cause);
        }
        causes.push(cause);
    }
    Answer::of(causes, || {
        let longest = joined.trace.into_iter().flat_map(|trace| &trace.kinds).filter(|kind| !kind.blocking);
        let longest = longest.map(|kind| kind.longest_poll_s).fold(0.0, f64::max);
        format!("no poll that computes for long explains the excess; the longest of all took {}", time(longest))
    })
}

/// Part of what is computed that others must wait for a lock meanwhile.
const LEAST_LOCKED: f64 = 0.1;

/// The function that has a lock while it, or what it calls, computes, where others wait for that: what keeps them is decided there.
fn under_lock(joined: &Joined<'_>, hog: &Hog) -> Option<Culprit> {
    let kept = joined.threads.into_iter().flat_map(|threads| &threads.kept);
    let locked = kept.chain(joined.polls()).filter(|row| row.doing == TraceEndKind::Blocked && is_lock(row));
    let long = locked.filter(|row| row.total_s >= LEAST_LOCKED * hog.total_s);
    let holders = long.flat_map(|row| &row.holders).filter(|holder| holder.doing == TraceEndKind::Cpu);
    holders.into_iter().find_map(|holder| {
        let own = &holder.site.own;
        let here = own.iter().position(|frame| frame.function == hog.culprit.function)?;
        guilty::taker(joined, &own[here..]).map(at).filter(|taker| taker.function != hog.culprit.function)
    })
}

/// Most of its CPU is spent in the kernel on its behalf: that is another mechanism's.
fn is_of_the_kernel(joined: &Joined<'_>, culprit: &Culprit) -> bool {
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| row.function == culprit.function);
    let (kernel, all) =
        rows.fold((0.0, 0.0), |(kernel, all), row| (kernel + row.calls.values().sum::<f64>(), all + row.total_s));
    all > 0.0 && kernel > 0.5 * all
}

/// CPU of a function for each operation from which it counts in a program without polls, seconds.
const LEAST_OF_GO_S: f64 = 0.000_5;

/// Go gives every goroutine 10 ms at a time, so that no other waits for long; but an operation that computes takes as long as
/// that does. What all of them spend in a function on average, and is more than the median takes alone in all, is spent by
/// few of them.
fn of_go(joined: &Joined<'_>) -> Answer {
    let Some(cpu) = joined.cpu else { return Answer::Blind("cpu") };
    let Some(felt) = &joined.felt else { return Answer::Blind("latency") };
    let Some(per_op) = joined.metric("cpu_per_op") else { return Answer::Blind("latency") };
    let mut sums: BTreeMap<Culprit, f64> = BTreeMap::new();
    for row in cpu.rows.iter().filter(|row| row.served_s > 0.5 * row.total_s) {
        let Some(frame) = guilty::asking(joined, "", &row.path) else { continue };
        *sums.entry(at(frame)).or_default() += row.total_s;
    }
    let causes = sums.into_iter().filter_map(|(culprit, seconds)| {
        let each = per_op * seconds / cpu.total_s.max(1e-9);
        let share = joined.part(each);
        (each >= LEAST_OF_GO_S && each >= felt.base_s && share >= LEAST_SHARE).then(|| Cause {
            rule: SLUG,
            title: format!("{} computes for long within some operations", culprit.function),
            share,
            evidence: vec![
                format!(
                    "{} of CPU for each operation is spent there on average, {} of all",
                    time(each),
                    percent(seconds / cpu.total_s.max(1e-9))
                ),
                format!(
                    "half of the operations take less than {} alone, all in all: others spend much more",
                    time(felt.base_s)
                ),
            ],
            refuted_by: "without that work, or with less of it, the tail would stay as it is".into(),
            next: joined.again("cpu"),
            proof: "cpu",
            depth: 3,
            culprit: Some(culprit),
            foremost: false,
        })
    });
    Answer::of(causes.collect(), || "no function computes more for an operation than most of them take".into())
}

/// What the catcher within the process saw, where there was no trace.
fn from_stalls(joined: &Joined<'_>) -> Answer {
    let Some(stalls) = joined.stalls else { return Answer::Blind("trace") };
    let all: f64 = stalls.ranked().iter().map(|stall| stall.duration_s).sum();
    let mut sums: BTreeMap<&Culprit, (u64, f64, f64)> = BTreeMap::new();
    for stall in stalls.ranked().iter().filter(|stall| stall.class == StallClass::OnCpu) {
        let Some(culprit) = &stall.culprit else { continue };
        let sum = sums.entry(culprit).or_default();
        *sum = (sum.0 + 1, sum.1 + stall.duration_s, sum.2.max(stall.duration_s));
    }
    let causes = sums.into_iter().filter(|(_, (.., total, _))| *total >= LEAST_SHARE * all).map(
        |(culprit, (count, total, longest))| Cause {
            rule: SLUG,
            title: format!("{} computes for up to {} within a poll", culprit.function, time(longest)),
            share: total / all,
            culprit: Some(culprit.clone()),
            evidence: vec![format!(
                "{count} stalls of {} in all were caught there on the CPU: {} of all that were caught",
                time(total),
                percent(total / all)
            )],
            refuted_by: "with that work on a thread of its own (spawn_blocking) the tail would stay as it is".into(),
            next: joined.again("cpu,tasks"),
            proof: "tasks",
            depth: 3,
            foremost: false,
        },
    );
    Answer::of(causes.collect(), || "no stall on the CPU was caught".into())
}
