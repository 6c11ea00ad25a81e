//! Threads that could run have no CPU, because the program itself keeps more threads busy than there are CPUs.

use crate::findings::cause::{Answer, Cause, at, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::findings::{CpuTable, Culprit, guilty, setting};
use crate::run::TraceFrame;

use super::standing;

pub(super) const SLUG: &str = "runnable-not-scheduled";
/// Threads that run or could run, for each CPU, from which the program itself wants more than there is, whatever its
/// neighbours take. A worker for each CPU, all of them busy, wants 1.
const DEMAND: f64 = 1.5;
/// Threads that wanted a CPU at once, beyond those that had one, on average.
const WAITING: f64 = 1.0;
/// Part of the CPU time of the one to blame.
const LEAST_CPU: f64 = 0.4;
/// The same of threads of one kind that serve nobody, whatever they call: operations of the full load are part of all CPU time.
const LEAST_OF_THREADS: f64 = 0.2;
/// CPU that an operation takes in the open loop, beside what it takes while all clients ask at once, from which most of it is for
/// no operation: whoever looks again and again whether there is something to do finds it at once under full load.
const FOR_NOTHING: f64 = 10.0;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(kernel) = joined.kernel else { return Answer::Blind("wait") };
    let open = kernel.head.open_at_s.unwrap_or(0.0);
    let inside: Vec<(f64, f64)> =
        kernel.samples.iter().filter(|s| s.at_s >= open).filter_map(|s| Some((s.at_s, s.run_queue_s?))).collect();
    let (Some(first), Some(last)) = (inside.first(), inside.last()) else { return Answer::Blind("wait") };
    let waiting = (last.1 - first.1) / (last.0 - first.0).max(1e-9);
    let busy = joined.busy().unwrap_or(0.0);
    let demand = (busy * joined.cpus + waiting) / joined.cpus;
    if demand < DEMAND || waiting < WAITING {
        let whose = if waiting >= WAITING { "; others on this machine had the CPUs" } else { "" };
        return Answer::RuledOut(format!(
            "{waiting:.2} threads waited for a CPU on average, while the program used {} of its CPUs{whose}",
            percent(busy)
        ));
    }
    let Some(cpu) = joined.cpu else { return Answer::Blind("cpu") };
    let Some(row) = cpu.rows.iter().find(|row| !row.function.is_empty()) else { return Answer::Blind("cpu") };
    let busiest = Busy { place: row.place(), thread: &row.thread, total_s: row.total_s };
    let part = |busy: &Busy<'_>| busy.total_s / cpu.total_s.max(1e-9);
    let beside = || by_threads(joined, cpu).filter(|busy| part(busy) >= LEAST_OF_THREADS);
    let busiest = if part(&busiest) >= LEAST_CPU { Some(busiest) } else { beside() };
    let Some(busiest) = busiest else { return Answer::RuledOut("no single place keeps the CPUs busy".into()) };
    let part = part(&busiest);
    // Those of the open loop, as the waits are.
    let paced = Some(joined.rate * (last.0 - first.0)).filter(|paced| *paced > 0.0 && !joined.shaped);
    let each = paced.or_else(|| joined.kernel_operations()).map_or(0.0, |operations| (last.1 - first.1) / operations);
    let for_nothing = for_nothing(joined, busy).filter(|times| *times >= FOR_NOTHING);
    let share = joined.part(each).max(for_nothing.map_or(0.0, |times| part * (1.0 - 1.0 / times)));
    if share < LEAST_SHARE {
        return Answer::RuledOut(format!("waits for a CPU explain {} of the excess", percent(share)));
    }
    let mut evidence = vec![
        format!(
            "{waiting:.1} threads that could run had no CPU, on average; the program used {} of its CPUs",
            percent(busy)
        ),
        format!("{} of its CPU time is spent there ({} sampled)", percent(part), time(busiest.total_s)),
    ];
    evidence.extend(for_nothing.map(|times| {
        format!("an operation of the open loop takes {times:.0} times the CPU of one while all clients ask at once")
    }));
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!(
            "{} on threads `{}` keeps the CPUs from those that answer",
            busiest.place.function, busiest.thread
        ),
        share,
        culprit: Some(busiest.place),
        evidence,
        refuted_by: "with those threads asleep the workers would wait as long for a CPU".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 6,
        foremost: false,
    }])
}

/// Who keeps CPUs busy.
struct Busy<'a> {
    place: Culprit,
    thread: &'a str,
    total_s: f64,
}

/// The function that threads of one name began with, in which most is spent, whatever they call there; not of those that serve
/// operations: what these compute is theirs.
fn by_threads<'a>(joined: &Joined<'_>, cpu: &'a CpuTable) -> Option<Busy<'a>> {
    let (kept, _) = joined.kept()?;
    // Whoever began as those did that read what clients ask, too.
    let reads = standing::reading(kept);
    let serves = |path: &[TraceFrame]| {
        reads.iter().any(|own| own.iter().any(|one| path.iter().any(|frame| guilty::same(one, frame))))
    };
    let mut all: Vec<(Busy<'a>, f64)> = Vec::new();
    for row in cpu.rows.iter().filter(|row| !setting::is_worker(&row.thread)) {
        let Some(began) = row.path.last().filter(|_| !serves(&row.path)) else { continue };
        let known = all.iter_mut().find(|(busy, _)| busy.thread == row.thread && busy.place.is_at(&at(began)));
        let Some((busy, most_s)) = known else {
            all.push((Busy { place: at(began), thread: &row.thread, total_s: row.total_s }, row.total_s));
            continue;
        };
        busy.total_s += row.total_s;
        if row.total_s > *most_s {
            (busy.place, *most_s) = (at(began), row.total_s);
        }
    }
    all.into_iter().map(|(busy, _)| busy).max_by(|a, b| a.total_s.total_cmp(&b.total_s))
}

/// How many times the CPU of an operation under full load one of the open loop takes.
fn for_nothing(joined: &Joined<'_>, busy: f64) -> Option<f64> {
    let each_saturated = joined.metric("cpu_per_op").filter(|each| *each > 0.0)?;
    (joined.rate > 0.0).then(|| busy * joined.cpus / joined.rate / each_saturated)
}
