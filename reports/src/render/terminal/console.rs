//! What `show --resources` prints, and the part of `show --tasks` that tokio-console told.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::console::View;
use crate::render::console::{self, RESOURCE_HEADS, RESOURCES_HOW, Row, TASK_HEADS, TASKS_HOW, Table, gathered, words};
use crate::render::text;
use crate::run::RunSummary;

/// Tasks by site as tokio-console saw them, with what is conspicuous; `width` in columns. Empty where no variant was
/// recorded.
pub fn console_tasks(summary: &RunSummary, views: &BTreeMap<String, View>, color: bool, width: usize) -> String {
    page(summary, views, &Face { how: TASKS_HOW, heads: &TASK_HEADS, table: console::tasks }, Ink { color }, width)
}

/// Resources and who waited on them; `width` in columns. Empty where no variant was recorded.
pub fn resources(summary: &RunSummary, views: &BTreeMap<String, View>, color: bool, width: usize) -> String {
    let face = Face { how: RESOURCES_HOW, heads: &RESOURCE_HEADS, table: console::resources };
    page(summary, views, &face, Ink { color }, width)
}

/// One of the two tables.
struct Face {
    how: &'static str,
    heads: &'static [&'static str],
    table: fn(&View) -> Table,
}

fn page(summary: &RunSummary, views: &BTreeMap<String, View>, face: &Face, ink: Ink, width: usize) -> String {
    let mut out = vec![paragraph(face.how, 0, width) + "\n"];
    for profile in gathered(summary) {
        let head = ink.paint(Look::Bold, &text::name(&profile.variant));
        let body = match (&profile.missing, views.get(&profile.variant)) {
            (None, Some(view)) => section(view, face, ink, width),
            (because, _) => {
                let because = text::sentence(because.as_deref().unwrap_or("its file is not there"));
                hanging(Look::Warn, &format!("Evidence missing, because {because}."), 0, width, ink)
            }
        };
        out.push(format!("{head} (tokio-console)\n{body}"));
    }
    if out.len() == 1 { String::new() } else { out.join("\n") }
}

fn section(view: &View, face: &Face, ink: Ink, width: usize) -> String {
    let words = words(view);
    let mut out = hanging(Look::Dim, &words.moment, 0, width, ink);
    let look = if words.trusted { Look::Dim } else { Look::Bad };
    out.push_str(&hanging(look, &words.agreement, 0, width, ink));
    for doubt in &words.doubts {
        out.push_str(&hanging(Look::Warn, &format!("! {doubt}"), 2, width, ink));
    }
    for (place, says) in &words.observations {
        out.push_str(&hanging(Look::Plain, &format!("• {place}: {says}"), 2, width, ink));
    }
    let table = (face.table)(view);
    if table.rows.is_empty() {
        return out + "nothing of the kind was recorded\n";
    }
    out.push('\n');
    let mut lines = vec![face.heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    for row in table.rows {
        // A row of its own: beside so many figures a place has no room.
        lines.push(vec![Piece::plain(title(&row))]);
        let look = |bad| if bad { Look::Bad } else { Look::Plain };
        lines.push(row.cells.into_iter().map(|cell| Piece::new(cell.text, look(cell.bad))).collect());
    }
    out.push_str(&grid(&lines, &vec![Align::Right; face.heads.len()], 0, width, ink));
    if !table.rest.is_empty() {
        out.push_str(&hanging(Look::Dim, &table.rest, 0, width, ink));
    }
    out
}

fn title(row: &Row) -> String {
    let begin = if row.below { "  ← " } else { "" };
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    format!("{begin}{}{note}", row.title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn tasks_and_what_is_conspicuous() {
        let fixture = Fixture::two_variants().with_console();
        insta::assert_snapshot!(console_tasks(&fixture.summary, &fixture.console, false, 120));
    }

    #[test]
    fn resources_and_who_waits() {
        let fixture = Fixture::two_variants().with_console();
        insta::assert_snapshot!(resources(&fixture.summary, &fixture.console, false, 100));
        assert!(resources(&fixture.summary, &fixture.console, true, 100).contains("\u{1b}["));
        assert_eq!(resources(&Fixture::two_variants().summary, &fixture.console, false, 100), "");
    }
}
