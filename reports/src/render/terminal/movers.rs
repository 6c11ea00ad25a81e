//! What `show --movers` prints.

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::{movers, text};
use crate::run::{MoveKind, MoverRow, Movers};

/// Rows of each table.
const ROWS: usize = 15;

/// Functions and crates that moved between variants; `width` in columns.
pub fn movers(all: &[Movers], color: bool, width: usize) -> String {
    let ink = Ink { color };
    let parts = all.iter().map(|one| {
        let names = format!("{} against {}", text::name(&one.candidate), text::name(&one.base));
        format!("{}\n{}", ink.paint(Look::Bold, &names), of(one, width, ink))
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// What moved, in a sentence a candidate; nothing where nothing was looked at.
pub fn moved(all: &[Movers], width: usize) -> String {
    let told = all.iter().map(|one| {
        let names = format!("{} against {}", text::name(&one.candidate), text::name(&one.base));
        paragraph(&format!("{names}: {}", movers::brief(one).unwrap_or_else(|| movers::summary(one))), 0, width) + "\n"
    });
    told.collect()
}

fn of(one: &Movers, width: usize, ink: Ink) -> String {
    let mut out = paragraph(&movers::summary(one), 0, width) + "\n";
    for doubt in &one.doubts {
        out.push_str(&hanging(Look::Warn, &text::sentence(doubt), 0, width, ink));
    }
    for (head, rows) in [("function", &one.functions), ("crate", &one.crates)] {
        if rows.is_empty() {
            continue;
        }
        out.push('\n');
        out.push_str(&table(head, rows, width, ink));
    }
    if one.refused.is_none() {
        out.push_str(&hanging(Look::Dim, movers::TABLE, 0, width, ink));
    }
    out
}

fn table(head: &str, rows: &[MoverRow], width: usize, ink: Ink) -> String {
    let heads = ["itself", "with all it calls", head];
    let mut lines = vec![heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    let shown: Vec<_> = movers::shown(rows).collect();
    for row in shown.iter().take(ROWS) {
        let look = match row.exclusive.change {
            MoveKind::Grew => Look::Warn,
            MoveKind::Shrank | MoveKind::Unsure => Look::Plain,
        };
        lines.push(vec![
            Piece::new(movers::difference(&row.exclusive), look),
            Piece::plain(movers::difference(&row.inclusive)),
            Piece::plain(movers::place(row)),
        ]);
    }
    let mut out = grid(&lines, &[Align::Left, Align::Left, Align::Left], 0, width, ink);
    let more = shown.len().saturating_sub(ROWS);
    if more > 0 {
        out.push_str(&hanging(Look::Dim, &format!("{more} more: show --movers --json has them"), 0, width, ink));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_what_moved() {
        insta::assert_snapshot!(movers(&[movers::tests::movers()], false, 110), @r"
        batched against sync
        CPU an operation in the evidence trials: 41.0 µs → 55.0 µs, +14.0 µs [+13.0 µs, +15.0 µs]. 2 functions are
        shown to differ, by 6 pairs of trials.
        something to know

        itself                              with all it calls                   function
        +12.0 µs [+11.0 µs, +13.0 µs]       +12.0 µs [+11.0 µs, +13.0 µs]       shop::hash<b> (src/<shop>.rs:41)
        gone −5.00 µs [−6.00 µs, −4.00 µs]  gone −5.00 µs [−6.00 µs, −4.00 µs]  shop::flush (src/<shop>.rs:12)
        ~ +500 ns [−500 ns, +1.50 µs]       ~ +500 ns [−500 ns, +1.50 µs]       shop::price (src/<shop>.rs:7)

        itself                         with all it calls              crate
        +14.0 µs [+13.0 µs, +15.0 µs]  +14.0 µs [+13.0 µs, +15.0 µs]  shop
        Difference of CPU an operation, of the function or crate itself and with all it calls, mean over pairs of
        evidence trials; it has a 95 % interval over pairs of trials, and what is not shown by it after correction
        (Benjamini and Hochberg, 5 %) is marked ~.
        ");
    }
}
