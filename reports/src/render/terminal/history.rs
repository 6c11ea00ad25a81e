//! What `history` prints.

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, paragraph};
use crate::history::{History, Point, Rerun};
use crate::limits::words::change;
use crate::metric::{self, format_value};
use crate::render::chart::history::class;
use crate::render::text;

/// Rows shown: the latest.
const SHOWN: usize = 40;
/// Columns of the chart beside them.
const WIDE: usize = 31;

/// One line a run with its place on a common scale, then what changed; `next` has a line for each suspect. `width` in
/// columns.
pub fn history(history: &History, next: &[String], color: bool, width: usize) -> String {
    let (ink, width) = (Ink { color }, width.max(60));
    let about = metric::lookup(&history.metric).map_or("", |metric| metric.unit);
    let head = format!(
        "{} of {} v{}, variant {}, {} runs",
        metric::words(&history.metric),
        text::name(&history.scenario),
        history.scenario_version,
        text::name(&history.variant),
        history.points.len()
    );
    let mut out = ink.paint(Look::Bold, &head);
    out.push_str(&format!(
        "\nreference {} ({}); ~ is no change\n\n",
        text::name(&history.reference),
        format_value(history.reference_value, about)
    ));
    let reach = history
        .points
        .iter()
        .map(|point| point.log_ratio.abs() + 1.96 * point.error.unwrap_or(0.0))
        .fold(0.02, f64::max);
    let from = history.points.len().saturating_sub(SHOWN);
    if from > 0 {
        out.push_str(&format!("… {from} earlier runs\n"));
    }
    let mut rows = vec![["run", "commit", "change", "", ""].map(|head| Piece::new(head, Look::Dim)).to_vec()];
    for (index, point) in history.points.iter().enumerate().skip(from) {
        if let Some(suspect) = history.suspects.iter().find(|suspect| suspect.at == index) {
            let look = if class(history, suspect) == "regressed" { Look::Bad } else { Look::Good };
            let told = format!("── {} from here on (p = {})", change(suspect.ratio), suspect.p);
            rows.push(vec![Piece::new(told, look)]);
        }
        let paired = if point.paired { "paired" } else { "" };
        rows.push(vec![
            Piece::plain(text::name(&point.run)),
            Piece::plain(commit(point)),
            Piece::plain(change(point.log_ratio.exp())),
            Piece::plain(bar(point, reach)),
            Piece::new(paired, Look::Dim),
        ]);
    }
    out.push_str(&grid(&rows, &[Align::Left, Align::Left, Align::Right, Align::Left, Align::Left], 0, width, ink));
    out.push('\n');
    if history.suspects.is_empty() {
        out.push_str("No change is shown.\n");
    }
    for (suspect, next) in history.suspects.iter().zip(next) {
        let told = format!(
            "{} between {} and {}",
            change(suspect.ratio),
            text::name(&suspect.before),
            text::name(&suspect.after)
        );
        // Measured side by side, a suspicion is one no longer.
        let next = history.rerun(suspect).map_or_else(|| next.clone(), rerun);
        out.push_str(&format!("{told}\n  {}\n", paragraph(&text::sentence(&next), 2, width)));
    }
    for note in &history.notes {
        out.push_str(&ink.paint(Look::Warn, "note"));
        out.push_str(&format!(": {}\n", paragraph(&text::sentence(note), 6, width)));
    }
    out
}

/// What a re-run came to, with the run that holds it.
fn rerun(rerun: &Rerun) -> String {
    match &rerun.run {
        Some(run) => format!("side by side: {} See `workbench show {run}`.", rerun.sentence),
        None => format!("not measured side by side: {}", rerun.sentence),
    }
}

fn commit(point: &Point) -> String {
    let commit = if point.commit == "unknown" { "" } else { point.commit.as_str() };
    text::visible(commit.get(..19).unwrap_or(commit), 19)
}

/// The interval of a point as a line of characters: `·` where nothing is, `~` in the middle, `●` the estimate.
fn bar(point: &Point, reach: f64) -> String {
    let middle = (WIDE / 2) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width")]
    let column = |value: f64| (middle + value / reach * middle).round().clamp(0.0, 2.0 * middle) as usize;
    let error = 1.96 * point.error.unwrap_or(0.0);
    let (low, high) = (column(point.log_ratio - error), column(point.log_ratio + error));
    let (at, zero) = (column(point.log_ratio), column(0.0));
    (0..WIDE)
        .map(|column| match column {
            _ if column == at => '●',
            _ if (low..=high).contains(&column) => '─',
            _ if column == zero => '~',
            _ => ' ',
        })
        .collect()
}
