//! A limit is used up. The kernel stopped the whole process because its quota of CPU was used up (`cpu.stat` of its cgroups), at the rate that
//! was asked for: of all clients at once every quota is used up.

use crate::findings::cause::{Answer, Cause, percent, time};
use crate::findings::harm::Throttling;
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, setting};

use super::own_limit;

pub(in crate::findings) const SLUG: &str = "throttled";
/// Part of the time that the process must have been stopped.
const LEAST: f64 = 0.02;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    match (by_quota(joined), own_limit::look(joined)) {
        (Answer::Found(causes), own) => Answer::Found(causes.into_iter().chain(own).collect()),
        (_, Some(own)) => Answer::Found(vec![own]),
        (otherwise, None) => otherwise,
    }
}

fn by_quota(joined: &Joined<'_>) -> Answer {
    let Some(Throttling { stopped_s: stopped, periods, wall_s: wall }) = joined.throttled() else {
        return Answer::Blind("wait");
    };
    if stopped < LEAST * wall || periods < 3 {
        return Answer::RuledOut(format!("its cgroups were throttled for {} of {}", time(stopped), time(wall)));
    }
    let hottest = joined.cpu.and_then(|cpu| cpu.rows.iter().find(|row| !row.function.is_empty()));
    let culprit = hottest.map(CpuRow::place);
    let mut evidence = vec![format!(
        "`cpu.stat`: stopped in {periods} periods for {} of {} (all CPUs together)",
        time(stopped),
        time(wall)
    )];
    if let (Some(row), Some(cpu)) = (hottest, joined.cpu) {
        evidence.push(format!("{} of the CPU goes into {}", percent(row.total_s / cpu.total_s), row.function));
    }
    let mut cause = Cause {
        rule: SLUG,
        title: format!("the CPU quota is used up: the kernel stopped the process in {periods} periods"),
        share: (stopped / wall).clamp(0.5, 1.0),
        culprit,
        evidence,
        refuted_by: "the latency would be the same with a larger quota".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 8,
        foremost: true,
    };
    setting::offer_threads_of_quota(joined, &mut cause);
    Answer::Found(vec![cause])
}
