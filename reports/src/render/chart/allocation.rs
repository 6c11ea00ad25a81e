//! What the allocator held, latency above and the price below, on one axis of time.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::{Scale, bounds};
use super::{COLOURS, class};
use crate::render::allocator::{self, FIGURES, RATES};
use crate::render::number;
use crate::run::{AllocatorRecord, PressureLevel, TimelinePoint};

/// Points of a line at most; the largest of those that fall together is drawn.
const POINTS: usize = 420;

/// Names and axis need this much around each plot, pixels.
const HEAD: f64 = 30.0;
const FOOT: f64 = 26.0;
/// A line of names.
const NAMES: f64 = 18.0;

/// A rate whose highest point stays below this part of the panel is left out.
const LOW: f64 = 0.01;

/// One line.
struct Line {
    name: String,
    /// CSS besides the colour.
    look: &'static str,
    /// Colour.
    index: usize,
    points: Vec<(f64, f64)>,
}

/// Lines that share a vertical axis.
struct Panel {
    title: &'static str,
    lines: Vec<Line>,
    height: f64,
    log: bool,
    label: fn(f64) -> String,
    /// A mark across the whole plot: value and name.
    mark: Option<(f64, String)>,
    /// Spans of pressure: from, to, CSS class.
    spans: Vec<(f64, f64, &'static str)>,
}

/// The chart of one variant; `timeline` is that of the trial that was recorded. Nothing without two samples.
pub(crate) fn svg(record: &AllocatorRecord, timeline: &[TimelinePoint], width: f64) -> Option<String> {
    let (_, last) = bounds(record.samples.iter().map(|sample| sample.at_s))?;
    let panels: Vec<Panel> =
        [latency(record, timeline), memory(record), rates(record)].into_iter().filter(Panel::is_drawn).collect();
    if record.samples.len() < 2 || panels.is_empty() {
        return None;
    }
    let (left, right) = (76.0, width - 14.0);
    let rows: Vec<usize> = panels.iter().map(|panel| panel.rows(right - left)).collect();
    let height = panels.iter().zip(&rows).map(|(panel, rows)| panel.whole(*rows)).sum::<f64>() + 18.0;
    let mut canvas = Canvas::new(width, height);
    let mut top = 0.0;
    for (index, (panel, rows)) in panels.iter().zip(rows).enumerate() {
        let begin = top + HEAD + NAMES * rows as f64;
        let plot = Plot { left, right, top: begin, bottom: begin + panel.height };
        panel.draw(&mut canvas, &plot, &Scale::linear(0.0, last, left, right), record.head.open_at_s);
        panel.names(&mut canvas, left, top + HEAD + 4.0, right);
        // Once is enough: below, the names of the lines take its place.
        if let Some(open_at_s) = record.head.open_at_s.filter(|open_at_s| *open_at_s > 0.0 && index == 0) {
            let at = Scale::linear(0.0, last, left, right).at(open_at_s);
            canvas.text("tick", (at + 4.0, plot.top - 1.0), Anchor::Start, "open loop begins");
        }
        top += panel.whole(rows);
    }
    let centre = ((left + right) / 2.0, height - 5.0);
    canvas.text("head", centre, Anchor::Middle, "seconds since recording began");
    Some(canvas.finish("chart", "Latency, memory by state, page faults and memory given back over time"))
}

fn latency(record: &AllocatorRecord, timeline: &[TimelinePoint]) -> Panel {
    let open_at_s = record.head.open_at_s.unwrap_or(0.0);
    let line = |name: &str, index, pick: fn(&TimelinePoint) -> Option<f64>| Line {
        name: name.to_owned(),
        look: "curve",
        index,
        points: timeline
            .iter()
            .filter_map(|point| Some((open_at_s + point.at_s, pick(point).filter(|seconds| *seconds > 0.0)?)))
            .collect(),
    };
    Panel {
        title: "latency",
        lines: vec![line("p50", 0, |point| point.p50), line("p99", 1, |point| point.p99)],
        height: 100.0,
        log: true,
        label: number::tick_seconds,
        mark: None,
        spans: spans(record),
    }
}

fn memory(record: &AllocatorRecord) -> Panel {
    let largest = record.samples.iter().map(|sample| sample.resident_set).max().unwrap_or(0) as f64;
    let lines = FIGURES.iter().enumerate().filter_map(|(index, (name, pick, address_space))| {
        let points = allocator::series(record, *pick);
        let most = points.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max);
        // Address space beyond all memory would press every other line flat.
        let drawn = !points.is_empty() && *name != "dirty" && !(*address_space && most > 1.5 * largest);
        drawn.then(|| Line {
            name: (*name).to_owned(),
            look: if *address_space { "curve dashed" } else { "curve" },
            // One short of where colours repeat: the last figure is never drawn beside the one before.
            index: index.min(COLOURS - 1),
            points,
        })
    });
    Panel {
        title: "memory",
        lines: lines.collect(),
        height: 200.0,
        log: false,
        label: |mib| format!("{} MiB", number::tick(mib, "1")),
        spans: spans(record),
        mark: record.head.limit.map(|limit| (limit as f64, format!("limit {}", number::tick(limit as f64, "B")))),
    }
    .scaled(1_048_576.0)
}

