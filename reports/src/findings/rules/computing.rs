//! Most of what an operation takes is computed in one place. The source alone tells whether that is what it is for.

use crate::findings::cause::{Answer, Cause, at, percent, time};
use crate::findings::joined::Joined;
use crate::findings::remembering::remembering_around;
use crate::findings::{CpuRow, Culprit, guilty};

use super::repeated_work::{BUILDS_S, SLUG, own_work};

/// CPU of an operation in one function from which a thread that serves it is said to compute, and its part of what the
/// operation takes alone.
const COMPUTES_S: f64 = 0.002_5;
const COMPUTES: f64 = 0.5;
/// Part of what an operation takes alone from which it is hardly anything else.
const MOSTLY: f64 = 0.7;
/// How deep such a cause lies: whatever else is found says more.
pub(in crate::findings) const DEPTH: u8 = 2;
/// Polls of each operation from which it is the work of every one.
const EVERY: f64 = 0.5;
/// Callers that are named.
const CALLERS: usize = 4;

/// Of threads of a program without tasks.
pub(super) fn of_threads(joined: &Joined<'_>) -> Option<Answer> {
    let cpu = joined.cpu.filter(|_| joined.trace.is_none())?;
    let mut sums: Vec<(&CpuRow, f64)> = Vec::new();
    for row in cpu.rows.iter().filter(|row| !row.function.is_empty()) {
        match sums.iter_mut().find(|(known, _)| known.function == row.function) {
            Some((_, sum)) => *sum += row.total_s,
            None => sums.push((row, row.total_s)),
        }
    }
    let (row, sum) = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let each = sum / cpu.total_s.max(1e-9) * joined.metric("cpu_per_op")?;
    let part = each / alone(joined)?;
    let place = row.place();
    if each < COMPUTES_S || part < COMPUTES {
        return None;
    }
    Some(mostly(joined, row, each, part).unwrap_or_else(|| open(joined, each, part, place, "")))
}

/// The same as a cause, where operations that somebody measured take hardly anything else. Whether they are for that is not seen, and
/// is said: of 84 services in pairs, by people who did not know this rule, three with a fault computed so, and none without.
fn mostly(joined: &Joined<'_>, row: &CpuRow, each_s: f64, part: f64) -> Option<Answer> {
    let felt = joined.felt.as_ref().filter(|felt| part >= MOSTLY && each_s >= COMPUTES * felt.mean_s)?;
    // What calls it most.
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|one| one.function == row.function);
    let row = rows.max_by(|a, b| a.total_s.total_cmp(&b.total_s)).unwrap_or(row);
    let culprit = guilty::asking(joined, "", &row.path).map_or_else(|| row.place(), at);
    Some(Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{} computes {} for every operation", culprit.function, time(each_s)),
        share: (each_s / felt.mean_s.max(1e-9)).min(1.0),
        culprit: Some(culprit),
        evidence: vec![
            format!(
                "{} of CPU for each operation is spent in {}: {} of what it takes alone, {}",
                time(each_s),
                row.place().sentence(),
                percent(part.min(1.0)),
                time(felt.base_s)
            ),
            format!("{} of the mean latency of {}", percent((each_s / felt.mean_s).min(1.0)), time(felt.mean_s)),
        ],
        refuted_by:
            "it would be what operations are for, with a result that differs each time and does not grow with the data"
                .into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: DEPTH,
        foremost: false,
    }]))
}

/// The same of tasks, in polls too short to be stalls.
pub(super) fn of_tasks(joined: &Joined<'_>) -> Option<Answer> {
    let (trace, work) = (joined.trace?, own_work(joined)?);
    let part = work.each_s / alone(joined)?;
    let mut stacks = trace.polls.iter().filter_map(|row| row.site.as_ref()).map(|site| site.own.as_slice());
    let called = stacks.find_map(|own| {
        let at = own.iter().position(|frame| frame.function == work.culprit.function)?;
        Some(own[at + 1..].iter().map(|frame| frame.function.as_str()).take(CALLERS).collect::<Vec<_>>())
    })?;
    let callers = if called.is_empty() { String::new() } else { format!(", called by {}", called.join(", ")) };
    (work.per_op >= EVERY && work.each_s >= BUILDS_S && part >= COMPUTES)
        .then(|| open(joined, work.each_s, part, work.culprit, &callers))
}

/// What an operation takes alone, or as seen from within where nobody measured that, seconds.
fn alone(joined: &Joined<'_>) -> Option<f64> {
    let measured = joined.felt.as_ref().map(|felt| felt.base_s);
    measured.or(if joined.attached { joined.mean_s() } else { None }).filter(|base| *base > 0.0)
}

fn open(joined: &Joined<'_>, each: f64, part: f64, place: Culprit, callers: &str) -> Answer {
    // Where somebody's own hash makes keys alike, or what is kept is never found, it is not what operations are for.
    let is_alike = || joined.loops.is_some_and(|loops| loops.hashes_for(&place).is_some());
    if is_alike() || remembering_around(joined, &place).is_some() {
        return decided(joined, each, part, place);
    }
    Answer::Open {
        sentence: format!(
            "each operation computes {} in {}{callers}: {} of what it takes alone. Where that is what it is for, more \
             CPUs or less work help; where it grows with the data, or its result could be kept or is not needed, it is work \
             that repeats itself",
            time(each),
            place.sentence(),
            percent(part.min(1.0)),
        ),
        place: Some(place),
        experiment: joined.again("cpu,wait,trace"),
    }
}

/// The same where the source tells, which is said by those who read it.
fn decided(joined: &Joined<'_>, each_s: f64, part: f64, place: Culprit) -> Answer {
    let mean_s = joined.felt.as_ref().map_or(each_s / part.max(1e-9), |felt| felt.mean_s);
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{} computes {} for every operation", place.function, time(each_s)),
        share: (each_s / mean_s.max(1e-9)).min(1.0),
        evidence: vec![format!(
            "each operation computes {} in {}: {} of what it takes alone",
            time(each_s),
            place.sentence(),
            percent(part.min(1.0))
        )],
        culprit: Some(place),
        refuted_by: String::new(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: 4,
        foremost: false,
    }])
}
