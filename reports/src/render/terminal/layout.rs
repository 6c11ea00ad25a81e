//! Columns that line up.

use super::ink::{Ink, Look};
use crate::render::text::{columns, wrap};

/// A cell: text without codes, and its look.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) look: Look,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, look: Look) -> Self {
        Self { text: text.into(), look }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Look::Plain)
    }
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Columns between two cells.
const GAP: usize = 2;

/// With less room than this the last cell goes below its row instead of into a thin column.
const MIN_TAIL: usize = 24;

/// Rows with aligned columns. The last column may be as long as it likes: it wraps below itself where `width` ends.
pub(super) fn grid(rows: &[Vec<Piece>], aligns: &[Align], indent: usize, width: usize, ink: Ink) -> String {
    let widths = widths(rows, aligns.len());
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        let mut used = indent;
        let last = row.len().saturating_sub(1);
        for (index, piece) in row.iter().enumerate() {
            if index > 0 {
                line.push_str(&" ".repeat(GAP));
                used += GAP;
            }
            let padding = widths[index].saturating_sub(columns(&piece.text));
            match aligns[index] {
                Align::Right => {
                    line.push_str(&" ".repeat(padding));
                    line.push_str(&ink.paint(piece.look, &piece.text));
                }
                Align::Left if index == last => {
                    line.push_str(&tail(piece, used, indent, width, ink));
                }
                Align::Left => {
                    line.push_str(&ink.paint(piece.look, &piece.text));
                    line.push_str(&" ".repeat(padding));
                }
            }
            used += widths[index];
        }
        for part in line.split('\n').map(str::trim_end) {
            out.push_str(part);
            out.push('\n');
        }
    }
    out
}

/// The last cell, which may take several lines: below its own beginning, or below the row where too little room is left.
fn tail(piece: &Piece, used: usize, indent: usize, width: usize, ink: Ink) -> String {
    let room = width.saturating_sub(used);
    let below = room < MIN_TAIL && columns(&piece.text) > room;
    let column = if below { indent + 2 * GAP } else { used };
    let lines = wrap(&piece.text, width.saturating_sub(column));
    let painted: Vec<_> = lines.iter().map(|line| ink.paint(piece.look, line)).collect();
    let gap = format!("\n{}", " ".repeat(column));
    if below { format!("{gap}{}", painted.join(&gap)) } else { painted.join(&gap) }
}

/// Whether rows of so many columns stand in `width` without wrapping. Rows of one cell are headings and may wrap.
pub(super) fn fits(rows: &[Vec<Piece>], count: usize, width: usize) -> bool {
    widths(rows, count).iter().sum::<usize>() + GAP * count.saturating_sub(1) <= width
}

fn widths(rows: &[Vec<Piece>], count: usize) -> Vec<usize> {
    let full = || rows.iter().filter(|row| count == 1 || row.len() > 1);
    (0..count)
        .map(|index| full().filter_map(|row| row.get(index)).map(|piece| columns(&piece.text)).max().unwrap_or(0))
        .collect()
}

/// A whole paragraph in one look, every line after the first indented by `indent` columns.
pub(super) fn hanging(look: Look, text: &str, indent: usize, width: usize, ink: Ink) -> String {
    let lines = wrap(text, width.saturating_sub(indent));
    let gap = format!("\n{}", " ".repeat(indent));
    lines.iter().map(|line| ink.paint(look, line)).collect::<Vec<_>>().join(&gap) + "\n"
}

/// A paragraph, every line after the first indented by `indent` columns.
pub(super) fn paragraph(text: &str, indent: usize, width: usize) -> String {
    wrap(text, width.saturating_sub(indent)).join(&format!("\n{}", " ".repeat(indent)))
}
