//! Memory that is taken and given back for each operation, so that allocator and page faults cost more than the work.

use crate::findings::cause::{Answer, Cause, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{CpuRow, CpuTable, setting};

pub(in crate::findings) const SLUG: &str = "allocator-churn";
/// Part of the CPU that allocator and page faults must take.
const LEAST: f64 = 0.3;
/// Page faults of an operation from which pages are taken anew each time.
const FAULTS: f64 = 100.0;
/// Part of a function's CPU from which memory is what it is about; below it what is built anew is, and memory a part of that.
const MAINLY: f64 = 0.5;
/// CPU for each operation below which it is nobody's trouble, seconds.
const LEAST_CPU_S: f64 = 0.000_3;

/// Part of the CPU from which memory is what operations are about, with copies into it and without, and its CPU for each, seconds,
/// from which that is felt.
const MOSTLY: f64 = 0.55;
const TAKING: f64 = 0.45;
const LEAST_OWN_S: f64 = 0.000_4;
/// Part of it from which it is told that it is memory given back elsewhere.
const GIVEN_BACK: f64 = 0.2;
/// Part of what an operation takes alone that it must be.
const LEAST_ALONE: f64 = 0.3;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(cpu) = joined.cpu else { return Answer::Blind("cpu") };
    let all: f64 = cpu.rows.iter().map(churn).sum();
    let part = all / cpu.total_s.max(1e-9);
    let faults = joined.metric("faults.minor_per_op").unwrap_or(0.0);
    // Many at once may share what each has to do alone, as a collection of all garbage.
    let per_op = joined.metric("cpu_per_op").unwrap_or(0.0).max(joined.cpu_per_paced_operation().unwrap_or(0.0));
    let alone = joined.felt.as_ref().map_or(0.0, |felt| felt.base_s);
    // What is taken anew is filled with copies, too.
    let copied = cpu.rows.iter().map(|row| row.copied_s).sum::<f64>() / cpu.total_s.max(1e-9);
    let takes = part + copied >= MOSTLY && part >= TAKING;
    if takes && part * per_op >= LEAST_OWN_S.max(LEAST_ALONE * alone) && faults < FAULTS {
        return mostly(joined, cpu, (churn, asked), (part, per_op), &CALLS);
    }
    let filled = cpu.rows.iter().map(|row| row.filled_s).sum::<f64>() / cpu.total_s.max(1e-9);
    if part + filled >= MOSTLY && filled >= part && filled * per_op >= LEAST_OWN_S.max(LEAST_ALONE * alone) {
        return mostly(joined, cpu, (filled_s, filled_s), (filled, per_op), &FILLS);
    }
    if part < LEAST || faults < FAULTS || per_op < LEAST_CPU_S {
        return Answer::RuledOut(format!(
            "{} of the CPU is the allocator's and page faults, {faults:.1} faults for each operation",
            percent(part)
        ));
    }
    let rows = cpu.rows.iter().filter(|row| !row.function.is_empty());
    let Some(row) = rows.max_by(|a, b| asked(a).total_cmp(&asked(b))) else { return Answer::Blind("cpu") };
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("{} has memory given by the kernel anew for each operation", row.function),
        share: part.min(1.0),
        culprit: Some(row.place()),
        evidence: vec![
            format!("{faults:.0} page faults for each operation"),
            format!("{} of the CPU is spent in page faults, mapping and the allocator", percent(part)),
        ],
        refuted_by: "with a buffer that is kept CPU per operation would stay".into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: if churn(row) >= MAINLY * row.total_s { 5 } else { 2 },
        foremost: false,
    }])
}

/// What a function's memory costs: the allocator, and the kernel's pages.
fn churn(row: &CpuRow) -> f64 {
    let memory = ["page fault", "munmap", "mmap", "madvise", "brk", "mremap"];
    row.allocator_s + memory.iter().filter_map(|call| row.calls.get(*call)).sum::<f64>()
}

