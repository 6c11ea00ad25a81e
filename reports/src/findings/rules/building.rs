//! Something is built anew for every operation of a program without tasks: its threads, or its goroutines, spend most of their CPU
//! there, and much of that on memory.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, CpuTable, guilty};
use crate::run::TraceFrame;

use super::repeated_work::{BUILDS, BUILDS_S, LEAST, SLUG};

/// Part of the CPU of the program's own functions that must be spent in one, with all it calls.
const DOMINANT: f64 = 0.5;

pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    let cpu = joined.cpu.filter(|_| joined.trace.is_none())?;
    let (frame, sum) = deepest(cpu)?;
    let per_op = joined.metric("cpu_per_op")?;
    let each = sum / cpu.total_s.max(1e-9) * per_op;
    let alone = joined.felt.as_ref().map(|felt| felt.base_s).filter(|base| *base > 0.0).or(joined.mean_s())?;
    let share = (each / alone.max(1e-9)).min(1.0);
    let inside = || cpu.rows.iter().filter(|row| is_within(row, frame));
    let allocating = inside().map(|row| row.allocator_s).sum::<f64>() / sum.max(1e-9);
    // Work without allocations may be what the operation is for; what is built and dropped could have stayed.
    if each < BUILDS_S || share < LEAST || allocating < BUILDS {
        return None;
    }
    // Not whoever goes round for it: what could have stayed is what this one builds each time.
    let culprit = at(frame);
    Some(Cause {
        rule: SLUG,
        title: format!("{} computes {} for every operation", culprit.function, time(each)),
        share,
        culprit: Some(culprit),
        evidence: vec![
            format!(
                "{} of CPU for each operation is spent there, {} of what it takes alone",
                time(each),
                percent(share)
            ),
            format!(
                "{} of all CPU goes into it, {} of that into allocations",
                percent(sum / cpu.total_s.max(1e-9)),
                percent(allocating)
            ),
        ],
        refuted_by: "its result would differ from operation to operation".into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: 4,
        foremost: false,
    })
}

fn is_within(row: &CpuRow, frame: &TraceFrame) -> bool {
    row.path.iter().any(|one| guilty::same(one, frame))
}

/// The deepest function in which most of the CPU is spent with all it calls, and its seconds.
fn deepest(cpu: &CpuTable) -> Option<(&TraceFrame, f64)> {
    let mut sums: Vec<(&TraceFrame, f64, usize)> = Vec::new();
    for row in cpu.rows.iter().filter(|row| !row.function.is_empty()) {
        for (depth, frame) in row.path.iter().rev().enumerate() {
            match sums.iter_mut().find(|(known, ..)| guilty::same(known, frame)) {
                Some((_, sum, deepest)) => (*sum, *deepest) = (*sum + row.total_s, depth.max(*deepest)),
                None => sums.push((frame, row.total_s, depth)),
            }
        }
    }
    // Stacks that break off, and what a runtime does by itself, are nobody's.
    let placed: f64 = cpu.rows.iter().filter(|row| !row.function.is_empty()).map(|row| row.total_s).sum();
    let most = sums.into_iter().filter(|(_, sum, _)| *sum >= DOMINANT * placed);
    most.max_by_key(|(.., depth)| *depth).map(|(frame, sum, _)| (frame, sum))
}
