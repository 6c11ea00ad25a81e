//! Stalls below the tasks that `show --tasks` prints.

use super::ink::{Ink, Look};
use super::layout::{hanging, paragraph};
use crate::render::stalls::{HOW, Row, caught, line, rows};
use crate::run::{StallSummary, Stalls};

/// Stalls that are shown one by one.
const MOST: usize = 10;

/// Functions of each stack that are shown.
const FRAMES: usize = 12;

/// What was caught, and the longest one by one.
pub(super) fn list(stalls: &Stalls, width: usize, ink: Ink) -> String {
    let all = rows(stalls);
    let mut out = ink.paint(Look::Bold, "Stalls") + "\n";
    out.push_str(&(paragraph(&caught(&StallSummary::of(stalls)), 0, width) + "\n"));
    if all.is_empty() {
        return out;
    }
    out.push_str(&hanging(Look::Dim, HOW, 0, width, ink));
    for row in all.iter().take(MOST) {
        out.push_str(&entry(row, width, ink));
    }
    if all.len() > MOST {
        let more = format!("{} more: report.html and show --tasks --json have them all", all.len() - MOST);
        out.push_str(&hanging(Look::Dim, &more, 0, width, ink));
    }
    out
}

fn entry(row: &Row, width: usize, ink: Ink) -> String {
    let look = if row.bad { Look::Bad } else { Look::Plain };
    let mut out = "\n".to_owned() + &hanging(look, &line(row), 2, width, ink);
    let indented = |text: &str| format!("  {}", hanging(Look::Dim, text, 4, width.saturating_sub(2), ink));
    let reasons = [row.because.as_str(), row.note.as_str()];
    out.push_str(&indented(&reasons.into_iter().filter(|reason| !reason.is_empty()).collect::<Vec<_>>().join("; ")));
    for frame in row.short.iter().take(FRAMES) {
        out.push_str(&format!("    {}", hanging(Look::Plain, frame, 6, width.saturating_sub(4), ink)));
    }
    let hidden = row.short.len().saturating_sub(FRAMES);
    if hidden > 0 {
        out.push_str(&indented(&format!("  and {hidden} more")));
    }
    out
}
