//! Memory is copied again and again: an operation copies far more than it reads, writes and answers.

use crate::findings::cause::{Cause, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, Culprit};

use super::repeated_work::SLUG;

/// Part of all CPU that copies in one function must take: bytes that are sent are copied by the kernel at least once more.
const MOSTLY: f64 = 0.4;
/// The same for each operation, seconds: some ten megabytes, or a few that no cache holds.
const LEAST_S: f64 = 0.001;

/// The function in which most is copied, where that is most of what operations cost.
pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    let (culprit, part) = most(joined)?;
    let each = part * joined.metric("cpu_per_op")?;
    Some(Cause {
        rule: SLUG,
        title: format!("{} copies memory for {} of each operation", culprit.function, time(each)),
        share: part,
        culprit: Some(culprit),
        evidence: vec![
            format!(
                "{} of all CPU is spent there in copies of memory, {} for each operation",
                percent(part),
                time(each)
            ),
            "a gigabyte takes 50 to 500 ms, whatever it is: that many bytes are the same ones again".into(),
        ],
        refuted_by: "with what is copied shared, or appended to in place, CPU per operation would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        // The memory for it, and who waits for it meanwhile, follow from it.
        depth: 6,
        foremost: false,
    })
}

/// That function, and its part of all CPU.
pub(super) fn most(joined: &Joined<'_>) -> Option<(Culprit, f64)> {
    let (cpu, per_op) = joined.cpu.zip(joined.metric("cpu_per_op"))?;
    let mut sums: Vec<(&CpuRow, f64)> = Vec::new();
    for row in cpu.rows.iter().filter(|row| !row.function.is_empty()) {
        match sums.iter_mut().find(|(known, _)| (&known.function, &known.file) == (&row.function, &row.file)) {
            Some((_, sum)) => *sum += row.copied_s,
            None => sums.push((row, row.copied_s)),
        }
    }
    let (row, copied_s) = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let part = copied_s / cpu.total_s.max(1e-9);
    let culprit = row.place();
    (part >= MOSTLY && part * per_op >= LEAST_S).then_some((culprit, part))
}
