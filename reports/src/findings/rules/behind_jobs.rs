//! Operations whose jobs of the blocking pool are short, and wait for a thread of it that jobs of another kind keep.

use crate::findings::cause::{Cause, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceKind, TracePolls, TraceSite, TraceWait};

use super::waiting_on_owner::{LEAST_S, SLUG};

/// Jobs for each wait from which they may be what it is for.
const ONE_EACH: f64 = 0.5;
/// An operation's own job takes at most this part of its wait: the rest it spends in the queue.
const OWN: f64 = 0.5;
/// Who waits for a job itself waits for all of it; who comes while it runs, for a part.
const PART_OF_JOB: f64 = 0.8;

/// Waits for jobs of the blocking pool behind those of others.
pub(super) fn of_pool(joined: &Joined<'_>) -> Vec<Cause> {
    let Some(trace) = joined.trace else { return Vec::new() };
    let for_jobs = |wait: &&TraceWait| wait.site.as_ref().is_some_and(is_for_a_job) && joined.serves(&wait.kind);
    trace.waits.iter().filter(for_jobs).filter_map(|wait| behind(joined, wait)).collect()
}

/// Whether who waits there waits for the end of a job.
pub(super) fn is_for_a_job(site: &TraceSite) -> bool {
    matches!(site.cause, TraceCause::Join | TraceCause::BlockingPool)
}

fn behind(joined: &Joined<'_>, wait: &TraceWait) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let site = wait.site.as_ref()?;
    let each = wait.total_s / operations;
    let share = joined.part(each);
    if each < LEAST_S || share < LEAST_SHARE || wait.count == 0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let (count, jobs) = (wait.count as f64, |kind: &TraceKind| kind.polls as f64);
    let length = wait.total_s / count;
    let short =
        |kind: &&TraceKind| kind.blocking && jobs(kind) >= ONE_EACH * count && kind.busy_s <= OWN * length * jobs(kind);
    let own = trace.kinds.iter().find(short)?;
    // Who ended the wait is the thread that became free: where it stood is the job that had kept it.
    let kept = trace.cases.iter().filter(|case| case.waited_at(site)).find_map(|case| {
        let row = job_at(&trace.polls, case.end.site.as_ref()?)?;
        let kind = trace.kinds.iter().find(|kind| kind.blocking && kind.name == row.kind && kind.name != own.name)?;
        let its_length = kind.busy_s / jobs(kind).max(1.0);
        (length < PART_OF_JOB * its_length || jobs(kind) < ONE_EACH * count).then_some((case, row, kind, its_length))
    });
    let (case, row, kind, its_length) = kept?;
    let culprit = row.site.as_ref().and_then(innermost)?;
    Some(Cause {
        rule: SLUG,
        title: format!(
            "jobs of {} wait for a thread of the blocking pool, which {} keeps for {} each time",
            wait.kind,
            culprit.function,
            time(its_length)
        ),
        share,
        evidence: vec![
            format!(
                "each of {} operations waited {} for a job that takes {} itself: {} of the excess latency",
                wait.count,
                time(length),
                time(own.busy_s / jobs(own).max(1.0)),
                percent(share)
            ),
            format!(
                "meanwhile {} jobs of {} kept {:.1} threads of the pool",
                kind.polls,
                kind.name,
                kind.busy_s / joined.traced_s().max(1e-9)
            ),
            format!("the longest: {}", case.sentence()),
        ],
        refuted_by: "with those jobs on threads of their own, or waiting outside of the pool, it would be as long"
            .into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// The jobs of the blocking pool that spend their time at a place.
fn job_at<'a>(polls: &'a [TracePolls], place: &TraceSite) -> Option<&'a TracePolls> {
    let same = |row: &&TracePolls| {
        row.site.as_ref().is_some_and(|site| !site.own.is_empty() && site.own.first() == place.own.first())
    };
    polls.iter().filter(|row| row.blocking && row.polls > 0).find(same)
}
