//! What the kernel counted over time: small pictures of one figure each, on one axis of time.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::class;
use super::scale::{Scale, bounds};
use crate::render::kernel::{Figure, figures, series};
use crate::render::number;
use crate::run::KernelRecord;

/// Pixels of one picture with its title, and of its plot.
const HEIGHT: f64 = 104.0;
const PLOT: f64 = 62.0;
const GAP: f64 = 26.0;

/// Every figure that was ever other than zero; nothing where none was. `width` decides how many stand beside each other.
pub(crate) fn svg(record: &KernelRecord, width: f64) -> Option<String> {
    let drawn: Vec<(&Figure, Vec<(f64, f64)>)> = figures()
        .iter()
        .map(|figure| (figure, series(record, figure)))
        .filter(|(_, points)| points.len() > 1 && points.iter().any(|(_, value)| *value != 0.0))
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let columns = if width > 600.0 { 3 } else { 1 };
    let cell = (width - GAP * (columns as f64 - 1.0)) / columns as f64;
    let rows = drawn.len().div_ceil(columns);
    let mut canvas = Canvas::new(width, HEIGHT * rows as f64 + 22.0);
    let last = record.samples.last().map_or(0.0, |sample| sample.at_s);
    for (index, (figure, points)) in drawn.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let (from, top) = ((cell + GAP) * column as f64, HEIGHT * row as f64 + 20.0);
        let plot = Plot { left: from + 62.0, right: from + cell - 6.0, top, bottom: top + PLOT };
        let x = Scale::linear(0.0, last, plot.left, plot.right);
        let most = bounds(points.iter().map(|(_, value)| *value)).map_or(0.0, |(_, most)| most);
        let y = Scale::linear(0.0, most * 1.05, plot.bottom, plot.top);
        canvas.text("head", (from, top - 6.0), Anchor::Start, figure.title);
        for value in [0.0, most] {
            canvas.line("grid", (plot.left, y.at(value)), (plot.right, y.at(value)));
            canvas.text("tick", (plot.left - 6.0, y.at(value) + 4.0), Anchor::End, &(figure.show)(value));
        }
        if let Some(begin) = record.head.open_at_s.filter(|at| *at > 0.0 && *at < last) {
            canvas.line("phase", (x.at(begin), plot.top), (x.at(begin), plot.bottom));
        }
        let line: Vec<_> = points.iter().map(|(at, value)| (x.at(*at), y.at(*value))).collect();
        canvas.path(&format!("curve thin {}", class(figure.colour)), &line);
        canvas.line("axis", (plot.left, plot.bottom), (plot.right, plot.bottom));
        for at in [0.0, last] {
            let anchor = if at > 0.0 { Anchor::End } else { Anchor::Start };
            canvas.text(
                "tick",
                (x.at(at), plot.bottom + 14.0),
                anchor,
                &number::tick_seconds((at * 10.0).round() / 10.0),
            );
        }
    }
    Some(canvas.finish("chart", "What the kernel counted of the process over time, one small picture a figure"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::kernel::tests::kernel;

    #[test]
    fn figures_that_were_read_and_moved_are_drawn() {
        let drawn = svg(&kernel(), 920.0).expect("figures");
        for title in ["cores busy", "threads waiting for a CPU", "throttled", "resident memory", "minor faults"] {
            assert!(drawn.contains(&format!(">{title}")), "{title}: {drawn}");
        }
        assert!(!drawn.contains(">major faults"), "0 throughout");
        assert!(!drawn.contains(">unread"), "could not be read");
        assert_eq!(svg(&KernelRecord::default(), 920.0), None);
        let narrow = svg(&kernel(), 400.0).expect("figures");
        assert!(narrow.contains("viewBox=\"0 0 400 "));
    }
}
