//! What `show --tasks` prints.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, paragraph};
use crate::render::tasks::{HEADS, HOW, rows};
use crate::render::text;
use crate::run::{RunSummary, SiteRecord};

/// Tasks by spawn site, a table for each variant whose tasks were to be recorded; `width` in columns.
pub fn tasks(summary: &RunSummary, tasks: &BTreeMap<String, Vec<SiteRecord>>, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let mut out = vec![paragraph(HOW, 0, width) + "\n"];
    for profile in summary.profiles.iter().filter(|profile| profile.kind == "tasks") {
        let head = ink.paint(Look::Bold, &text::name(&profile.variant));
        let body = match (&profile.missing, tasks.get(&profile.variant)) {
            (Some(because), _) => {
                let because = format!("Evidence missing, because {}.", text::sentence(because));
                ink.paint(Look::Warn, &paragraph(&because, 0, width)) + "\n"
            }
            (None, sites) => table(sites.map(Vec::as_slice).unwrap_or_default(), width, ink),
        };
        out.push(format!("{head}\n{body}"));
    }
    out.join("\n")
}

fn table(sites: &[SiteRecord], width: usize, ink: Ink) -> String {
    // The place stands last, where a long one may wrap.
    let mut heads: Vec<_> = HEADS.iter().map(|head| Piece::new(*head, Look::Dim)).collect();
    heads.push(Piece::new("spawned at", Look::Dim));
    let mut lines = vec![heads];
    for row in rows(sites) {
        let mut line: Vec<_> = row
            .cells
            .into_iter()
            .map(|cell| Piece::new(cell.text, if cell.bad { Look::Bad } else { Look::Plain }))
            .collect();
        let note = if row.blocking { " (blocking pool)" } else { "" };
        line.push(Piece::plain(format!("{}{note}", row.place)));
        lines.push(line);
    }
    let mut aligns = vec![Align::Right; HEADS.len()];
    aligns.push(Align::Left);
    grid(&lines, &aligns, 0, width, ink)
}
