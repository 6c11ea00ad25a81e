//! A metric over runs, against its reference, with what was found to have changed.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::{Scale, bounds};
use crate::history::{History, Suspect};
use crate::limits::words::change;
use crate::render::text;

/// Standard errors from a point to the end of its 95 % interval.
const Z: f64 = 1.96;

/// The chart, or nothing without points.
pub(crate) fn svg(history: &History, width: f64) -> Option<String> {
    let height = if width > 600.0 { 320.0 } else { 260.0 };
    let plot = Plot { left: 76.0, right: width - 18.0, top: 34.0, bottom: height - 46.0 };
    let points = &history.points;
    let ends = points.iter().flat_map(|point| {
        let reach = point.error.unwrap_or(0.0) * Z;
        [point.log_ratio - reach, point.log_ratio + reach]
    });
    let (low, high) = bounds(ends.chain([0.0]))?;
    // Changes of a percent should not look like cliffs.
    let room = ((high - low) * 0.08).max(0.01);
    let y = Scale::linear((low - room).exp(), (high + room).exp(), plot.bottom, plot.top);
    #[allow(clippy::cast_precision_loss, reason = "a number of runs")]
    let x = Scale::linear(-0.5, points.len() as f64 - 0.5, plot.left, plot.right);
    #[allow(clippy::cast_precision_loss, reason = "a number of runs")]
    let at = |index: usize| x.at(index as f64);

    let mut canvas = Canvas::new(width, height);
    plot.title(&mut canvas, &format!("{} ÷ reference", crate::metric::words(&history.metric)));
    plot.rows(&mut canvas, &y, change);
    let every = points.len().div_ceil(if width > 600.0 { 9 } else { 4 }).max(1);
    let ticks: Vec<(f64, String)> =
        points.iter().enumerate().step_by(every).map(|(index, point)| (at(index), name(point))).collect();
    plot.columns(&mut canvas, &ticks, false);
    canvas.text("head", (f64::midpoint(plot.left, plot.right), height - 8.0), Anchor::Middle, "run, oldest first");
    canvas.line("one", (plot.left, y.at(1.0)), (plot.right, y.at(1.0)));
    segments(&mut canvas, history, &at, &y);
    for suspect in &history.suspects {
        let place = f64::midpoint(at(suspect.at - 1), at(suspect.at));
        canvas.line(&format!("suspect {}", class(history, suspect)), (place, plot.top - 6.0), (place, plot.bottom));
        canvas.text("value", (place + 4.0, plot.top + 4.0), Anchor::Start, &change(suspect.ratio));
    }
    for (index, point) in points.iter().enumerate() {
        let here = (at(index), y.at(point.log_ratio.exp()));
        if let Some(error) = point.error.filter(|error| *error > 0.0) {
            let end = |sign: f64| y.at((point.log_ratio + sign * Z * error).exp());
            canvas.line("faint s0", (here.0, end(-1.0)), (here.0, end(1.0)));
        }
        let paired = if point.paired { ", measured in pairs" } else { "" };
        let title = format!("{} ({}): {}{paired}", text::name(&point.run), name(point), change(point.log_ratio.exp()));
        canvas.dot(if point.paired { "s1" } else { "s0" }, here, if points.len() > 120 { 2.5 } else { 4.0 }, &title);
    }
    Some(
        canvas
            .finish("chart history", &format!("{} over {} runs", crate::metric::words(&history.metric), points.len())),
    )
}

/// Medians between changes.
fn segments(canvas: &mut Canvas, history: &History, at: &impl Fn(usize) -> f64, y: &Scale) {
    if history.suspects.is_empty() {
        return;
    }
    let ends = history.suspects.iter().map(|suspect| suspect.at);
    let bounds: Vec<usize> = std::iter::once(0).chain(ends).chain([history.points.len()]).collect();
    for part in bounds.windows(2) {
        let values: Vec<f64> = history.points[part[0]..part[1]].iter().map(|point| point.log_ratio).collect();
        if let Some(median) = crate::stats::median(&values) {
            let level = y.at(median.exp());
            canvas.line("median s0", (at(part[0]) - 3.0, level), (at(part[1] - 1) + 3.0, level));
        }
    }
}

/// Whether a change is for the better.
pub(crate) fn class(history: &History, suspect: &Suspect) -> &'static str {
    use crate::metric::Better;
    match crate::metric::lookup(&history.metric).map(|metric| metric.better) {
        Some(Better::Lower) if suspect.ratio > 1.0 => "regressed",
        Some(Better::Higher) if suspect.ratio < 1.0 => "regressed",
        Some(Better::Neither) | None => "unknown",
        _ => "improved",
    }
}

/// A commit, or the day.
fn name(point: &crate::history::Point) -> String {
    let commit = point.commit.trim_end_matches("-dirty");
    if commit.is_empty() || commit == "unknown" {
        return text::visible(point.at.get(5..10).unwrap_or(&point.at), 12);
    }
    text::visible(commit.get(..8).unwrap_or(commit), 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Point;

    #[test]
    fn every_run_has_its_dot_and_every_change_its_line() {
        let point = |index: usize| Point {
            run: format!("run<{index}>"),
            at: "2026-01-01T00:00:00Z".into(),
            commit: "0123456789ab".into(),
            binary: String::new(),
            log_ratio: if index < 6 { 0.0 } else { 0.2 },
            error: Some(0.01),
            paired: index == 3,
        };
        let suspect = Suspect {
            at: 6,
            before: "a".into(),
            after: "b".into(),
            before_binary: String::new(),
            after_binary: String::new(),
            ratio: 1.22,
            p: 0.0005,
        };
        let history = History {
            scenario: "lab".into(),
            scenario_version: 1,
            variant: "fixed".into(),
            metric: "cpu_per_op".into(),
            reference: "run".into(),
            reference_value: 2e-5,
            points: (0..12).map(point).collect(),
            suspects: vec![suspect],
            notes: Vec::new(),
            reruns: Vec::new(),
        };
        let drawn = svg(&history, 920.0).expect("points");
        assert_eq!(drawn.matches("<circle").count(), 12);
        assert_eq!(drawn.matches("suspect regressed").count(), 1);
        assert!(drawn.contains("run&lt;3&gt;") && !drawn.contains("run<3>"));
        assert!(svg(&History { points: Vec::new(), suspects: Vec::new(), ..history }, 920.0).is_some());
    }
}
