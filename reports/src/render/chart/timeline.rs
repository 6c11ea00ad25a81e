//! Latency over the seconds of the open-loop phase.

use std::collections::BTreeMap;

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::{Scale, bounds};
use super::{Series, class};
use crate::render::number;
use crate::run::TimelinePoint;

/// A percentile to draw.
type Pick = fn(&TimelinePoint) -> Option<f64>;

/// Name, what to draw, and whether it is a time: those are drawn over decades, memory from zero.
const PANELS: [(&str, Pick, bool); 3] = [
    ("p50 latency", |point| point.p50, true),
    ("p99 latency", |point| point.p99, true),
    ("resident memory", |point| point.rss_bytes.map(|bytes| bytes as f64 / MIB), false),
];

const MIB: f64 = 1_048_576.0;

/// Pixels between the panels.
const GAP: f64 = 16.0;

/// Trials of one variant.
type Trials<'a> = Series<Vec<&'a [TimelinePoint]>>;

/// The chart of every variant's trials, or nothing where no point has a value. `timed` are those whose latencies count,
/// `sampled` those whose memory does: a driver that came late voids only the former.
pub(crate) fn svg(timed: &[Trials<'_>], sampled: &[Trials<'_>], width: f64) -> Option<String> {
    let panel = if width > 600.0 { 190.0 } else { 160.0 };
    let of = |time: bool| if time { timed } else { sampled };
    let all = |time| of(time).iter().flat_map(|series| series.data.iter().flat_map(|trial| trial.iter()));
    let (_, last) = bounds(all(true).chain(all(false)).map(|point| point.at_s))?;
    let has = |pick: Pick, time| all(time).any(|point| positive(pick(point)).is_some());
    let panels: Vec<_> = PANELS.iter().filter(|(_, pick, time)| has(*pick, *time)).collect();
    if panels.is_empty() {
        return None;
    }
    let rows = panels.len() as f64;
    let height = rows * panel + (rows - 1.0) * GAP + 34.0;
    let mut canvas = Canvas::new(width, height);
    for (row, (name, pick, time)) in panels.into_iter().enumerate() {
        let top = row as f64 * (panel + GAP) + 28.0;
        let plot = Plot { left: 76.0, right: width - 14.0, top, bottom: top + panel - 44.0 };
        let x = Scale::linear(0.0, last, plot.left, plot.right);
        let series = of(*time);
        let values = || all(*time).filter_map(|point| positive(pick(point)));
        let y = if *time {
            Scale::log_over(values(), plot.bottom - 6.0, plot.top)
        } else {
            bounds(values()).map(|(_, most)| Scale::linear(0.0, most * 1.04, plot.bottom, plot.top))
        };
        let Some(y) = y else { continue };
        plot.title(&mut canvas, name);
        let label = |tick| if *time { number::tick_seconds(tick) } else { format!("{} MiB", number::tick(tick, "1")) };
        plot.rows(&mut canvas, &y, label);
        let ticks: Vec<_> = x.ticks().iter().map(|tick| (x.at(*tick), number::tick(*tick, "1"))).collect();
        plot.columns(&mut canvas, &ticks, false);
        let at = |points: &[(f64, f64)]| points.iter().map(|(s, v)| (x.at(*s), y.at(*v))).collect::<Vec<_>>();
        for series in series {
            for trial in &series.data {
                let points: Vec<_> =
                    trial.iter().filter_map(|point| Some((point.at_s, positive(pick(point))?))).collect();
                canvas.path(&format!("faint {}", class(series.index)), &at(&points));
            }
        }
        for series in series {
            canvas.path(&format!("curve {}", class(series.index)), &at(&medians(&series.data, *pick)));
        }
        if *time {
            failures(&mut canvas, series, &x, &plot);
        }
    }
    let bottom = (width / 2.0, height - 6.0);
    canvas.text("head", bottom, Anchor::Middle, "seconds since the phase began");
    Some(
        canvas
            .finish("chart", "Median and 99th percentile latency and resident memory over time, one line per variant"),
    )
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

/// Trials tick at the same seconds; a millisecond tells ticks apart.
fn key(at_s: f64) -> i64 {
    (at_s * 1000.0).round() as i64
}

/// Median over trials for every moment that at least half of them reached.
fn medians(trials: &[&[TimelinePoint]], pick: Pick) -> Vec<(f64, f64)> {
    let mut moments: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for point in trials.iter().flat_map(|trial| trial.iter()) {
        if let Some(value) = positive(pick(point)) {
            moments.entry(key(point.at_s)).or_default().push(value);
        }
    }
    moments
        .into_iter()
        .filter(|(_, values)| values.len() * 2 >= trials.len())
        .map(|(key, mut values)| (key as f64 / 1000.0, number::median(&mut values).expect("a moment has values")))
        .collect()
}

/// One cross per moment and variant with failed operations.
fn failures(canvas: &mut Canvas, series: &[Series<Vec<&[TimelinePoint]>>], x: &Scale, plot: &Plot) {
    for (row, series) in series.iter().enumerate() {
        let mut moments: BTreeMap<i64, u64> = BTreeMap::new();
        for point in series.data.iter().flat_map(|trial| trial.iter()).filter(|point| point.failed > 0) {
            *moments.entry(key(point.at_s)).or_default() += point.failed;
        }
        for (key, failed) in moments {
            let seconds = key as f64 / 1000.0;
            let title = format!(
                "{}: {} failed at {}",
                series.name,
                number::count(failed as f64),
                number::tick_seconds(seconds)
            );
            let at = (x.at(seconds), plot.bottom - 6.0 - 9.0 * (row % 4) as f64);
            canvas.cross(&format!("failed {}", class(series.index)), at, 3.5, &title);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_s: f64, p50: f64, failed: u64) -> TimelinePoint {
        TimelinePoint { at_s, p50: Some(p50), p99: Some(p50 * 3.0), failed, ..TimelinePoint::default() }
    }

    #[test]
    fn medians_are_over_trials() {
        let trials = [vec![point(0.0, 1.0, 0), point(1.0, 2.0, 0)], vec![point(0.0, 3.0, 0)], vec![point(0.0, 9.0, 0)]];
        let slices: Vec<_> = trials.iter().map(Vec::as_slice).collect();
        assert_eq!(medians(&slices, |point| point.p50), [(0.0, 3.0)], "one trial of three does not speak for all");
    }

    #[test]
    fn failed_operations_are_summed_and_marked() {
        let (a, b) = ([point(0.0, 1.0, 2), point(1.0, 1.0, 0)], [point(0.0, 1.0, 3), point(1.0, 1.0, 0)]);
        let series = [Series { name: "x".into(), index: 0, data: vec![&a[..], &b[..]] }];
        let drawn = svg(&series, &[], 920.0).expect("points");
        assert_eq!(drawn.matches("x: 5 failed at 0 s").count(), 2, "in both panels");
    }

    #[test]
    fn memory_stands_below_latency_where_it_was_sampled() {
        let point = |at_s, mib: u64| TimelinePoint { rss_bytes: Some(mib << 20), ..point(at_s, 1.0, 0) };
        let trial = [point(0.0, 100), point(1.0, 300)];
        let series = [Series { name: "x".into(), index: 0, data: vec![&trial[..]] }];
        let drawn = svg(&series, &series, 920.0).expect("points");
        assert!(drawn.contains(">resident memory</text>") && drawn.contains(">300 MiB</text>"), "{drawn}");
        assert!(drawn.contains(">0 MiB</text>"), "from zero");
        let late = svg(&[], &series, 920.0).expect("memory");
        assert!(late.contains(">resident memory</text>") && !late.contains(">p50 latency</text>"), "{late}");
    }

    #[test]
    fn no_latency_no_chart() {
        let silent = [TimelinePoint::default()];
        let silent = [Series { name: "x".into(), index: 0, data: vec![&silent[..]] }];
        assert_eq!(svg(&silent, &silent, 920.0), None);
        assert_eq!(svg(&[], &[], 920.0), None);
    }
}
