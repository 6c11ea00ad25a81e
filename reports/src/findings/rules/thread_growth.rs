//! Threads that are started and do not end, of a program without tasks: the same mechanism as tasks that do not end.

use crate::findings::cause::{Cause, at, time};
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, guilty};
use crate::run::{KernelSample, TraceEndKind, TracePolls};

use super::delayed_acks::READS;
use super::growing;
use super::starting::starter;
use super::task_growth::SLUG;

/// By how many they must have become more, and for how many operations one: whoever serves a connection by a thread has as many
/// as there are connections.
const LEAST: u64 = 20;
const PER_OPERATION: f64 = 0.1;
/// How often they must have been counted.
const LEAST_COUNTS: usize = 8;

/// By how many they must have become more where they were hardly counted.
const THOUSANDS: u64 = 2_000;

/// Part of the open loop that those must wait on average which began to in it, for none of them to have gone on: half of it,
/// had they come at an even pace.
const NEVER_BACK: f64 = 0.4;

/// Their number rises through the whole open loop.
pub(super) fn look(joined: &Joined<'_>) -> Option<Cause> {
    let threads = joined.threads?;
    let (rows, operations) = joined.kept()?;
    let counts = counts(joined);
    let (grown, part, told) = match (counts.len() >= LEAST_COUNTS, thousands(joined)) {
        (true, _) => {
            let (grown, seconds) = growing::steadily(&counts)?;
            let now = counts.last().map_or(0, |(_, count)| *count);
            let told = format!(
                "the program became {grown} threads more in {seconds:.1} s of the open loop, in every part of it alike; {now} \
                 are alive"
            );
            (grown, 0.75, told)
        }
        // So many that counting them again and again would have been a burden.
        (false, Some((grown, now, seconds))) => {
            let told = format!("the program became {grown} threads more in {seconds:.1} s; {now} are alive");
            (grown, 1.0, told)
        }
        (false, None) => {
            let (waiting, each_s) = never_back(joined, rows)?;
            let told = format!(
                "{waiting} waits began in the open loop and were not over at its end, after {} on average",
                time(each_s)
            );
            (waiting, 1.0, told)
        }
    };
    #[allow(clippy::cast_precision_loss, reason = "threads of one program")]
    let each = grown as f64 / (operations? * part).max(1.0);
    if grown < LEAST || each < PER_OPERATION {
        return None;
    }
    // Whoever serves connections waits for what they ask; those that came stand somewhere else, and longest.
    let standing = rows.iter().filter(stands).max_by(|a, b| a.total_s.total_cmp(&b.total_s));
    let began = standing.and_then(|row| row.site.as_ref()?.own.last());
    let culprit = starter(joined).map(CpuRow::place).or_else(|| began.map(at))?;
    let mut evidence = vec![format!("{told}; {} threads were seen in all", threads.head.threads)];
    evidence.extend(standing.and_then(|row| {
        let site = row.site.as_ref()?;
        let frame = guilty::serving(joined, &site.own).or_else(|| site.own.first())?;
        Some(format!("threads `{}` stand longest, in `{}` at {}", row.kind, site.call, at(frame).sentence()))
    }));
    Some(Cause {
        rule: SLUG,
        title: format!("threads that {} starts do not end", culprit.function),
        share: 1.0,
        culprit: Some(culprit),
        evidence,
        refuted_by: "their number would come to rest after a while at the same load".into(),
        next: joined.again("cpu,wait --duration 60s"),
        proof: "wait",
        depth: 6,
        foremost: true,
    })
}

/// Whether threads stand in a function of the program, and not for what a client asks next.
fn stands(row: &&TracePolls) -> bool {
    let site = row.site.as_ref().filter(|site| !site.own.is_empty());
    row.doing == TraceEndKind::Blocked && site.is_some_and(|site| !READS.contains(&site.call.as_str()))
}

/// Threads over the open loop, with the seconds of the kernel's figures.
fn counts(joined: &Joined<'_>) -> Vec<(f64, u64)> {
    let Some(kernel) = joined.kernel else { return Vec::new() };
    let open = kernel.head.open_at_s.unwrap_or(0.0);
    let counted = kernel.samples.iter().filter(|sample| sample.at_s >= open);
    counted.filter_map(|sample| Some((sample.at_s, sample.threads?))).collect()
}

/// By how many they became more from the first look to the last, how many they were then, and in how many seconds: where that is
/// thousands, and far more than they were, it is no pool that warms up.
fn thousands(joined: &Joined<'_>) -> Option<(u64, u64, f64)> {
    let counted = |sample: &KernelSample| Some((sample.at_s, sample.threads?));
    let samples = || joined.kernel.into_iter().flat_map(|kernel| &kernel.samples).filter_map(counted);
    let ((from_s, from), (to_s, to)) = (samples().next()?, samples().next_back()?);
    let grown = to.saturating_sub(from);
    (grown >= THOUSANDS && 2 * grown >= from).then_some((grown, to, to_s - from_s))
}

/// How many waits of one place, each a thread's, began and did not end, and how long they were on average, seconds.
fn never_back(joined: &Joined<'_>, rows: &[TracePolls]) -> Option<(u64, f64)> {
    let most = rows.iter().filter(stands).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each_s = most.total_s / most.polls.max(1) as f64;
    (joined.kept_s() > 0.0 && each_s >= NEVER_BACK * joined.kept_s()).then_some((most.polls, each_s))
}
