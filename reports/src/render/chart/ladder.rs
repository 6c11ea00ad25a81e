//! Throughput and latency over the number of clients.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::percentiles::short;
use super::scale::{Scale, bounds};
use super::spread::spread;
use super::{Series, class};
use crate::render::number;
use crate::run::LevelSummary;

/// The two panels: what is above the axis, and how a tick is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panel {
    /// Operations answered per second.
    Throughput,
    /// Median and 99th percentile from the moment of sending.
    Latency,
}

/// One panel, or nothing where no variant has two levels to draw a line between.
pub(crate) fn svg(panel: Panel, series: &[Series<&[LevelSummary]>], width: f64) -> Option<String> {
    let roomy = width > 600.0;
    let height = if roomy { 250.0 } else { 220.0 };
    let right = if roomy { width - 150.0 } else { width - 26.0 };
    let plot = Plot { left: 76.0, right, top: 30.0, bottom: height - 44.0 };
    let drawn: Vec<&Series<&[LevelSummary]>> = series.iter().filter(|series| series.data.len() > 1).collect();
    let levels = || drawn.iter().flat_map(|series| series.data.iter());
    let x = doublings(bounds(levels().map(|level| f64::from(level.concurrency)))?, &plot);
    let y = Scale::log_over(levels().flat_map(|level| values(panel, level)).flatten(), plot.bottom, plot.top)?;

    let mut canvas = Canvas::new(width, height);
    let (title, label): (_, fn(f64) -> String) = match panel {
        Panel::Throughput => ("answered per second", |tick| number::tick(tick, "1")),
        Panel::Latency => ("latency: p50, and p99 dashed", number::tick_seconds),
    };
    plot.title(&mut canvas, title);
    plot.rows(&mut canvas, &y, label);
    plot.columns(&mut canvas, &ticks(levels().map(|level| level.concurrency), &x, &plot), true);
    canvas.text("head", ((plot.left + plot.right) / 2.0, height - 8.0), Anchor::Middle, "clients at a time");
    for series in &drawn {
        draw(&mut canvas, panel, series, &x, &y);
    }
    if roomy {
        let end = |series: &&Series<&[LevelSummary]>| {
            let last = series.data.last()?;
            Some((class(series.index), short(&series.name), y.at(values(panel, last)[0]?)))
        };
        let ends: Vec<_> = drawn.iter().filter_map(end).collect();
        let wanted: Vec<f64> = ends.iter().map(|(.., at)| *at).collect();
        for ((class, name, _), at) in ends.iter().zip(spread(&wanted, 16.0, plot.top + 4.0, plot.bottom - 4.0)) {
            canvas.text(&format!("label {class}"), (plot.right + 9.0, at + 4.0), Anchor::Start, name);
        }
    }
    Some(canvas.finish("chart", &format!("{title} by the number of clients, one line per variant")))
}

/// One or two values of a level that are worth a line, where they are positive.
fn values(panel: Panel, level: &LevelSummary) -> [Option<f64>; 2] {
    let pair = match panel {
        Panel::Throughput => [Some(level.throughput), None],
        Panel::Latency => [level.p50, level.p99],
    };
    pair.map(|value| value.filter(|value| value.is_finite() && *value > 0.0))
}

/// Clients double from level to level: equal steps for equal factors.
fn doublings((low, high): (f64, f64), plot: &Plot) -> Scale {
    Scale::linear(low.log2(), high.log2(), plot.left, plot.right)
}

/// A label for each level, as long as they do not cover each other.
fn ticks(levels: impl Iterator<Item = u32>, x: &Scale, plot: &Plot) -> Vec<(f64, String)> {
    let levels: std::collections::BTreeSet<u32> = levels.collect();
    let mut free = plot.left - 20.0;
    let mut ticks = Vec::new();
    for level in levels {
        let at = x.at(f64::from(level).log2());
        if at - free >= 20.0 {
            ticks.push((at, level.to_string()));
            free = at;
        }
    }
    ticks
}

fn draw(canvas: &mut Canvas, panel: Panel, series: &Series<&[LevelSummary]>, x: &Scale, y: &Scale) {
    let class = class(series.index);
    for (index, style) in ["curve", "curve dashed"].into_iter().enumerate() {
        let point = |level: &LevelSummary| {
            Some((x.at(f64::from(level.concurrency).log2()), y.at(values(panel, level)[index]?)))
        };
        let points: Vec<_> = series.data.iter().filter_map(point).collect();
        canvas.path(&format!("{style} {class}"), &points);
    }
    for level in series.data {
        for (value, name) in values(panel, level).into_iter().zip(["p50", "p99"]) {
            let Some(value) = value else { continue };
            let at = (x.at(f64::from(level.concurrency).log2()), y.at(value));
            let clients = level.concurrency;
            let shown = match panel {
                Panel::Throughput => format!("{}/s", number::count(value.round())),
                Panel::Latency => format!("{name} {}", number::seconds(value)),
            };
            canvas.dot(&class, at, 3.5, &format!("{}, {clients} clients: {shown}", series.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(concurrency: u32, throughput: f64, p50: Option<f64>) -> LevelSummary {
        LevelSummary { concurrency, throughput, p50, p99: p50.map(|p50| p50 * 4.0), ..LevelSummary::default() }
    }

    #[test]
    fn each_level_has_its_mark_in_both_panels() {
        let levels = [level(1, 900.0, Some(0.001)), level(2, 1800.0, None), level(32, 1900.0, Some(0.016))];
        let series = vec![Series { name: "a<b".into(), index: 1, data: &levels[..] }];
        let drawn = svg(Panel::Throughput, &series, 920.0).expect("levels");
        assert_eq!(drawn.matches("<circle").count(), 3);
        assert!(drawn.contains("a&lt;b, 32 clients: 1,900/s") && !drawn.contains("a<b"), "{drawn}");
        let drawn = svg(Panel::Latency, &series, 400.0).expect("levels");
        assert_eq!(drawn.matches("<circle").count(), 4);
        assert!(drawn.contains("p99 64.0 ms") && drawn.contains("curve dashed s1"), "{drawn}");
    }

    #[test]
    fn one_level_is_no_line() {
        let levels = [level(1, 900.0, Some(0.001))];
        assert_eq!(svg(Panel::Throughput, &[Series { name: "a".into(), index: 0, data: &levels[..] }], 920.0), None);
        let silent = [level(1, 0.0, None), level(2, 0.0, None)];
        assert_eq!(svg(Panel::Throughput, &[Series { name: "a".into(), index: 0, data: &silent[..] }], 920.0), None);
    }

    #[test]
    fn labels_that_would_cover_each_other_are_left_out() {
        let plot = Plot { left: 0.0, right: 100.0, top: 0.0, bottom: 1.0 };
        let labels = |levels: &[u32]| {
            let ends = (f64::from(levels[0]), f64::from(levels[levels.len() - 1]));
            let ticks = ticks(levels.iter().copied(), &doublings(ends, &plot), &plot);
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(&[1, 2, 4, 8, 16]), ["1", "2", "4", "8", "16"]);
        assert_eq!(labels(&[62, 63, 64]).len(), 3);
        assert_eq!(labels(&[1, 63, 64]), ["1", "63"]);
    }
}
