//! A limit that the program set to itself: operations sleep until it is their turn, the longer the more of them there are.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TraceFrame};

use super::delayed_acks::READS;
use super::throttled::SLUG;

/// Part of what operations take that they must sleep for.
const LEAST: f64 = 0.4;
/// How many times what an operation takes alone one such sleep must be: who sleeps alone, too, waits for a tick.
const LONGER: f64 = 2.0;
/// Sleeps for each operation.
const OFTEN: f64 = 0.5;

/// A place where operations sleep.
struct Sleep<'a> {
    who: &'a str,
    own: &'a [TraceFrame],
    count: u64,
    total_s: f64,
}

pub(super) fn look(joined: &Joined<'_>) -> Option<Cause> {
    // Nothing else keeps it from answering more.
    let felt = joined.felt.as_ref().filter(|_| joined.is_pinned())?;
    let (sleeps, operations) = match joined.trace {
        Some(_) => (of_tasks(joined), joined.traced_operations()?),
        None => (of_threads(joined), joined.kept()?.1?),
    };
    let usual = joined.usual_s()?.max(1e-9);
    let is_limit = |sleep: &&Sleep<'_>| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let count = sleep.count as f64;
        let each = sleep.total_s / count.max(1.0);
        count >= OFTEN * operations && each >= LONGER * felt.base_s && sleep.total_s / operations >= LEAST * usual
    };
    let sleep = sleeps.iter().filter(is_limit).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let culprit = sleep.own.first().map(at)?;
    let share = (sleep.total_s / operations / usual).min(1.0);
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each = sleep.total_s / sleep.count as f64;
    let mut evidence = vec![format!(
        "{} slept {} times at {}, {} each, {} of what operations take; alone they take {}",
        sleep.who,
        sleep.count,
        culprit.sentence(),
        time(each),
        percent(share),
        time(felt.base_s)
    )];
    evidence
        .extend(joined.ladder().map(|ladder| format!("throughput does not rise: {ladder}, and the CPUs are not busy")));
    Some(Cause {
        rule: SLUG,
        title: format!("operations sleep in {} until it is their turn, {} each", culprit.function, time(each)),
        share,
        culprit: Some(culprit),
        evidence,
        refuted_by: "with a higher limit there, or without, throughput would be the same".into(),
        next: joined.again("wait,trace"),
        proof: if joined.trace.is_some() { "trace" } else { "wait" },
        depth: 5,
        foremost: false,
    })
}

fn of_tasks<'a>(joined: &Joined<'a>) -> Vec<Sleep<'a>> {
    let waits = joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(|wait| joined.serves(&wait.kind));
    let asleep = waits.filter_map(|wait| {
        let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && !site.beside_others)?;
        Some(Sleep { who: &wait.kind, own: &site.own, count: wait.count, total_s: wait.total_s })
    });
    asleep.collect()
}

/// Threads that read what clients ask, and sleep before they answer.
fn of_threads<'a>(joined: &Joined<'a>) -> Vec<Sleep<'a>> {
    let Some((rows, _)) = joined.kept() else { return Vec::new() };
    let blocked = || rows.iter().filter(|row| row.doing == TraceEndKind::Blocked);
    let site = |row: &'a crate::run::TracePolls| row.site.as_ref();
    let reads: Vec<_> = blocked().filter_map(site).filter(|site| READS.contains(&site.call.as_str())).collect();
    let serves = |own: &[TraceFrame]| reads.iter().any(|asked| guilty::common(&asked.own, own).is_some());
    let asleep = blocked().filter_map(|row| {
        let site = row.site.as_ref().filter(|site| site.call.contains("nanosleep") && serves(&site.own))?;
        Some(Sleep { who: &row.kind, own: &site.own, count: row.polls, total_s: row.total_s })
    });
    asleep.collect()
}
