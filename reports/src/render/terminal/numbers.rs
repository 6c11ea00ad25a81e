//! The table of numbers, in the form that fits.

use super::ink::{Ink, Look, of_verdict};
use super::layout::{Align, Piece, fits, grid, hanging};
use crate::render::table::{Compared, Head, Row, Table};
use crate::render::text::columns;
use crate::render::{number, words};

/// Variant names longer than this give way to letters where the table would not fit.
const SHORT: usize = 8;

/// Numbers, notes, and how much more there is.
///
/// `width` is the terminal's in columns; two variants stand side by side where they fit, otherwise below each other.
pub(super) fn numbers(table: &Table, width: usize, ink: Ink) -> String {
    let mut out = match table.variants.len() {
        0 | 1 => single(table, width, ink),
        2 => pair(table, width, ink).unwrap_or_else(|| stacked(table, width, ink)),
        _ => stacked(table, width, ink),
    };
    out.push_str(&notes(table, width, ink));
    if !table.others.is_empty() {
        let more = words::plural(table.others.len() as u64, "more metric", "more metrics");
        out.push_str(&ink.paint(Look::Dim, &format!("{more} in the report and with --json")));
        out.push('\n');
    }
    out.push('\n');
    out
}

/// What the table refers to: each reason once, the meaning of `±`, the pairs that would tell.
fn notes(table: &Table, width: usize, ink: Ink) -> String {
    let mut lines: Vec<String> =
        table.notes.0.iter().enumerate().map(|(index, note)| format!("note {}: {note}", index + 1)).collect();
    let with_reach = |compared: &Compared| !compared.reach.is_empty();
    if table.headline.iter().flat_map(|row| &row.cells).filter_map(|cell| cell.compared.as_ref()).any(with_reach) {
        lines.push("±: the smallest change that would have been seen (cannot tell), or the margin (same)".into());
    }
    if !table.needed.is_empty() {
        let each: Vec<_> = table.needed.iter().map(|(metric, pairs)| format!("{metric} {pairs}")).collect();
        lines.push(format!("pairs needed to see a change that matters: {}", each.join(", ")));
    }
    lines.iter().map(|line| hanging(Look::Dim, line, 2, width, ink)).collect()
}

fn single(table: &Table, width: usize, ink: Ink) -> String {
    let mut rows = Vec::new();
    for head in &table.variants {
        rows.push(vec![Piece::new("metric", Look::Dim), Piece::plain(""), Piece::new(&head.name, Look::Dim)]);
    }
    for row in &table.headline {
        let [words, name] = names(row);
        rows.push(vec![words, name, Piece::plain(value(row, 0))]);
    }
    grid(&rows, &[Align::Left, Align::Left, Align::Right], 0, width, ink)
}

/// A metric in words and its name.
fn names(row: &Row) -> [Piece; 2] {
    [Piece::plain(&row.words), Piece::new(&row.metric, Look::Dim)]
}

fn value(row: &Row, index: usize) -> &str {
    row.cells.get(index).map_or(number::ABSENT, |cell| cell.value.as_str())
}

fn heading(head: &Head) -> String {
    if head.base { format!("{} (base)", head.name) } else { head.name.clone() }
}

/// The ratio and the verdict of a comparison, if there is one.
fn judged(compared: Option<&Compared>) -> [Piece; 2] {
    let Some(compared) = compared else { return [Piece::plain(""), Piece::plain("")] };
    let look = of_verdict(compared.verdict);
    [Piece::new(compared.ratio_and_interval(), look), Piece::new(compared.verdict_and_note(), look)]
}

/// Two variants side by side; `None` where that does not fit.
fn pair(table: &Table, width: usize, ink: Ink) -> Option<String> {
    let head = |text: &str| Piece::new(text, Look::Dim);
    let [base, candidate] = [heading(&table.variants[0]), heading(&table.variants[1])];
    let mut rows =
        vec![vec![head("metric"), Piece::plain(""), head(&base), head(&candidate), head("ratio [95 %]"), head("")]];
    for row in &table.headline {
        let [words, name] = names(row);
        let [ratio, verdict] = judged(row.cells.iter().find_map(|cell| cell.compared.as_ref()));
        rows.push(vec![words, name, Piece::plain(value(row, 0)), Piece::plain(value(row, 1)), ratio, verdict]);
    }
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Left, Align::Left];
    fits(&rows, aligns.len(), width).then(|| grid(&rows, &aligns, 0, width, ink))
}

/// A block per metric, a line per variant.
fn stacked(table: &Table, width: usize, ink: Ink) -> String {
    let mut names: Vec<String> = table.variants.iter().map(|head| head.name.clone()).collect();
    let mut key = String::new();
    let mut rows = block_rows(table, &names);
    if !fits(&rows, ALIGNS.len(), width) && names.iter().any(|name| columns(name) > SHORT) {
        let key_rows: Vec<_> = table
            .variants
            .iter()
            .enumerate()
            .map(|(index, head)| vec![Piece::new(letters(index), Look::Bold), Piece::plain(heading(head))])
            .collect();
        key = format!("{}\n", grid(&key_rows, &[Align::Left, Align::Left], 0, width, ink));
        names = (0..names.len()).map(letters).collect();
        rows = block_rows(table, &names);
    }
    key + &grid(&rows, &ALIGNS, 0, width, ink)
}

const ALIGNS: [Align; 4] = [Align::Left, Align::Right, Align::Left, Align::Left];

fn block_rows(table: &Table, names: &[String]) -> Vec<Vec<Piece>> {
    let mut rows = Vec::new();
    for row in &table.headline {
        if let Some(shared) = row.shared() {
            rows.push(vec![Piece::new(format!("{}: {shared} everywhere", row.title()), Look::Bold)]);
            continue;
        }
        rows.push(vec![Piece::new(row.title(), Look::Bold)]);
        for ((head, name), cell) in table.variants.iter().zip(names).zip(&row.cells) {
            let [ratio, verdict] = judged(cell.compared.as_ref());
            let base = head.base && cell.compared.is_none();
            let ratio = if base { Piece::new("base", Look::Dim) } else { ratio };
            rows.push(vec![Piece::plain(format!("  {name}")), Piece::plain(&cell.value), ratio, verdict]);
        }
    }
    rows
}

/// `A` … `Z`, `AA`, `AB`, …
fn letters(index: usize) -> String {
    let last = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    if index < 26 { last.to_string() } else { letters(index / 26 - 1) + &last.to_string() }
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!([0, 25, 26, 27, 52, 702].map(letters), ["A", "Z", "AA", "AB", "BA", "AAA"]);
    }
}
