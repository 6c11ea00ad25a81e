//! Operations that are not answered though nobody waits for them: a thread of a pipeline took them, and handed nothing on.

use crate::findings::Culprit;
use crate::findings::cause::{Answer, Cause, at, percent};
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TracePolls};

use super::never_answered::{SLUG, not_answered};
use super::poll_blocked::FUTEX;
use super::standing;

/// Places that are named.
const PLACES: usize = 3;

/// `missing` operations were not answered, that part of them, and no thread stands still for one.
pub(super) fn look(joined: &Joined<'_>, missing: u64, part: f64) -> Answer {
    // Who queues for more than there is time for is not lost.
    let stages = if joined.is_pinned() { Vec::new() } else { stages(joined) };
    let Some(first) = stages.first() else { return Answer::Blind("trace") };
    let lets_go = stages.iter().flat_map(|own| lets_go(joined, own)).collect::<Vec<Culprit>>();
    let mut places: Vec<String> =
        stages.iter().filter_map(|own| own.first()).map(|at_work| at(at_work).sentence()).collect();
    places.truncate(PLACES);
    let told = format!(
        "{}, and no thread waits for one of them: who works off what others hand on let them go. Threads do so at {}",
        not_answered(joined, missing, part),
        places.join(" and ")
    );
    let experiment = joined.again("cpu,wait");
    let [culprit] = lets_go.as_slice() else {
        return Answer::Open { place: first.first().map(at), sentence: told, experiment };
    };
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{} of the operations are never answered: {} lets them go", percent(part), culprit.function),
        share: 1.0,
        evidence: vec![
            told,
            format!(
                "of these only one goes on with the next where something is not as it should be, as the sources say: {}",
                culprit.sentence()
            ),
        ],
        refuted_by: "it would go on with the next no less often than operations are missing, and they would be others"
            .into(),
        next: experiment,
        proof: "wait",
        depth: 6,
        culprit: Some(culprit.clone()),
        foremost: true,
    }])
}

/// Stacks of threads that wait to be told of work, and serve no connection themselves.
fn stages<'a>(joined: &Joined<'a>) -> Vec<&'a [TraceFrame]> {
    let Some((rows, _)) = joined.kept() else { return Vec::new() };
    let reads = standing::reading(rows);
    let told = |row: &'a TracePolls| {
        let site = row.site.as_ref().filter(|site| row.doing == TraceEndKind::Blocked && !site.own.is_empty())?;
        let is_told = site.call == FUTEX && matches!(site.cause, TraceCause::Notify | TraceCause::Channel);
        is_told.then_some((row.polls, site.own.as_slice()))
    };
    let serves = |own: &[TraceFrame]| {
        let below = &own[..own.len().saturating_sub(1)];
        reads.iter().any(|reads| reads.iter().any(|frame| below.iter().any(|one| one.function == frame.function)))
    };
    let mut told: Vec<(u64, &[TraceFrame])> = rows.iter().filter_map(told).filter(|(_, own)| !serves(own)).collect();
    told.sort_by_key(|(polls, _)| std::cmp::Reverse(*polls));
    let mut found: Vec<&[TraceFrame]> = Vec::new();
    for (_, own) in told {
        if !found.iter().any(|known| known[0].function == own[0].function) {
            found.push(own);
        }
    }
    found
}

/// Functions that such a thread runs for each, and that let go what they got.
fn lets_go(joined: &Joined<'_>, own: &[TraceFrame]) -> Vec<Culprit> {
    let (Some(loops), Some(first)) = (joined.loops, own.first()) else { return Vec::new() };
    let found = loops.lets_go(&first.file, &[first.name()]);
    found.into_iter().map(|(function, line)| loops.culprit(&first.function, (&first.file, function, line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Failed, Loops};
    use crate::run::{ThreadsRecord, TraceSite};

    #[test]
    fn who_lets_go_what_it_got_is_found_behind_who_waits_for_work() {
        let row = |function: &str, call: &str, cause| TracePolls {
            doing: TraceEndKind::Blocked,
            polls: 500,
            site: Some(TraceSite {
                call: call.into(),
                cause,
                own: vec![TraceFrame { function: function.into(), file: "src/main.rs".into(), line: 2 }],
                ..TraceSite::default()
            }),
            ..TracePolls::default()
        };
        let rows =
            vec![row("shop::room", "futex", TraceCause::Notify), row("shop::reader", "recvfrom", TraceCause::Other)];
        let threads = ThreadsRecord { kept: rows, ..ThreadsRecord::default() };
        let mut loops = Loops::default();
        loops.read("src/main.rs", "fn room(inbox: Receiver<Enquiry>) {\n    for next in inbox {\n        if let Ok(q) = price(next) {\n            outbox.send(q);\n        }\n    }\n}\n");
        let failed = Failed { scheduled: 600, timeouts: 5, ..Failed::default() };
        let mut joined =
            Joined { threads: Some(&threads), loops: Some(&loops), failed, timeout_s: 2.0, ..Joined::default() };
        let Answer::Found(causes) = look(&joined, 5, 0.008) else { panic!("nothing found") };
        assert_eq!(causes[0].culprit.as_ref().map(|at| (at.function.as_str(), at.line)), Some(("shop::room", 3)));
        joined.loops = None;
        let Answer::Open { sentence, .. } = look(&joined, 5, 0.008) else { panic!("it guesses") };
        insta::assert_snapshot!(sentence, @"5 of 600 operations (1 %) were not answered within 2.00 s, and no thread waits for one of them: who works off what others hand on let them go. Threads do so at shop::room (src/main.rs:2)");
    }
}
