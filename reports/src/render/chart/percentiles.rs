//! Latency over percentile.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::spread::spread;
use super::{Series, class};
use crate::render::number;

/// A variant's curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// `(quantile, seconds)`, ascending.
    pub(crate) points: Vec<(f64, f64)>,
    /// Quantile, and the seconds between which half of the trials lie.
    pub(crate) band: Vec<(f64, f64, f64)>,
    /// Beyond this quantile fewer than 20 operations lie, and the line is dashed.
    pub(crate) trusted: f64,
}

/// First and last percentile shown, and those that get a label.
const TICKS: &[(f64, &str)] =
    &[(0.5, "50"), (0.75, "75"), (0.9, "90"), (0.95, "95"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99")];

/// Percentiles marked by a dot that shows its value.
const MARKED: &[(f64, &str)] = &[(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")];

/// Position on the axis: how many nines.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// The chart, or nothing where no variant has a point.
pub(crate) fn svg(series: &[Series<Curve>], width: f64) -> Option<String> {
    let roomy = width > 600.0;
    let height = if roomy { 360.0 } else { 300.0 };
    let right = if roomy { width - 150.0 } else { width - 26.0 };
    let plot = Plot { left: 64.0, right, top: 30.0, bottom: height - 46.0 };
    let x = Scale::linear(nines(0.5), nines(0.9999), plot.left, plot.right);
    let shown: Vec<Series<Curve>> = series.iter().map(shown).collect();
    let values = shown.iter().flat_map(|series| series.data.points.iter().map(|(_, seconds)| *seconds));
    let y = Scale::log_over(values, plot.bottom, plot.top)?;

    let mut canvas = Canvas::new(width, height);
    plot.title(&mut canvas, "latency");
    plot.rows(&mut canvas, &y, number::tick_seconds);
    let ticks: Vec<_> = TICKS
        .iter()
        .filter(|(quantile, _)| roomy || ![0.75, 0.95].contains(quantile))
        .map(|(quantile, label)| (x.at(nines(*quantile)), (*label).to_owned()))
        .collect();
    plot.columns(&mut canvas, &ticks, true);
    canvas.text("head", ((plot.left + plot.right) / 2.0, height - 8.0), Anchor::Middle, "percentile of operations");

    for series in &shown {
        let place = |quantile: f64, seconds: f64| (x.at(nines(quantile)), y.at(seconds).clamp(plot.top, plot.bottom));
        let upper = series.data.band.iter().map(|(quantile, _, high)| place(*quantile, *high));
        let lower = series.data.band.iter().rev().map(|(quantile, low, _)| place(*quantile, *low));
        canvas.area(&format!("spread {}", class(series.index)), &upper.chain(lower).collect::<Vec<_>>());
    }
    for series in &shown {
        let class = class(series.index);
        let (solid, dashed) = split(&series.data, |quantile, seconds| (x.at(nines(quantile)), y.at(seconds)));
        canvas.path(&format!("curve {class}"), &solid);
        canvas.path(&format!("curve dashed {class}"), &dashed);
        for (quantile, name) in MARKED {
            if let Some(seconds) = value_at(&series.data.points, *quantile) {
                let at = (x.at(nines(*quantile)), y.at(seconds));
                canvas.dot(&class, at, 3.5, &format!("{} {name}: {}", series.name, number::seconds(seconds)));
            }
        }
    }
    if roomy {
        let ends: Vec<_> = shown.iter().filter_map(|series| Some((series, *series.data.points.last()?))).collect();
        let wanted: Vec<_> = ends.iter().map(|(_, (_, seconds))| y.at(*seconds)).collect();
        let placed = spread(&wanted, 16.0, plot.top + 4.0, plot.bottom - 4.0);
        for ((series, (quantile, _)), label_y) in ends.iter().zip(placed) {
            let label_x = x.at(nines(*quantile)) + 9.0;
            canvas.text(
                &format!("label {}", class(series.index)),
                (label_x, label_y + 4.0),
                Anchor::Start,
                &short(&series.name),
            );
        }
    }
    Some(canvas.finish("chart", "Latency by percentile, one line per variant"))
}

/// Keeps what the axis covers.
fn shown(series: &Series<Curve>) -> Series<Curve> {
    let mut points: Vec<_> = series
        .data
        .points
        .iter()
        .copied()
        .filter(|(quantile, seconds)| (0.5..=0.9999).contains(quantile) && *seconds > 0.0 && seconds.is_finite())
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let within = |(quantile, low, _): &&(f64, f64, f64)| (0.5..=0.9999).contains(quantile) && *low > 0.0;
    let band = series.data.band.iter().filter(within).copied().collect();
    let data = Curve { points, band, trusted: series.data.trusted };
    Series { name: series.name.clone(), index: series.index, data }
}

type Points = Vec<(f64, f64)>;

/// The trusted part and the rest; both hold the point where they meet.
fn split(curve: &Curve, at: impl Fn(f64, f64) -> (f64, f64)) -> (Points, Points) {
    let meet = curve.points.iter().take_while(|(quantile, _)| *quantile <= curve.trusted).count();
    let place = |points: &[(f64, f64)]| points.iter().map(|(quantile, seconds)| at(*quantile, *seconds)).collect();
    (place(&curve.points[..meet]), place(&curve.points[meet.saturating_sub(1)..]))
}

/// Value at a quantile: that of the first point at or above it, as a histogram answers. `None` beyond the last point.
fn value_at(points: &[(f64, f64)], quantile: f64) -> Option<f64> {
    let next = points.iter().find(|(point, _)| *point >= quantile - 1e-12)?;
    // A curve that begins above the quantile says nothing about it.
    let below = points.first()?.0 <= quantile + 1e-3;
    below.then_some(next.1)
}

/// A name that fits beside the plot.
pub(super) fn short(name: &str) -> String {
    let length = name.chars().count();
    if length <= 18 {
        return name.into();
    }
    // Names of a grid of settings differ in the middle and at the end.
    name.chars().take(8).chain(['…']).chain(name.chars().skip(length - 9)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64)], trusted: f64) -> Vec<Series<Curve>> {
        vec![Series { name: "a<b".into(), index: 1, data: Curve { points: points.into(), band: Vec::new(), trusted } }]
    }

    #[test]
    fn nothing_to_draw_is_nothing() {
        assert_eq!(svg(&series(&[], 1.0), 920.0), None);
        assert_eq!(svg(&series(&[(0.2, 0.1), (0.9, 0.0), (0.99, f64::NAN)], 1.0), 920.0), None);
    }

    #[test]
    fn the_line_is_dashed_where_few_operations_lie_beyond() {
        let points = [(0.5, 0.001), (0.9, 0.002), (0.99, 0.004), (0.999, 0.01)];
        let drawn = svg(&series(&points, 0.99), 920.0).expect("points");
        assert!(drawn.contains(r#"class="curve s1""#) && drawn.contains(r#"class="curve dashed s1""#));
        let trusted = svg(&series(&points, 1.0), 920.0).expect("points");
        assert!(!trusted.contains("dashed"));
        assert!(drawn.contains("a&lt;b") && !drawn.contains("a<b"));
    }

    #[test]
    fn values_are_those_of_the_next_point() {
        let points = [(0.5, 1.0), (0.9, 2.0), (0.99, 3.0)];
        assert_eq!(value_at(&points, 0.5), Some(1.0));
        assert_eq!(value_at(&points, 0.95), Some(3.0));
        assert_eq!(value_at(&points, 0.999), None);
        assert_eq!(value_at(&points[1..], 0.5), None);
    }
}
