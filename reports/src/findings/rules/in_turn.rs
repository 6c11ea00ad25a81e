//! One task that serves everybody in turn, of a process that nobody drove harder and harder: how much of its time is used says
//! where its throughput ends.

use crate::findings::cause::{Answer, Cause, percent, time};
use crate::findings::joined::Joined;
use crate::findings::owner;
use crate::run::{TraceCase, TraceCause, TraceWait};

use super::latency_pinned::{belongs_to_operations, is_tick};
use super::throughput_pinned::{SLUG, is_for_others};

/// Part of its time from which it is said how much is left, and from which none is.
const USED: f64 = 0.5;
const USED_UP: f64 = 0.8;
/// Waits so many times as long as it takes for one are of a queue.
const QUEUES: f64 = 1.5;
/// Part of what an operation takes that the wait for it must be.
const LEAST: f64 = 0.4;
/// Works of it for each operation: who takes several at once serves nobody in turn.
const ONE_EACH: f64 = 0.8;
/// Part of the CPUs beyond which these are what there is too little of.
pub(super) const MOST_BUSY: f64 = 0.7;

/// A task that everybody waits for.
struct Server<'a> {
    owner: owner::Owner<'a>,
    case: &'a TraceCase,
    /// Part of its time in which it has somebody to serve.
    used: f64,
    /// For one, seconds.
    each_s: f64,
    /// What one waits for it, seconds.
    wait_s: f64,
}

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(trace) = joined.trace else { return Answer::Blind("levels") };
    let Some(mean) = joined.mean_s().filter(|mean| *mean > 0.0) else { return Answer::Blind("levels") };
    let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait));
    let servers = waits.filter_map(|wait| server(joined, wait)).filter(|server| server.wait_s >= LEAST * mean);
    let most = servers.max_by(|a, b| a.used.total_cmp(&b.used)).filter(|server| server.used >= USED);
    if joined.busy().is_some_and(|busy| busy >= MOST_BUSY) {
        return Answer::RuledOut("the CPUs are busy: throughput ends with them first".into());
    }
    let Some(server) = most else { return Answer::Blind("levels") };
    let share = (server.wait_s / mean).min(1.0);
    let Some(culprit) = owner::root(server.owner.site) else { return Answer::Blind("levels") };
    let told = format!(
        "one task of {} serves one operation after the other, {} each: it had somebody to serve in {} of the time, at {:.0} \
         operations a second",
        server.owner.link.kind,
        time(server.each_s),
        percent(server.used),
        joined.rate
    );
    if server.used < USED_UP || server.wait_s < QUEUES * server.each_s {
        let most = joined.rate / server.used;
        return Answer::Open {
            sentence: format!(
                "{told}; beyond {most:.0} a second they would queue before {}. Whether that is near, only more load shows",
                culprit.sentence()
            ),
            place: Some(culprit),
            experiment: "workbench run --target URL --ladder 1,4,16,64 -- COMMAND".into(),
        };
    }
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("everybody waits for {}, which serves one after the other", culprit.function),
        share,
        evidence: vec![
            told,
            format!("each waits {} for it, {} of what an operation takes", time(server.wait_s), percent(share)),
            format!("the longest: {}", server.case.sentence()),
        ],
        culprit: Some(culprit),
        refuted_by: "throughput would not rise if several of it worked side by side".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 4,
        foremost: false,
    }])
}

/// The one task that ends waits there, where it takes one operation at a time.
fn server<'a>(joined: &Joined<'a>, wait: &TraceWait) -> Option<Server<'a>> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let site = wait.site.as_ref()?;
    let (case, owner) =
        trace.cases.iter().filter(|case| case.waited_at(site)).find_map(|case| Some((case, owner::of(case)?)))?;
    let kind = owner.link.kind.as_str();
    let alone = kind != wait.kind && joined.is_one(kind);
    if !alone || is_tick(joined, kind, owner.site) || belongs_to_operations(joined, kind) {
        return None;
    }
    let its = || trace.waits.iter().filter(|wait| wait.kind == kind);
    let for_work = |wait: &&TraceWait| {
        wait.site.as_ref().is_some_and(|site| matches!(site.cause, TraceCause::Channel | TraceCause::Notify))
    };
    let idle_s: f64 = its().filter(for_work).map(|wait| wait.total_s).sum();
    let (works, polls): (u64, u64) = (
        its().filter(|wait| !for_work(wait)).map(|wait| wait.count).max().unwrap_or(0),
        trace.polls.iter().filter(|row| row.kind == kind).map(|row| row.polls).sum(),
    );
    let used = 1.0 - idle_s / joined.traced_s().max(1e-9);
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let (works, count) = (works.max(polls) as f64, wait.count as f64);
    let each_s = used * joined.traced_s() / operations;
    // Everybody waits there, and it is for each of them that it works.
    (2.0 * count >= operations && works >= ONE_EACH * operations).then(|| Server {
        owner,
        case,
        used,
        each_s,
        wait_s: wait.total_s / operations,
    })
}
