//! Threads over time: a lane a thread, below the latency of the same trial.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::class;
use super::scale::Scale;
use crate::render::{number, text};
use crate::run::{LaneShares, ThreadLane, ThreadsRecord, TimelinePoint};

/// Lanes drawn; further threads are counted.
pub(crate) const MOST: usize = 16;

/// Pixels of a lane's bar, and from one lane to the next.
const BAR: f64 = 15.0;
const PITCH: f64 = 20.0;
/// Pixels of the latency panel, with its title and without its axis.
const LATENCY: f64 = 104.0;
/// Slices that a narrow picture has room for.
const NARROW: usize = 80;

/// Shares of one state.
type Pick = fn(&LaneShares) -> &[u16];

/// What a bar is stacked of, from the bottom: CSS class, words, what it is made from.
const STATES: [(&str, &str, Pick); 3] = [
    ("on-cpu", "on a CPU", |shares| &shares.running),
    ("no-cpu", "wanted a CPU, had none", |shares| &shares.preempted),
    ("off-cpu", "blocked", |shares| &shares.blocked),
];

/// The chart; nothing where no thread has a lane. `timeline` is that of the trial that was recorded.
pub(crate) fn svg(record: &ThreadsRecord, timeline: &[TimelinePoint], width: f64) -> Option<String> {
    let lanes: Vec<(&ThreadLane, &LaneShares)> =
        record.threads.iter().filter_map(|lane| Some((lane, lane.shares.as_ref()?))).take(MOST).collect();
    if lanes.is_empty() {
        return None;
    }
    let wide = width > 600.0;
    let (left, right) = (if wide { 178.0 } else { 112.0 }, width - 14.0);
    let x = Scale::linear(0.0, record.head.wall_s, left, right);
    let latency = latency(record, timeline);
    let key = if wide { 22.0 } else { 22.0 * STATES.len() as f64 };
    let above = if latency.is_empty() { 0.0 } else { LATENCY + 30.0 };
    let top = above + key + 8.0;
    let bottom = top + PITCH * lanes.len() as f64;
    let mut canvas = Canvas::new(width, bottom + 44.0);
    let begin = record.head.open_at_s.filter(|at| *at > 0.0 && *at < record.head.wall_s);
    if !latency.is_empty() {
        let plot = Plot { left, right, top: 26.0, bottom: LATENCY };
        draw_latency(&mut canvas, &plot, &x, &latency);
    }
    legend(&mut canvas, above, if wide { left } else { 2.0 }, wide);
    for (row, (lane, shares)) in lanes.iter().enumerate() {
        let at = top + PITCH * row as f64;
        let room = if wide { 24 } else { 14 };
        canvas.text("tick", (left - 8.0, at + BAR - 3.0), Anchor::End, &label(&lane.name, room));
        canvas.rect("lane", (left, at), (right - left, BAR));
        let slices = if wide { shares.running.len() } else { NARROW };
        draw_lane(&mut canvas, &(left..right), at, shares, slices, &title(lane));
    }
    if let Some(begin) = begin {
        canvas.line("phase", (x.at(begin), 18.0), (x.at(begin), bottom));
        canvas.text("tick", (x.at(begin) + 4.0, 16.0), Anchor::Start, "open loop begins");
    }
    let ticks: Vec<_> = x.ticks().iter().map(|tick| (x.at(*tick), number::tick(*tick, "1"))).collect();
    Plot { left, right, top, bottom }.columns(&mut canvas, &ticks, false);
    canvas.text("head", ((left + right) / 2.0, bottom + 38.0), Anchor::Middle, "seconds since recording began");
    Some(
        canvas.finish("chart", "Latency over time and, below it, what each thread did: on a CPU, without one, blocked"),
    )
}

/// A name cut to the room that it has, its end kept: names of pools differ there.
fn label(name: &str, room: usize) -> String {
    let name = text::name(name);
    let length = name.chars().count();
    if name.is_empty() {
        return "(no name)".into();
    }
    if length <= room { name } else { format!("…{}", name.chars().skip(length + 1 - room).collect::<String>()) }
}

/// What hovering says of a thread.
fn title(lane: &ThreadLane) -> String {
    format!(
        "{} ({}): on a CPU {}, wanted one {}, blocked {}, idle {}",
        text::name(&lane.name),
        lane.tid,
        number::seconds(lane.running_s),
        number::seconds(lane.preempted_s),
        number::seconds(lane.blocked_s),
        number::seconds(lane.parked_s)
    )
}

fn legend(canvas: &mut Canvas, top: f64, left: f64, beside: bool) {
    let mut at = (left, top + 14.0);
    for (class, words, _) in STATES {
        canvas.rect(class, (at.0, at.1 - 10.0), (11.0, 11.0));
        canvas.text("tick", (at.0 + 17.0, at.1), Anchor::Start, words);
        if beside {
            at.0 += 17.0 + words.len() as f64 * 6.6 + 22.0;
        } else {
            at.1 += 22.0;
        }
    }
}

