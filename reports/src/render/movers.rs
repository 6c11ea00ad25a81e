//! What moved between variants, in words: shared by pages, terminal and Markdown.

use super::{number, text, waits, words};
use crate::run::{MoveKind, Moved, MoverRow, Movers};

/// How to read the tables.
pub(crate) const TABLE: &str = "Difference of CPU an operation, of the function or crate itself and with all it calls, mean over \
    pairs of evidence trials; it has a 95 % interval over pairs of trials, and what is not shown by it after correction (Benjamini and \
    Hochberg, 5 %) is marked ~.";

/// How to read the picture.
pub(crate) const PICTURE: &str = "The base above, the other below, to one scale: each box is a function below its caller, as \
    wide as the CPU it takes an operation with all it calls. Grey is no difference shown; a stripe is the function's own part; a \
    violet edge is new or gone.";

/// Why there is nothing to see, or what all of it did.
pub(crate) fn summary(movers: &Movers) -> String {
    if let Some(refused) = &movers.refused {
        return format!("Not compared, because {}.", text::sentence(refused));
    }
    let moved = movers.functions.iter().filter(|row| row.moved()).count() as u64;
    format!(
        "CPU an operation in the evidence trials: {}. {} shown to differ, by {} of trials.",
        told(&movers.all),
        words::plural(moved, "function is", "functions are"),
        words::plural(u64::from(movers.pairs), "pair", "pairs"),
    )
}

/// Functions named in short.
const NAMED: usize = 3;

/// What moved in a few lines; `None` where there is nothing to say, or one pair that cannot say it.
pub(crate) fn brief(movers: &Movers) -> Option<String> {
    let named = movers.functions.iter().filter(|row| row.own && row.moved()).take(NAMED).map(|row| {
        let (moved, how) = match row.exclusive.change {
            MoveKind::Unsure => (&row.inclusive, " with all it calls"),
            _ => (&row.exclusive, ""),
        };
        format!("{} {}{how}", place(row), difference(moved))
    });
    let named: Vec<_> = named.collect();
    match (&movers.refused, named.is_empty()) {
        (Some(_), _) => Some(summary(movers)),
        (None, true) if movers.pairs < 2 => None,
        (None, true) => Some(summary(movers)),
        (None, false) => Some(format!("{} Most: {}.", summary(movers), named.join("; "))),
    }
}

/// `23.1 µs → 60.0 µs, +36.9 µs [35.2, 38.6]`.
pub(crate) fn told(moved: &Moved) -> String {
    format!("{} → {}, {}", number::seconds(moved.base), number::seconds(moved.candidate), difference(moved))
}

/// `+36.9 µs [+35.2 µs, +38.6 µs]`, marked where it is not shown.
pub(crate) fn difference(moved: &Moved) -> String {
    let word = match () {
        () if moved.is_new() => "new ",
        () if moved.is_gone() => "gone ",
        () => "",
    };
    let unsure = if moved.change == MoveKind::Unsure { "~ " } else { "" };
    let middle = signed(moved.difference());
    match (moved.low, moved.high) {
        (Some(low), Some(high)) => format!("{unsure}{word}{middle} [{}, {}]", signed(low), signed(high)),
        _ => format!("{unsure}{word}{middle}"),
    }
}

fn signed(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "+" };
    format!("{sign}{}", number::seconds(seconds.abs()))
}

/// The place of a row.
pub(crate) fn place(row: &MoverRow) -> String {
    // The standard library lies in a folder of its commit, which says nothing.
    let commit = row.file.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/'));
    waits::place(&row.name, commit.map_or(&row.file, |(_, file)| file), row.line)
}

/// Rows worth a look: the program's own, and what moved itself; what only passes calls on moves with them.
pub(crate) fn shown(rows: &[MoverRow]) -> impl Iterator<Item = &MoverRow> {
    rows.iter().filter(|row| row.own || row.exclusive.change != MoveKind::Unsure)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A function that grew, one that is gone, and one that seems to have changed; with a hostile name.
    pub(crate) fn movers() -> Movers {
        let moved = |base: f64, candidate: f64, change| Moved {
            base,
            candidate,
            low: Some(candidate - base - 1e-6),
            high: Some(candidate - base + 1e-6),
            p_adjusted: Some(if change == MoveKind::Unsure { 0.4 } else { 0.001 }),
            change,
        };
        let row = |name: &str, line, own: Moved| MoverRow {
            name: name.into(),
            file: if line > 0 { "src/<shop>.rs".into() } else { String::new() },
            line,
            own: true,
            inclusive: own.clone(),
            exclusive: own,
        };
        Movers {
            base: "sync".into(),
            candidate: "batched".into(),
            pairs: 6,
            refused: None,
            doubts: vec!["something to know".into()],
            svg: "evidence/batched/cpu-diff.svg".into(),
            all: moved(41e-6, 55e-6, MoveKind::Grew),
            functions: vec![
                row("shop::hash<b>", 41, moved(10e-6, 22e-6, MoveKind::Grew)),
                row("shop::flush", 12, moved(5e-6, 0.0, MoveKind::Shrank)),
                row("shop::price", 7, moved(20e-6, 20.5e-6, MoveKind::Unsure)),
            ],
            crates: vec![row("shop", 0, moved(41e-6, 55e-6, MoveKind::Grew))],
        }
    }

    #[test]
    fn differences_are_told_with_their_intervals() {
        let movers = movers();
        assert_eq!(
            summary(&movers),
            "CPU an operation in the evidence trials: 41.0 µs → 55.0 µs, +14.0 µs [+13.0 µs, +15.0 µs]. 2 functions are shown \
             to differ, by 6 pairs of trials."
        );
        let told = brief(&movers).unwrap();
        assert!(
            told.contains("Most: shop::hash<b> (src/<shop>.rs:41) +12.0 µs [+11.0 µs, +13.0 µs]; shop::flush"),
            "{told}"
        );
        let one = Movers { pairs: 1, functions: Vec::new(), ..movers.clone() };
        assert_eq!(brief(&one), None, "one pair says nothing at every run");
        let rows: Vec<_> = movers.functions.iter().map(|row| difference(&row.exclusive)).collect();
        assert_eq!(
            rows,
            ["+12.0 µs [+11.0 µs, +13.0 µs]", "gone −5.00 µs [−6.00 µs, −4.00 µs]", "~ +500 ns [−500 ns, +1.50 µs]"]
        );
        let refused = Movers { refused: Some("one was sampled by perf".into()), ..movers };
        assert_eq!(summary(&refused), "Not compared, because one was sampled by perf.");
    }
}
