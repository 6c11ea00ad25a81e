//! What `show --allocator` prints.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::allocator::{HEADS, HOW, notable, rows, source};
use crate::render::text;
use crate::run::{AllocatorRecord, RunSummary};

/// Heights of a bar, the lowest for anything above nothing.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the allocator of each variant held over time; `width` in columns.
pub fn allocator(
    summary: &RunSummary,
    records: &BTreeMap<String, AllocatorRecord>,
    color: bool,
    width: usize,
) -> String {
    let ink = Ink { color };
    let mut out = vec![paragraph(HOW, 0, width) + "\n"];
    for profile in summary.profiles.iter().filter(|profile| profile.kind == "allocator") {
        let head = ink.paint(Look::Bold, &text::name(&profile.variant));
        let body = match (&profile.missing, records.get(&profile.variant)) {
            (None, Some(record)) => shown(record, width, ink),
            (because, _) => {
                let because = because.as_deref().unwrap_or("the run holds no samples for this variant");
                let because = format!("Evidence missing, because {}.", text::sentence(because));
                ink.paint(Look::Warn, &paragraph(&because, 0, width)) + "\n"
            }
        };
        out.push(format!("{head}\n{body}"));
    }
    out.join("\n")
}

fn shown(record: &AllocatorRecord, width: usize, ink: Ink) -> String {
    let mut lines = vec![[Piece::plain("")].into_iter().chain(HEADS.map(|head| Piece::new(head, Look::Dim))).collect()];
    for row in rows(record) {
        let cells = row.cells.into_iter().map(Piece::plain);
        let course = Piece::plain(row.course.iter().map(|part| bar(*part)).collect::<String>());
        lines.push([Piece::plain(row.name)].into_iter().chain(cells).chain([course]).collect::<Vec<_>>());
    }
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    let mut out = grid(&lines, &aligns, 0, width, ink);
    for line in notable(record) {
        out.push_str(&hanging(Look::Plain, &format!("- {line}"), 2, width, ink));
    }
    out + &hanging(Look::Dim, &source(&record.head, record.samples.len()), 0, width, ink)
}

fn bar(part: f64) -> char {
    if part <= 0.0 {
        return ' ';
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of eight")]
    let step = (part * BARS.len() as f64).ceil() as usize;
    BARS[step.clamp(1, BARS.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn every_variant_has_a_table_or_a_reason() {
        let fixture = Fixture::two_variants().with_allocator();
        insta::assert_snapshot!(allocator(&fixture.summary, &fixture.allocator, false, 110));
        assert!(allocator(&fixture.summary, &fixture.allocator, true, 110).contains("\u{1b}["));
    }

    #[test]
    fn bars_reach_from_nothing_to_all() {
        assert_eq!([0.0, 1e-9, 0.5, 1.0, 2.0].map(bar), [' ', '▁', '▄', '█', '█']);
    }
}
