//! What `show --tasks` prints.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, paragraph};
use crate::render::tasks::{HEADS, HOW, rows, waits};
use crate::render::text;
use crate::run::{RunSummary, SiteRecord, Stalls};

/// Tasks by spawn site, a table for each variant whose tasks were to be recorded, and its stalls; `width` in columns.
pub fn tasks(
    summary: &RunSummary,
    tasks: &BTreeMap<String, Vec<SiteRecord>>,
    stalls: &BTreeMap<String, Stalls>,
    color: bool,
    width: usize,
) -> String {
    let ink = Ink { color };
    let mut out = vec![paragraph(HOW, 0, width) + "\n"];
    for profile in summary.profiles.iter().filter(|profile| profile.kind == "tasks") {
        let head = ink.paint(Look::Bold, &text::name(&profile.variant));
        let body = match (&profile.missing, tasks.get(&profile.variant)) {
            (Some(because), _) => {
                let because = format!("Evidence missing, because {}.", text::sentence(because));
                ink.paint(Look::Warn, &paragraph(&because, 0, width)) + "\n"
            }
            (None, sites) => {
                let sites = sites.map(Vec::as_slice).unwrap_or_default();
                table(sites, width, ink) + &ink.paint(Look::Dim, &paragraph(waits(sites), 0, width)) + "\n"
            }
        };
        out.push(format!("{head}\n{body}"));
        if let Some(caught) = stalls.get(&profile.variant).filter(|_| profile.missing.is_none()) {
            out.push(super::stalls::list(caught, width, ink));
        }
    }
    out.join("\n")
}

fn table(sites: &[SiteRecord], width: usize, ink: Ink) -> String {
    let mut lines = vec![HEADS.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    for row in rows(sites) {
        // A row of its own: with twelve figures beside it a place has no room.
        let note = if row.blocking { " (blocking pool)" } else { "" };
        lines.push(vec![Piece::plain(format!("{}{note}", row.place))]);
        let look = |bad| if bad { Look::Bad } else { Look::Plain };
        lines.push(row.cells.into_iter().map(|cell| Piece::new(cell.text, look(cell.bad))).collect());
    }
    grid(&lines, &[Align::Right; HEADS.len()], 0, width, ink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn every_variant_has_a_table_or_a_reason() {
        let fixture = Fixture::two_variants().with_tasks();
        insta::assert_snapshot!(tasks(&fixture.summary, &fixture.tasks, &fixture.stalls, false, 110));
        let colored = tasks(&fixture.summary, &fixture.tasks, &fixture.stalls, true, 110);
        assert!(colored.contains("\u{1b}["));
    }
}
