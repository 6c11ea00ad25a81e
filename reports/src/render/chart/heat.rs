//! A sub-second heat map: a column a second (or part of one), a row a fraction of it, from the bottom up. Above how many
//! samples were taken, below how late the worst operation was that was due then.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use crate::render::number;
use crate::run::Samples;

/// Rows of a column.
pub(crate) const ROWS: usize = 25;
/// Pixels of a row.
const ROW: f64 = 6.0;
/// Shades of a cell.
const SHADES: usize = 6;
/// Columns that a picture has at most.
const MOST: f64 = 110.0;
/// Columns below which they are made shorter than a second.
const LEAST: f64 = 15.0;

/// The picture; nothing without samples. `limit_s` is the latency beyond which an operation was late.
pub(crate) fn svg(samples: &Samples, limit_s: Option<f64>, width: f64) -> Option<String> {
    let column_s = column_s(samples.wall_s)?;
    let grid = Grid { column_s, columns: ((samples.wall_s / column_s).ceil() as usize).max(1) };
    let counts = grid.counts(samples);
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    let (left, right) = (58.0, width - 14.0);
    let size = ((right - left) / grid.columns as f64, ROW);
    let panel = ROW * ROWS as f64;
    let worst = grid.worst(samples);
    let has_latency = worst.iter().any(|worst| *worst > 0.0);
    let first = Plot { left, right, top: 26.0, bottom: 26.0 + panel };
    let second = Plot { left, right, top: first.bottom + 34.0, bottom: first.bottom + 34.0 + panel };
    let last = if has_latency { second } else { first };
    let mut canvas = Canvas::new(width, last.bottom + 42.0);
    first.title(&mut canvas, "CPU samples");
    frame(&mut canvas, &first, column_s);
    let per_cell = |count: u64| (count as f64 / most as f64 * SHADES as f64).ceil() as usize;
    shades(&mut canvas, &first, size, "heat", &counts, |count| per_cell(*count));
    if has_latency {
        let title = match limit_s {
            Some(limit) => format!("worst latency by intended time; red beyond {}", number::seconds(limit)),
            None => "worst latency by intended time".to_owned(),
        };
        second.title(&mut canvas, &title);
        frame(&mut canvas, &second, column_s);
        let (low, high) = super::scale::bounds(worst.iter().copied().filter(|worst| *worst > 0.0))?;
        let range = (high / low).ln().max(f64::MIN_POSITIVE);
        let shade = |worst: &f64| match *worst > 0.0 {
            true => 1 + ((worst / low).ln() / range * (SHADES - 1) as f64).round() as usize,
            false => 0,
        };
        let late = |worst: &f64| limit_s.is_some_and(|limit| *worst > limit);
        shades(&mut canvas, &second, size, "slow", &worst, |worst| if late(worst) { 0 } else { shade(worst) });
        shades(&mut canvas, &second, size, "slow late", &worst, |worst| if late(worst) { shade(worst) } else { 0 });
    }
    if let Some(begin) = samples.open_at_s.filter(|at| *at > 0.0 && *at < samples.wall_s) {
        let x = left + begin / column_s * size.0;
        canvas.line("phase", (x, 18.0), (x, last.bottom));
        canvas.text("tick", (x + 4.0, 14.0), Anchor::Start, "open loop begins");
    }
    let x = Scale::linear(0.0, grid.columns as f64 * column_s, left, right);
    let ticks: Vec<_> = x.ticks().iter().map(|tick| (x.at(*tick), number::tick(*tick, "1"))).collect();
    last.columns(&mut canvas, &ticks, false);
    canvas.text("head", ((left + right) / 2.0, last.bottom + 36.0), Anchor::Middle, "seconds since recording began");
    // Where a script finds the cells: left, top of each panel, size of a cell, length of a column in seconds.
    let tops = if has_latency { vec![first.top, second.top] } else { vec![first.top] };
    canvas.cells(left, &tops, size, (grid.columns, ROWS), column_s);
    let label = "Samples of CPU over time, and the worst latency of operations due at the same moments";
    Some(canvas.finish("chart heatmap", label))
}

