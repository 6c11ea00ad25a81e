//! A replay as a person reads it.

use super::figures::{Cell, Replay, Row};
use super::rules::Rule;
use crate::render::printable;

/// Columns of the name of a row.
const NAME: usize = 29;
/// Columns of a figure.
const FIGURE: usize = 15;

/// Tables for a terminal.
pub fn text(replay: &Replay) -> String {
    let layout = &replay.layout;
    let better = if layout.higher_is_better { "more is better" } else { "less is better" };
    let mut text = format!(
        "{}: {} trials, {} blocks; {} ({better}); identical: {}\n",
        printable(&layout.file),
        layout.trials,
        layout.blocks,
        printable(&layout.metric),
        printable(&layout.base.join(", ")),
    );
    if layout.without_value > 0 {
        text += &format!("{} trials have no positive value and are left out\n", layout.without_value);
    }
    text += "\nMeasured over all blocks (ratio to the base, 95 % interval, spread of a pair)\n";
    for effect in &replay.effects {
        let (percent, low, high) = (change(effect.ratio), change(effect.low), change(effect.high));
        let (label, spread) = (printable(&effect.label), effect.spread * 100.0);
        text += &format!("  {label:12} {percent} [{low}, {high}], {spread:.1} %, {} pairs\n", effect.pairs);
    }
    let subject = replay.false_alarms.first().map_or("", |row| row.subject.as_str());
    let swaps =
        replay.false_alarms.first().and_then(|row| row.cells.iter().flatten().next()).map_or(0, |cell| cell.runs);
    text += &format!(
        "\nFalse alarms, % of {swaps} label swaps of {} flagged either way (≤ upper 95 % bound)\n",
        printable(subject)
    );
    text += &head(replay);
    for row in &replay.false_alarms {
        text += &line(row.rule.words(), row, |cell| {
            format!("{:.2} ≤ {:.2}", cell.flagged * 100.0, cell.flagged_at_most * 100.0)
        });
    }
    let resamples = replay.found.first().and_then(|row| row.cells.iter().flatten().next()).map_or(0, |cell| cell.runs);
    text +=
        &format!("\nFound, % of {resamples} resamples flagged as worse; ours with the mean number of pairs it took\n");
    let mut subject = None;
    for row in &replay.found {
        let better = gains(replay, &row.subject);
        if subject != Some(&row.subject) {
            subject = Some(&row.subject);
            let direction = if better { ", as better" } else { "" };
            text += &head_of(&format!("{}{direction}", printable(&row.subject)), replay);
        }
        text += &line(row.rule.words(), row, |cell| {
            let found = if better { percent(cell.improved, cell.runs) } else { cell.found * 100.0 };
            match row.rule {
                Rule::Gate => format!("{found:.1} ({:.0})", cell.mean_pairs),
                _ => format!("{found:.1}"),
            }
        });
    }
    text += "\nVerdicts of workbench gate, %: regressed/improved/same/cannot_tell\n";
    text += &head(replay);
    for row in replay.false_alarms.iter().chain(&replay.found).filter(|row| row.rule == Rule::Gate) {
        text += &line(&printable(&row.subject), row, |cell| {
            let of = |count: u64| format!("{:.0}", percent(count, cell.runs));
            [cell.regressed, cell.improved, cell.same, cell.cannot_tell].map(of).join("/")
        });
    }
    text
}

fn head(replay: &Replay) -> String {
    head_of("pairs", replay)
}

fn head_of(name: &str, replay: &Replay) -> String {
    let mut text = format!("  {name:NAME$}");
    for budget in &replay.budgets {
        text += &format!("{budget:>FIGURE$}");
    }
    text + "\n"
}

fn line(name: &str, row: &Row, figure: impl Fn(&Cell) -> String) -> String {
    let mut text = format!("    {name:27}");
    for cell in &row.cells {
        let figure = cell.as_ref().map_or_else(|| "n/a".to_owned(), &figure);
        text += &format!("{figure:>FIGURE$}");
    }
    text + "\n"
}

#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(count: u64, of: u64) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}

/// Whether a candidate is better than the base over all blocks, by its whole interval.
fn gains(replay: &Replay, subject: &str) -> bool {
    let effect = replay.effects.iter().find(|effect| effect.label == subject);
    effect.is_some_and(|effect| if replay.layout.higher_is_better { effect.low > 1.0 } else { effect.high < 1.0 })
}

/// `+5.9 %` for 1.059.
fn change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}