/// One path for each state, so that thousands of slices stay a few kilobytes.
fn draw_lane(
    canvas: &mut Canvas,
    ends: &std::ops::Range<f64>,
    top: f64,
    shares: &LaneShares,
    slices: usize,
    title: &str,
) {
    let mut base = vec![0.0; slices];
    let width = (ends.end - ends.start) / slices.max(1) as f64;
    for (class, _, pick) in STATES {
        let values = merged(pick(shares), slices);
        let mut bars: Vec<(f64, f64, f64)> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            // Less than a quarter of a pixel is not seen.
            let height = value * BAR;
            if height < 0.25 {
                continue;
            }
            let (from, low) = (ends.start + width * index as f64, top + BAR - base[index] * BAR);
            bars.push((from, low, height));
            base[index] += value;
        }
        canvas.bars(class, &bars, width, title);
    }
}

/// Thousandths as parts of one, of so many slices: neighbours are averaged.
fn merged(values: &[u16], slices: usize) -> Vec<f64> {
    let part = |index: usize| index * values.len() / slices.max(1);
    (0..slices)
        .map(|index| {
            let group = &values[part(index)..part(index + 1).max(part(index))];
            let sum: f64 = group.iter().map(|value| f64::from(*value)).sum();
            if group.is_empty() { 0.0 } else { (sum / group.len() as f64 / 1000.0).min(1.0) }
        })
        .collect()
}

/// Name, colour and points of a percentile.
type Curve = (&'static str, usize, Vec<(f64, f64)>);

fn latency(record: &ThreadsRecord, timeline: &[TimelinePoint]) -> Vec<Curve> {
    let begin = record.head.open_at_s.unwrap_or(0.0);
    let curve = |name, index, pick: fn(&TimelinePoint) -> Option<f64>| {
        let points = timeline.iter().filter_map(|point| {
            let value = pick(point).filter(|value| value.is_finite() && *value > 0.0)?;
            Some((begin + point.at_s, value)).filter(|(at, _)| *at <= record.head.wall_s)
        });
        (name, index, points.collect::<Vec<_>>())
    };
    let curves = [curve("p50", 0, |point| point.p50), curve("p99", 1, |point| point.p99)];
    curves.into_iter().filter(|(_, _, points)| points.len() > 1).collect()
}

fn draw_latency(canvas: &mut Canvas, plot: &Plot, x: &Scale, curves: &[Curve]) {
    let values = curves.iter().flat_map(|(_, _, points)| points.iter().map(|(_, value)| *value));
    let Some(y) = Scale::log_over(values, plot.bottom - 4.0, plot.top) else { return };
    canvas.text("head", (2.0, 16.0), Anchor::Start, "latency");
    plot.rows(canvas, &y, number::tick_seconds);
    canvas.line("axis", (plot.left, plot.bottom), (plot.right, plot.bottom));
    let mut names = 62.0;
    for (name, index, points) in curves {
        let points: Vec<_> = points.iter().map(|(at, value)| (x.at(*at), y.at(*value))).collect();
        canvas.path(&format!("curve {}", class(*index)), &points);
        canvas.text(&format!("label {}", class(*index)), (names, 16.0), Anchor::Start, name);
        names += 34.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::threads::tests::threads;

    fn timeline() -> Vec<TimelinePoint> {
        let point = |at_s| TimelinePoint { at_s, p50: Some(0.001), p99: Some(0.01), ..TimelinePoint::default() };
        vec![point(0.0), point(0.5), point(1.0)]
    }

    #[test]
    fn the_busiest_threads_have_a_lane_and_hostile_names_stay_text() {
        let drawn = svg(&threads(), &timeline(), 920.0).expect("lanes");
        assert_eq!(drawn.matches("class=\"lane\"").count(), MOST);
        assert!(drawn.contains("wo&lt;b&gt;rker") && !drawn.contains("<b>"), "{drawn}");
        assert!(drawn.contains(">p99</text>") && drawn.contains(">open loop begins</text>"));
        for (class, words, _) in STATES {
            assert!(drawn.contains(&format!("<path class=\"{class}\"")) && drawn.contains(&format!(">{words}</text>")));
        }
        assert_eq!(svg(&ThreadsRecord::default(), &timeline(), 920.0), None);
        assert!(!svg(&threads(), &[], 400.0).expect("lanes").contains(">p99</text>"));
    }

    #[test]
    fn slices_are_averaged_where_there_is_no_room() {
        assert_eq!(merged(&[1000, 0, 500, 500], 2), [0.5, 0.5]);
        assert_eq!(merged(&[1000, 0], 2), [1.0, 0.0]);
        assert_eq!(merged(&[250], 2), [0.0, 0.25]);
    }

    #[test]
    fn names_keep_their_end() {
        assert_eq!(label("tokio-runtime-worker-17", 10), "…worker-17");
        assert_eq!(label("", 10), "(no name)");
    }
}
