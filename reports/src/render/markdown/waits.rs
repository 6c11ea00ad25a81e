//! The part of `report.md` that was seen of waiting threads.

use std::collections::BTreeMap;

use super::{escape, line};
use crate::render::{kernel, number, text, waits as words};
use crate::run::{EvidenceKind, KernelRecord, RunSummary, ThreadsRecord, WaitEvidence};

/// Places of a variant.
const PLACES: usize = 8;

/// Where threads waited, and what the kernel counted, by variant; empty where nothing was recorded.
pub fn waits(summary: &RunSummary, seen: &BTreeMap<String, WaitEvidence>) -> String {
    let kind = EvidenceKind::Wait.name();
    let mut out = String::new();
    for profile in summary.profiles.iter().filter(|one| one.kind == kind && one.missing.is_none()) {
        let Some(found) = seen.get(&profile.variant) else { continue };
        if out.is_empty() {
            out.push_str("\n## Where threads wait\n");
        }
        out.push_str(&format!("\n### {}\n", line(&profile.variant)));
        found.threads.iter().for_each(|threads| places(threads, &mut out));
        found.kernel.iter().for_each(|record| counted(record, &mut out));
    }
    out
}

fn places(threads: &ThreadsRecord, out: &mut String) {
    out.push_str(&format!("\n{}\n", escape(&words::summary(threads))));
    for doubt in words::doubts(&threads.head) {
        out.push_str(&format!("\n> {}\n", escape(&doubt)));
    }
    let mut shown: Vec<_> = words::shown(threads).collect();
    shown.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    if shown.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n\n", escape(words::PLACES)));
    out.push_str("| place | thread | why | together | waits | longest |\n|---|---|---|--:|--:|--:|\n");
    for place in shown.into_iter().take(PLACES) {
        let cells = [
            words::place(&place.function, &place.file, place.line),
            text::name(&place.thread),
            words::cause(place.cause).to_owned(),
            number::seconds(place.total_s),
            number::count(place.waits as f64),
            number::seconds(place.longest_s),
        ];
        out.push_str(&format!("| {} |\n", cells.map(|cell| escape(&cell)).join(" | ")));
    }
}

fn counted(record: &KernelRecord, out: &mut String) {
    let row = |figure: &kernel::Figure| {
        let points = kernel::series(record, figure);
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / points.len().max(1) as f64;
        let cells = [figure.title.to_owned(), (figure.show)(mean), (figure.show)(most)];
        (most > 0.0).then(|| format!("| {} |\n", cells.map(|cell| escape(&cell)).join(" | ")))
    };
    let rows: String = kernel::figures().iter().filter_map(row).collect();
    if !rows.is_empty() {
        out.push_str(&format!("\n| the kernel counted | mean | most |\n|---|--:|--:|\n{rows}"));
    }
    let told = [kernel::syscalls(&record.head), kernel::zeros(record)];
    for says in told.into_iter().filter(|says| !says.is_empty()).chain(kernel::missing(&record.head)) {
        out.push_str(&format!("\n- {}", escape(&says)));
    }
    out.push_str(&format!("\n\n{}\n", escape(&kernel::source(record))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn waits_in_markdown() {
        let fixture = Fixture::two_variants().with_waits();
        insta::assert_snapshot!(waits(&fixture.summary, &fixture.waits));
        assert_eq!(waits(&Fixture::two_variants().summary, &fixture.waits), "");
    }
}