fn rates(record: &AllocatorRecord) -> Panel {
    let lines = RATES.iter().enumerate().filter_map(|(index, (name, pick, unit))| {
        let mut points = allocator::rates(record, *pick);
        // Pages, so that what is given back and what faults bring in are the same measure.
        let per = if *unit == "B/s" { 4096.0 } else { 1.0 };
        points.iter_mut().for_each(|(_, rate)| *rate /= per);
        let name = if *unit == "B/s" { format!("pages {name}") } else { (*name).to_owned() };
        points.iter().any(|(_, rate)| *rate > 0.0).then_some(Line { name, look: "curve", index, points })
    });
    let mut lines: Vec<Line> = lines.collect();
    let most = |line: &Line| line.points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let highest = lines.iter().map(most).fold(0.0, f64::max);
    // A line along the axis says nothing.
    lines.retain(|line| most(line) >= LOW * highest);
    Panel {
        title: "per second",
        lines,
        height: 100.0,
        log: false,
        label: |rate| number::tick(rate, "ops/s").replace(" ops/s", ""),
        mark: None,
        spans: spans(record),
    }
}

/// Pressure of the memory limit, as bands.
fn spans(record: &AllocatorRecord) -> Vec<(f64, f64, &'static str)> {
    let class = |level| if level == PressureLevel::Over { "pressure over" } else { "pressure" };
    record.pressure_spans().into_iter().map(|(from, to, level)| (from, to, class(level))).collect()
}

impl Panel {
    fn is_drawn(&self) -> bool {
        self.lines.iter().any(|line| line.points.len() > 1)
    }

    /// With values in another unit.
    fn scaled(mut self, unit: f64) -> Self {
        self.lines.iter_mut().flat_map(|line| &mut line.points).for_each(|(_, value)| *value /= unit);
        self.mark = self.mark.map(|(value, name)| (value / unit, name));
        self
    }

    /// Height with its names and axis.
    fn whole(&self, rows: usize) -> f64 {
        HEAD + NAMES * rows as f64 + self.height + FOOT
    }

    fn draw(&self, canvas: &mut Canvas, plot: &Plot, x: &Scale, open_at_s: Option<f64>) {
        let values = || self.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
        let y = if self.log {
            Scale::log_over(values(), plot.bottom - 4.0, plot.top)
        } else {
            let most = bounds(values().chain(self.mark.iter().map(|(value, _)| *value))).map(|(_, most)| most);
            most.map(|most| Scale::linear(0.0, most * 1.04, plot.bottom, plot.top))
        };
        let Some(y) = y else { return };
        // Below everything else. A short span is still to be seen.
        for (from, to, class) in &self.spans {
            let (from, to) = (x.at(*from), x.at(*to).min(plot.right));
            canvas.rect(class, (from, plot.top), ((to - from).max(1.5), plot.bottom - plot.top));
        }
        plot.rows(canvas, &y, self.label);
        let ticks: Vec<_> = x.ticks().iter().map(|tick| (x.at(*tick), number::tick(*tick, "1"))).collect();
        plot.columns(canvas, &ticks, false);
        if let Some(open_at_s) = open_at_s.filter(|open_at_s| *open_at_s > 0.0) {
            canvas.line("phase", (x.at(open_at_s), plot.top), (x.at(open_at_s), plot.bottom));
        }
        if let Some((value, _)) = &self.mark {
            canvas.line("limit", (plot.left, y.at(*value)), (plot.right, y.at(*value)));
        }
        // The outermost first, so that what lies within is drawn over it.
        for line in &self.lines {
            let points: Vec<_> = thinned(&line.points).iter().map(|(at, value)| (x.at(*at), y.at(*value))).collect();
            canvas.path(&format!("{} {}", line.look, class(line.index)), &points);
        }
    }