/// Length of a column, seconds: one, unless that makes too few or too many.
pub(crate) fn column_s(wall_s: f64) -> Option<f64> {
    if !(wall_s.is_finite() && wall_s > 0.0) {
        return None;
    }
    let shorter = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02];
    let longer = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0];
    if wall_s >= LEAST {
        return Some(longer.into_iter().find(|column| wall_s / column <= MOST).unwrap_or(wall_s / MOST));
    }
    Some(shorter.into_iter().find(|column| wall_s / column >= LEAST).unwrap_or(0.02))
}

/// Cells, column by column from the bottom row up.
struct Grid {
    column_s: f64,
    columns: usize,
}

impl Grid {
    fn cell(&self, at_s: f64) -> Option<usize> {
        let cell = (at_s / self.column_s * ROWS as f64).floor();
        (cell >= 0.0 && cell < (self.columns * ROWS) as f64).then_some(cell as usize)
    }

    fn counts(&self, samples: &Samples) -> Vec<u64> {
        let mut counts = vec![0; self.columns * ROWS];
        for cell in samples.times().filter_map(|at| self.cell(at)) {
            counts[cell] += 1;
        }
        counts
    }

    fn worst(&self, samples: &Samples) -> Vec<f64> {
        let mut worst = vec![0.0_f64; self.columns * ROWS];
        for (at, took) in samples.operations() {
            if let Some(cell) = self.cell(at) {
                worst[cell] = worst[cell].max(took);
            }
        }
        worst
    }
}

/// Names of the rows: how far into its column one is.
fn frame(canvas: &mut Canvas, plot: &Plot, column_s: f64) {
    canvas.rect("lane", (plot.left, plot.top), (plot.right - plot.left, plot.bottom - plot.top));
    for part in [0.0, 0.5, 1.0] {
        let y = plot.bottom - part * (plot.bottom - plot.top);
        let label = if part == 0.0 { "0".to_owned() } else { number::tick_seconds(part * column_s) };
        canvas.text("tick", (plot.left - 7.0, y + 4.0), Anchor::End, &label);
    }
}

/// Cells of one shade are one path.
fn shades<T>(
    canvas: &mut Canvas,
    plot: &Plot,
    (width, height): (f64, f64),
    class: &str,
    cells: &[T],
    shade: impl Fn(&T) -> usize,
) {
    for wanted in 1..=SHADES {
        let of_shade = cells.iter().enumerate().filter(|(_, value)| shade(value) == wanted);
        let bars: Vec<_> = of_shade
            .map(|(cell, _)| {
                let (column, row) = (cell / ROWS, cell % ROWS);
                (plot.left + column as f64 * width, plot.bottom - row as f64 * height, height)
            })
            .collect();
        canvas.bars(&format!("{class} h{wanted}"), &bars, width, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_seconds_where_there_are_enough() {
        let columns = [3.1, 0.9, 16.0, 60.0, 119.0, 7200.0].map(|wall| column_s(wall).unwrap());
        assert_eq!(columns, [0.2, 0.05, 1.0, 1.0, 2.0, 120.0]);
        assert_eq!([0.0, f64::NAN, -1.0].map(column_s), [None; 3]);
    }

    #[test]
    fn each_sample_and_operation_is_in_its_cell() {
        let samples = crate::run::samples::tests::samples();
        let grid = Grid { column_s: 0.1, columns: 20 };
        let counts = grid.counts(&samples);
        // One at the very end of the recording is beyond the last cell.
        assert_eq!(counts.iter().sum::<u64>(), 999);
        let worst = grid.worst(&samples);
        assert_eq!(worst[10 * ROWS], 0.08, "due 1.00 s after the beginning");
        assert_eq!(worst.iter().filter(|worst| **worst > 0.0027).count(), 8);
        let drawn = svg(&samples, Some(0.0027), 920.0).unwrap();
        let late = drawn.split("class=\"slow late h").skip(1).filter_map(|rest| rest.split("/>").next());
        assert_eq!(late.map(|path| path.matches('M').count()).sum::<usize>(), 8, "{drawn}");
        assert!(drawn.contains("data-column=\"0.1\" data-columns=\"20\" data-rows=\"25\""), "{drawn}");
        assert!(svg(&Samples::default(), None, 920.0).is_none());
    }
}
