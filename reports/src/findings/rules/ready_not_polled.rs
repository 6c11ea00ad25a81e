//! Tasks that are ready and not polled although no single poll is long: others are polled again and again before them.

use crate::findings::Culprit;
use crate::findings::cause::{Answer, Cause, innermost, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;

use super::{flood, in_flight, out_of_turn, rounds};

pub(super) const SLUG: &str = "ready-not-polled";
/// Polls longer than this have a rule of their own, seconds.
pub(super) const SHORT_S: f64 = 0.001;
/// A part of the worker's time from which somebody crowds others out.
const CROWD: f64 = 0.3;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    if let Some(cause) = out_of_turn::of(joined).or_else(|| rounds::of(joined)).or_else(|| in_flight::of(joined)) {
        return Answer::Found(vec![cause]);
    }
    let Some(trace) = joined.trace else { return Answer::Blind("trace") };
    let Some(operations) = joined.traced_operations() else {
        let because = "no operation was answered while its tasks were traced".to_owned();
        return Answer::Unfit { evidence: "trace", because };
    };
    let slowed = joined.slowed_by_tracing();
    let mut causes = flood::of(joined);
    for row in trace.instead.iter().filter(|row| joined.serves(&row.kind) && row.kind != row.instead) {
        let Some(other) = joined.kind(&row.instead) else { continue };
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let each = other.busy_s / other.polls.max(1) as f64;
        let share = joined.part(row.total_s / operations / slowed);
        let crowds = other.busy_s / joined.traced_s().max(1e-9) / slowed;
        if each > SHORT_S || share < LEAST_SHARE || crowds < CROWD {
            continue;
        }
        let site = trace.waits.iter().find(|wait| wait.kind == other.name).and_then(|wait| wait.site.as_ref());
        // Tasks that never wait are a crowd because of who spawns them.
        let place = site.filter(|site| !site.own.is_empty()).or(other.spawned_at.as_ref());
        let culprit = place.and_then(innermost);
        let culprit = culprit.unwrap_or_else(|| Culprit { function: other.name.clone(), ..Culprit::default() });
        causes.push(Cause {
            rule: SLUG,
            title: format!("tasks of {} are polled {} times while others that are ready wait", other.name, other.polls),
            share,
            evidence: vec![
                format!(
                    "while tasks of {} were ready their worker polled {} for {} in all",
                    row.kind,
                    other.name,
                    time(row.total_s)
                ),
                format!("{} of the excess latency; each poll took {} on average", percent(share), time(each)),
            ],
            refuted_by: "with fewer wakes of it the others would be polled as late".into(),
            next: joined.again("trace"),
            proof: "trace",
            depth: 3,
            culprit: Some(culprit),
            foremost: false,
        });
    }
    Answer::of(causes, || {
        let worst = trace.kinds.iter().filter(|kind| !kind.blocking).map(|kind| kind.worst_schedule_latency_s);
        format!(
            "the longest from ready to polled was {}, and no crowd of short polls was before it",
            time(worst.fold(0.0, f64::max))
        )
    })
}