    /// Names in the colours of their lines, after the title, in as many rows as they take.
    fn names(&self, canvas: &mut Canvas, left: f64, top: f64, right: f64) {
        canvas.text("head", (2.0, top - 14.0), Anchor::Start, self.title);
        let mut at = (left, top);
        for (name, class) in self.entries() {
            let room = room(&name);
            if at.0 > left && at.0 + room > right {
                at = (left, at.1 + NAMES);
            }
            canvas.text(&class, at, Anchor::Start, &name);
            at.0 += room;
        }
    }

    fn entries(&self) -> Vec<(String, String)> {
        let lines = self.lines.iter().map(|line| (line.name.clone(), format!("label {}", class(line.index))));
        let marks = self.mark.iter().map(|(_, name)| (name.clone(), "label limit".to_owned()));
        let has = |class: &str| self.mark.is_some() && self.spans.iter().any(|span| span.2 == class);
        let bands = [("pressure", "▒ giving back"), ("pressure over", "▒ over, nothing to give back")];
        let bands = bands.into_iter().filter(|(class, _)| has(class)).map(|(class, name)| {
            let label = if class == "pressure" { "label giving" } else { "label limit" };
            (name.to_owned(), label.to_owned())
        });
        lines.chain(marks).chain(bands).collect()
    }

    /// Rows that the names take.
    fn rows(&self, width: f64) -> usize {
        let mut rows = (1, 0.0);
        for (name, _) in self.entries() {
            let room = room(&name);
            if rows.1 > 0.0 && rows.1 + room > width {
                rows = (rows.0 + 1, 0.0);
            }
            rows.1 += room;
        }
        rows.0
    }
}

/// Pixels that a name takes at 13 px, with the gap behind it.
fn room(name: &str) -> f64 {
    name.chars().count() as f64 * 7.4 + 18.0
}

/// At most [`POINTS`]: the largest of those that fall together.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(POINTS).max(1);
    points.chunks(together).filter_map(|points| points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Vec<TimelinePoint> {
        let point = |at_s| TimelinePoint { at_s, p50: Some(0.001), p99: Some(0.01), ..TimelinePoint::default() };
        vec![point(0.0), point(1.0), point(2.0)]
    }

    #[test]
    fn three_panels_share_an_axis_and_name_their_lines() {
        let drawn = svg(&allocator::tests::record(), &timeline(), 920.0).expect("samples");
        for name in ["p50", "p99", "resident set", "active", "allocated", "live", "minor faults", "pages given back"] {
            assert!(drawn.contains(&format!(">{name}</text>")), "{name}: {drawn}");
        }
        assert!(drawn.contains(">limit 128 MiB</text>") && drawn.contains("class=\"limit\""));
        assert_eq!(drawn.matches("class=\"pressure\"").count(), 3, "a span of it in each panel");
        assert_eq!(drawn.matches("class=\"pressure over\"").count(), 3);
        assert!(drawn.contains(">▒ giving back</text>") && drawn.contains(">▒ over, nothing to give back</text>"));
        assert_eq!(drawn.matches("class=\"phase\"").count(), 3, "where the open loop begins, in each");
        assert!(drawn.contains(">open loop begins</text>") && !drawn.contains(">mutex waits<"), "200 beside 20,000");
        assert!(!drawn.contains(">retained<"), "address space beyond all memory is left out");
    }

    #[test]
    fn what_is_not_there_is_not_drawn() {
        let record = allocator::tests::record();
        let without = svg(&record, &[], 400.0).expect("samples");
        assert!(!without.contains(">latency<") && without.contains(">memory<"));
        assert_eq!(svg(&AllocatorRecord::default(), &timeline(), 920.0), None);
    }

    #[test]
    fn thinning_keeps_peaks() {
        let points: Vec<_> = (0..10_000).map(|n| (f64::from(n), if n == 777 { 9.0 } else { 1.0 })).collect();
        let thinned = thinned(&points);
        assert!(thinned.len() <= POINTS && thinned.contains(&(777.0, 9.0)));
    }
}
