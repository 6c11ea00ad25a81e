//! A poll that blocks its thread: a sleep, a file, a page of a mapping, a full pipe. Its worker polls nobody else meanwhile.

use std::collections::BTreeMap;

use crate::findings::cause::{Answer, Cause, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{Culprit, setting};
use crate::run::{StallClass, TraceCause, TraceEndKind, TracePolls};

pub(in crate::findings) const SLUG: &str = "poll-blocked";
/// Blocked time of such a poll, on average: below it the wake-up costs more.
const LEAST_S: f64 = 0.001;
/// Part of the mean latency that blocked time of every operation must be.
const LEAST_OWN: f64 = 0.3;

/// The system call in which a thread waits for a lock, or for another thread.
pub(in crate::findings) const FUTEX: &str = "futex";

/// Who a lock's holder was, where it was itself blocked within a poll.
pub(super) fn holder_of(row: &TracePolls) -> Option<(Culprit, &str)> {
    let holder = row.holders.first().filter(|holder| holder.doing == TraceEndKind::Blocked)?;
    Some((innermost(&holder.site)?, holder.site.call.as_str()))
}

/// Whether it waits for what somebody has: in a futex, and not to be told by another thread, as a blocking `recv`, a join
/// or a `block_on` does.
pub(super) fn is_lock(row: &TracePolls) -> bool {
    let told = [TraceCause::Notify, TraceCause::Join];
    row.site.as_ref().is_some_and(|site| site.call == FUTEX && !told.contains(&site.cause))
}

/// Whether it waits for another thread, whatever for.
pub(super) fn is_for_a_thread(row: &TracePolls) -> bool {
    row.site.as_ref().is_some_and(|site| site.call == FUTEX)
}

#[derive(Default)]
struct Sum {
    polls: f64,
    total_s: f64,
    longest_s: f64,
    /// Blocked by it in turn: who waited for a lock that it held.
    behind_s: f64,
    harm_s: f64,
    /// Of every operation's own time, seconds for each.
    own_s: f64,
    kinds: Vec<String>,
}

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if joined.trace.is_none() {
        return from_stalls(joined);
    }
    let mut sums: BTreeMap<(Culprit, String), Sum> = BTreeMap::new();
    let operations = joined.traced_operations().unwrap_or(f64::INFINITY);
    let rows =
        || joined.polls().iter().filter(|row| row.doing == TraceEndKind::Blocked && !row.blocking && row.polls > 0);
    #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
    let polls = |row: &TracePolls| row.polls as f64;
    for row in rows().filter(|row| !is_lock(row)) {
        let Some(site) = &row.site else { continue };
        let Some(culprit) = innermost(site) else { continue };
        let sum = sums.entry((culprit, site.call.clone())).or_default();
        sum.polls += polls(row);
        sum.total_s += row.total_s;
        sum.longest_s = sum.longest_s.max(row.longest_s);
        sum.harm_s += joined.others_wait_s(polls(row), row.total_s);
        let per_op = polls(row) / operations;
        if joined.serves(&row.kind) && per_op < 0.5 {
            sum.harm_s += row.total_s / operations;
        } else if joined.serves(&row.kind) {
            sum.own_s += row.total_s / operations;
        }
        sum.kinds.push(row.kind.clone());
    }
    // Who waits for a lock whose holder is blocked in a poll waits for what that one waits for.
    for row in rows().filter(|row| is_lock(row)) {
        let Some((culprit, call)) = holder_of(row) else { continue };
        let same = |(known, of): &(Culprit, String)| known.function == culprit.function && of == call;
        let Some(key) = sums.keys().find(|key| same(key)).cloned() else { continue };
        if let Some(sum) = sums.get_mut(&key) {
            sum.behind_s += row.total_s;
            sum.harm_s += row.total_s / operations + joined.others_wait_s(polls(row), row.total_s);
        }
    }
    let mut causes = Vec::new();
    for ((culprit, call), sum) in sums {
        let each = sum.total_s / sum.polls;
        // Where every operation blocks its thread for most of what it takes, what it takes alone is the fault.
        let own = joined.usual_s().map_or(0.0, |usual| (sum.own_s / usual.max(1e-9)).min(1.0));
        let of_others = joined.part(sum.harm_s);
        let share = of_others.max(if own >= LEAST_OWN { own } else { 0.0 });
        if each < LEAST_S || sum.polls < 2.0 || share < LEAST_SHARE {
            continue;
        }
        let how = if call.is_empty() { String::new() } else { format!(" in `{call}`") };
        let mut evidence = vec![format!(
            "{:.0} polls of {} were off their CPU there{how} for {} each, the longest {}",
            sum.polls,
            sum.kinds.join(", "),
            time(each),
            time(sum.longest_s)
        )];
        if sum.behind_s > 0.0 {
            evidence.push(format!("others waited {} in all for a lock that was held meanwhile", time(sum.behind_s)));
        }
        evidence.push(format!("{} of the latency that others wait for, or of every operation's own", percent(share)));
        let mut cause = Cause {
            rule: SLUG,
            title: format!("{} blocks its worker's thread{how} for {} within a poll", culprit.function, time(each)),
            share,
            evidence,
            refuted_by: "with that call on the blocking pool, or its async counterpart, the tail would stay as it is"
                .into(),
            next: joined.again("wait,trace"),
            proof: "trace",
            depth: 4,
            culprit: Some(culprit),
            foremost: false,
        };
        if of_others >= 0.5 * share {
            setting::offer_workers(joined, &mut cause);
        }
        causes.push(cause);
    }
    Answer::of(causes, || "no poll that blocks its thread explains the excess".into())
}

/// What the catcher within the process saw, where there was no trace.
fn from_stalls(joined: &Joined<'_>) -> Answer {
    let Some(stalls) = joined.stalls else { return Answer::Blind("trace") };
    let all: f64 = stalls.ranked().iter().map(|stall| stall.duration_s).sum();
    let mut sums: BTreeMap<&Culprit, (u64, f64, f64)> = BTreeMap::new();
    let blocked = [StallClass::Blocked, StallClass::Lock];
    for stall in stalls.ranked().iter().filter(|stall| blocked.contains(&stall.class)) {
        let Some(culprit) = &stall.culprit else { continue };
        let sum = sums.entry(culprit).or_default();
        *sum = (sum.0 + 1, sum.1 + stall.duration_s, sum.2.max(stall.duration_s));
    }
    let causes = sums.into_iter().filter(|(_, (_, total, _))| *total >= LEAST_SHARE * all);
    let causes = causes.map(|(culprit, (count, total, longest))| Cause {
        rule: SLUG,
        title: format!("{} blocks its worker's thread for up to {} within a poll", culprit.function, time(longest)),
        share: total / all,
        culprit: Some(culprit.clone()),
        evidence: vec![format!(
            "{count} stalls of {} in all were caught blocked there: {} of all that were caught",
            time(total),
            percent(total / all)
        )],
        refuted_by: "with that call on the blocking pool the tail would stay as it is".into(),
        next: joined.again("cpu,tasks"),
        proof: "tasks",
        depth: 4,
        foremost: false,
    });
    Answer::of(causes.collect(), || "no blocked poll was caught".into())
}