/// The same without what it gives back: who asks for memory has it given back, wherever that is done.
fn asked(row: &CpuRow) -> f64 {
    let unmapped = ["munmap", "madvise"].iter().filter_map(|call| row.calls.get(*call)).sum::<f64>();
    churn(row) - row.freed_s - unmapped
}

/// What most of the CPU goes into, though most pages stay, in words.
struct Words {
    /// What is said of the function.
    title: &'static str,
    /// What the CPU does; and what is added to that.
    spends: [&'static str; 2],
    /// Which part is the function's.
    of_it: &'static str,
    /// What of it is given back is no function's own.
    given_back: bool,
    refuted_by: &'static str,
}

/// Memory is taken and given back again and again.
const CALLS: Words = Words {
    title: "has memory taken and given back again and again for each operation",
    spends: ["is spent in the allocator and its pages", ""],
    of_it: "for what this function asks for",
    given_back: true,
    refuted_by: "with what it builds kept, shared or lent CPU per operation would stay",
};
/// It is filled with one value before it is used.
const FILLS: Words = Words {
    title: "has memory filled anew for each operation",
    spends: ["fills memory with one value", ", whether that is used or not"],
    of_it: "in this function",
    given_back: false,
    refuted_by: "with as much memory as is used, or with what is kept, CPU per operation would stay",
};

fn filled_s(row: &CpuRow) -> f64 {
    row.filled_s
}

/// What functions spend on something, and what of it tells who brings it about, seconds.
type Spent = (fn(&CpuRow) -> f64, fn(&CpuRow) -> f64);

/// This part of the CPU goes into that, and so much of the CPU of an operation, seconds; most of it for the function that brings most
/// of it about.
fn mostly(
    joined: &Joined<'_>,
    cpu: &CpuTable,
    (spent, brought): Spent,
    (part, per_op): (f64, f64),
    words: &Words,
) -> Answer {
    let rows = cpu.rows.iter().filter(|row| !row.function.is_empty());
    let Some(row) = rows.max_by(|a, b| brought(a).total_cmp(&brought(b))) else { return Answer::Blind("cpu") };
    // What a process that nobody drove spends beside its operations is not known.
    let busy = if joined.attached { joined.busy().unwrap_or(1.0).min(1.0) } else { 1.0 };
    let each = part * per_op;
    // Collecting is done beside those who made the garbage, too.
    let beside = cpu.rows.iter().filter(|row| row.function.is_empty()).map(spent).sum::<f64>();
    let all = part * cpu.total_s;
    let of_it = match beside >= 0.5 * all {
        true => format!(
            "{} of that beside the program's own functions, as collecting garbage is; of the rest {} {}",
            percent(beside / all.max(1e-9)),
            percent(spent(row) / (all - beside).max(1e-9)),
            words.of_it
        ),
        false => format!("{} of that {}", percent(spent(row) / all.max(1e-9)), words.of_it),
    };
    let freed_s = cpu.rows.iter().map(|row| row.freed_s).sum::<f64>();
    let elsewhere = (freed_s - row.freed_s) / all.max(1e-9);
    let given_back = (words.given_back && elsewhere >= GIVEN_BACK)
        .then(|| format!("{} of that is memory given back elsewhere, for whoever asked for it", percent(elsewhere)));
    let [spends, added] = words.spends;
    let mut cause = Cause {
        rule: SLUG,
        title: format!("{} {}", row.function, words.title),
        share: (part * busy).min(1.0),
        culprit: Some(row.place()),
        evidence: [format!("{} of the CPU {spends}, {} for each operation{added}", percent(part), time(each)), of_it]
            .into_iter()
            .chain(given_back)
            .collect(),
        refuted_by: words.refuted_by.into(),
        next: joined.again("cpu,wait"),
        proof: "cpu",
        depth: 5,
        foremost: !joined.attached,
    };
    setting::offer_rarer_collection(joined, &mut cause);
    Answer::Found(vec![cause])
}
