//! What `show --waits` prints.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::{kernel, number, text, waits};
use crate::run::{EvidenceKind, KernelRecord, RunSummary, ThreadsRecord, WaitEvidence};

/// Places that are shown.
const PLACES: usize = 10;
/// Threads that are shown.
const THREADS: usize = 10;
/// Single waits that are shown.
const LONGEST: usize = 3;

/// Where threads waited, who was off its CPU why, and what the kernel counted, for each variant whose waits were to be
/// recorded; `width` in columns.
pub fn waits(summary: &RunSummary, seen: &BTreeMap<String, WaitEvidence>, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let kind = EvidenceKind::Wait.name();
    let mut out = Vec::new();
    for profile in summary.profiles.iter().filter(|profile| profile.kind == kind) {
        let mut part = ink.paint(Look::Bold, &text::name(&profile.variant)) + "\n";
        if let Some(because) = &profile.missing {
            let because = format!("Evidence missing, because {}.", text::sentence(because));
            part.push_str(&hanging(Look::Warn, &because, 0, width, ink));
        }
        if let Some(found) = seen.get(&profile.variant) {
            part.extend(found.threads.iter().map(|threads| of_threads(threads, width, ink)));
            part.extend(found.kernel.iter().map(|record| of_kernel(record, width, ink)));
        }
        out.push(part);
    }
    out.join("\n")
}

fn of_threads(threads: &ThreadsRecord, width: usize, ink: Ink) -> String {
    let mut out = paragraph(&waits::summary(threads), 0, width) + "\n";
    for doubt in waits::doubts(&threads.head) {
        out.push_str(&hanging(Look::Warn, &doubt, 0, width, ink));
    }
    let mut shown: Vec<_> = waits::shown(threads).collect();
    shown.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    let heads = ["together", "waits", "longest", "why", "where"];
    let mut lines = vec![heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    for place in shown.iter().take(PLACES) {
        let because = waits::because(place);
        let because = if because.is_empty() { because } else { format!("; {because}") };
        let at = waits::place(&place.function, &place.file, place.line);
        lines.push(vec![
            Piece::plain(number::seconds(place.total_s)),
            Piece::plain(number::count(place.waits as f64)),
            Piece::plain(number::seconds(place.longest_s)),
            Piece::plain(waits::cause(place.cause)),
            Piece::plain(format!("{at} on {}{because}", text::name(&place.thread))),
        ]);
    }
    if lines.len() > 1 {
        let aligns = [Align::Right, Align::Right, Align::Right, Align::Left, Align::Left];
        out.push_str(&format!("\n{}", grid(&lines, &aligns, 0, width, ink)));
        out.push_str(&hanging(Look::Dim, waits::PLACES, 0, width, ink));
    }
    let more = shown.len().saturating_sub(PLACES);
    if more > 0 {
        out.push_str(&hanging(Look::Dim, &format!("{more} more: show --waits --json has them"), 0, width, ink));
    }
    out.push_str(&format!("\n{}", table(threads, width, ink)));
    for wait in threads.longest.iter().take(LONGEST) {
        out.push_str(&hanging(Look::Plain, &format!("longest: {}", waits::long(wait)), 9, width, ink));
    }
    out
}

fn table(threads: &ThreadsRecord, width: usize, ink: Ink) -> String {
    let heads = ["thread", "tid", "on a CPU", "blocked", "wanted a CPU", "idle", "run queue", "waits", "longest"];
    let mut lines = vec![heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    for lane in threads.threads.iter().take(THREADS) {
        let delay = lane.run_queue_s.map_or_else(|| number::ABSENT.to_owned(), number::seconds);
        lines.push(vec![
            Piece::plain(text::name(&lane.name)),
            Piece::plain(lane.tid.to_string()),
            Piece::plain(number::seconds(lane.running_s)),
            Piece::plain(number::seconds(lane.blocked_s)),
            Piece::plain(number::seconds(lane.preempted_s)),
            Piece::plain(number::seconds(lane.parked_s)),
            Piece::plain(delay),
            Piece::plain(number::count(lane.waits as f64)),
            Piece::plain(number::seconds(lane.longest_s)),
        ]);
    }
    let mut aligns = [Align::Right; 9];
    aligns[0] = Align::Left;
    let mut out = grid(&lines, &aligns, 0, width, ink);
    let more = threads.head.threads.saturating_sub(threads.threads.len().min(THREADS) as u64);
    if more > 0 {
        out.push_str(&hanging(Look::Dim, &format!("and {more} more threads"), 0, width, ink));
    }
    out
}

fn of_kernel(record: &KernelRecord, width: usize, ink: Ink) -> String {
    let mut out = format!("\n{}\n", ink.paint(Look::Bold, "What the kernel counted"));
    let heads = ["", "mean", "most", "at"];
    let mut lines = vec![heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    for figure in kernel::figures() {
        let points = kernel::series(record, figure);
        let Some((at, most)) = points.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }) else { continue };
        if most == 0.0 {
            continue;
        }
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / points.len() as f64;
        lines.push(vec![
            Piece::plain(figure.title),
            Piece::plain((figure.show)(mean)),
            Piece::plain((figure.show)(most)),
            Piece::plain(number::seconds(at)),
        ]);
    }
    if lines.len() > 1 {
        out.push_str(&grid(&lines, &[Align::Left, Align::Right, Align::Right, Align::Right], 0, width, ink));
    }
    let calls = kernel::syscalls(&record.head);
    for line in [calls, kernel::zeros(record)].into_iter().filter(|line| !line.is_empty()) {
        out.push_str(&hanging(Look::Plain, &line, 0, width, ink));
    }
    for line in kernel::missing(&record.head) {
        out.push_str(&hanging(Look::Warn, &line, 0, width, ink));
    }
    out.push_str(&hanging(Look::Dim, &kernel::source(record), 0, width, ink));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn places_threads_and_figures_or_a_reason() {
        let fixture = Fixture::two_variants().with_waits();
        insta::assert_snapshot!(waits(&fixture.summary, &fixture.waits, false, 110));
        assert!(waits(&fixture.summary, &fixture.waits, true, 110).contains("\u{1b}["));
    }
}
