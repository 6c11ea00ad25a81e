//! What moved between variants: tables, and the picture of both.

use super::evidence::{Frame, difference};
use super::variants::Variants;
use crate::render::{Page, movers, number, text};
use crate::run::{MoveKind, Moved, MoverRow};

/// Rows of each table.
const ROWS: usize = 15;

/// One candidate against the base.
pub(super) struct Article {
    pub(super) base: String,
    pub(super) candidate: String,
    pub(super) class: String,
    pub(super) key: String,
    pub(super) summary: String,
    pub(super) doubts: Vec<String>,
    pub(super) frame: Option<Frame>,
    pub(super) tables: Vec<Table>,
}

/// Functions or crates.
pub(super) struct Table {
    pub(super) head: &'static str,
    pub(super) rows: Vec<Row>,
}

/// A row of a table.
pub(super) struct Row {
    pub(super) place: String,
    pub(super) base: String,
    pub(super) candidate: String,
    pub(super) class: &'static str,
    pub(super) own: String,
    pub(super) all: String,
}

/// Candidates in the order of the summary.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    let articles = page.summary.movers.iter().map(|one| {
        let variant = variants.all.iter().find(|variant| variant.raw == one.candidate);
        let picture = page.differences.get(&one.candidate);
        Article {
            base: text::name(&one.base),
            candidate: text::name(&one.candidate),
            class: variant.map(|variant| variant.class()).unwrap_or_default(),
            key: variant.map(|variant| variant.key()).unwrap_or_default(),
            summary: movers::summary(one),
            doubts: one.doubts.iter().map(|doubt| text::sentence(doubt)).collect(),
            frame: picture.and_then(|picture| difference(picture)),
            tables: [("function", &one.functions), ("crate", &one.crates)]
                .into_iter()
                .map(|(head, rows)| Table { head, rows: movers::shown(rows).take(ROWS).map(row).collect() })
                .filter(|table| !table.rows.is_empty())
                .collect(),
        }
    });
    articles.collect()
}

fn row(row: &MoverRow) -> Row {
    Row {
        place: movers::place(row),
        base: number::seconds(row.exclusive.base),
        candidate: number::seconds(row.exclusive.candidate),
        class: class(&row.exclusive),
        own: movers::difference(&row.exclusive),
        all: movers::difference(&row.inclusive),
    }
}

fn class(moved: &Moved) -> &'static str {
    match moved.change {
        MoveKind::Grew => "bad",
        MoveKind::Shrank => "good",
        MoveKind::Unsure => "soft",
    }
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_shows_what_moved_and_both_sides() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"movers\">"));
        let page = page(&Fixture::two_variants().with_movers().page());
        let section = page.split("<section id=\"movers\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("<article class=\"profile\" id=\"movers-s1\">"), "{section}");
        assert!(section.contains("shop::hash&#60;b&#62; (src/&#60;shop&#62;.rs:41)"), "{section}");
        assert!(section.contains("<td class=\"bad\">+12.0 µs [+11.0 µs, +13.0 µs]</td>"), "{section}");
        assert!(section.contains("<iframe title=\"CPU per operation of batched against sync\""));
        assert!(section.contains("something to know") && !section.contains("<b>"));
        assert!(page.contains("<a href=\"#movers\">Movers</a>"));
    }
}
