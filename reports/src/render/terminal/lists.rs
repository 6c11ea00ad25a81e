//! What `compare` and `list runs` print.

use super::ink::{Ink, Look, of_status, of_verdict};
use super::layout::{Align, Piece, grid, hanging};
use crate::metric;
use crate::render::table::{Compared, Notes};
use crate::render::{text, words};
use crate::run::{Comparison, Status};

/// One line of `list runs`.
#[derive(Debug, Clone, Copy)]
pub struct RunLine<'a> {
    /// Run id.
    pub id: &'a str,
    /// Scenario name.
    pub scenario: &'a str,
    /// How it ended.
    pub status: Status,
    /// Its verdict sentence.
    pub verdict: &'a str,
}

/// Comparisons, grouped by base and candidate in the order given; `width` in columns.
pub fn comparison(comparisons: &[Comparison], color: bool, width: usize) -> String {
    let ink = Ink { color };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for comparison in comparisons {
        let pair = (comparison.candidate.as_str(), comparison.base.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    if pairs.is_empty() {
        return "Nothing to compare.\n".into();
    }
    let mut notes = Notes::default();
    let mut out = Vec::new();
    for (candidate, base) in pairs {
        let head = format!("{} against {}", text::name(candidate), text::name(base));
        let mut group: Vec<_> = comparisons
            .iter()
            .filter(|comparison| comparison.candidate == candidate && comparison.base == base)
            .collect();
        group.sort_by_key(|comparison| (words::rank(&comparison.metric), comparison.metric.as_str()));
        let mut rows = vec![vec![
            Piece::new("metric", Look::Dim),
            Piece::plain(""),
            Piece::new("ratio [95 %]", Look::Dim),
            Piece::new("pairs", Look::Dim),
            Piece::plain(""),
        ]];
        for comparison in group {
            let compared = Compared::new(comparison, &mut notes);
            let look = of_verdict(comparison.verdict);
            rows.push(vec![
                Piece::plain(text::name(&metric::words(&comparison.metric))),
                Piece::new(text::name(&comparison.metric), Look::Dim),
                Piece::new(compared.ratio_and_interval(), look),
                Piece::plain(comparison.pairs.to_string()),
                Piece::new(compared.verdict_and_note(), look),
            ]);
        }
        let aligns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
        out.push(format!("{}\n{}", ink.paint(Look::Bold, &head), grid(&rows, &aligns, 0, width, ink)));
    }
    if !notes.0.is_empty() {
        let lines = notes
            .0
            .iter()
            .enumerate()
            .map(|(index, note)| hanging(Look::Dim, &format!("note {}: {note}", index + 1), 2, width, ink));
        out.push(lines.collect());
    }
    out.join("\n")
}

/// Runs, in the order given; `width` in columns.
pub fn runs(lines: &[RunLine<'_>], color: bool, width: usize) -> String {
    if lines.is_empty() {
        return "No runs yet.\n".into();
    }
    let ink = Ink { color };
    let mut rows = vec![["run", "scenario", "status", "verdict"].map(|head| Piece::new(head, Look::Dim)).to_vec()];
    for line in lines {
        rows.push(vec![
            Piece::plain(text::name(line.id)),
            Piece::plain(text::name(line.scenario)),
            Piece::new(words::status(line.status), of_status(line.status)),
            Piece::plain(text::sentence(line.verdict)),
        ]);
    }
    grid(&rows, &[Align::Left; 4], 0, width, ink)
}
