//! SVG elements, written one after another.

use std::fmt::Write as _;

use crate::render::text;

/// Points of one line: two for each pixel of the widest picture. A day of seconds has more than can be seen.
const MOST_POINTS: usize = 2_000;

/// An SVG picture in the making.
#[derive(Debug)]
pub(super) struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    /// A line through the points; nothing for fewer than two. Of more than [`MOST_POINTS`] the extremes are kept.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() < 2 {
            return;
        }
        let extremes = (points.len() > MOST_POINTS).then(|| extremes(points));
        let points = extremes.as_deref().unwrap_or(points);
        let mut path = String::with_capacity(points.len() * 12);
        for (index, (x, y)) in points.iter().enumerate() {
            write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' }).expect("writing to a String succeeds");
        }
        self.add(format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }

    /// The area within the points; nothing for fewer than three.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.len() < 3 {
            return;
        }
        let mut path = String::with_capacity(points.len() * 12);
        for (index, (x, y)) in points.iter().enumerate() {
            write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' }).expect("writing to a String succeeds");
        }
        self.add(format_args!(r#"<path class="{class}" d="{path}z"/>"#));
    }

    /// A circle with a text that appears on hovering.
    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let (x, y) = at;
        let title = text::html(title);
        self.add(format_args!(
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"><title>{title}</title></circle>"#
        ));
    }

    /// A cross with a text that appears on hovering.
    pub(super) fn cross(&mut self, class: &str, at: (f64, f64), size: f64, title: &str) {
        let (x, y) = at;
        let (left, right, top, bottom) = (x - size, x + size, y - size, y + size);
        let title = text::html(title);
        self.add(format_args!(
            r#"<path class="{class}" d="M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}"><title>{title}</title></path>"#
        ));
    }

    /// A rectangle.
    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        let ((x, y), (width, height)) = (at, size);
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// A rectangle with a text that appears on hovering.
    pub(super) fn rect_titled(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        let ((x, y), (width, height)) = (at, size);
        let title = text::html(title);
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{title}</title></rect>"#
        ));
    }

    /// Many rectangles of one width as one path: left edge, lower edge and height of each; `title` appears on hovering.
    pub(super) fn bars(&mut self, class: &str, bars: &[(f64, f64, f64)], width: f64, title: &str) {
        if bars.is_empty() {
            return;
        }
        let mut path = String::with_capacity(bars.len() * 30);
        for (x, y, height) in bars {
            write!(path, "M{x:.1} {y:.1}h{width:.1}v{:.1}h{:.1}z", -height, -width)
                .expect("writing to a String succeeds");
        }
        if title.is_empty() {
            self.add(format_args!(r#"<path class="{class}" d="{path}"/>"#));
            return;
        }
        let title = text::html(title);
        self.add(format_args!(r#"<path class="{class}" d="{path}"><title>{title}</title></path>"#));
    }

    /// Where a script finds the cells of panels: left edge, upper edges, size of a cell, columns and rows, and how long a
    /// column is in seconds. Draws nothing.
    pub(super) fn cells(
        &mut self,
        left: f64,
        tops: &[f64],
        (width, height): (f64, f64),
        (columns, rows): (usize, usize),
        column_s: f64,
    ) {
        let tops = tops.iter().map(|top| format!("{top:.1}")).collect::<Vec<_>>().join(" ");
        self.add(format_args!(
            r#"<g class="cells" data-left="{left:.1}" data-tops="{tops}" data-width="{width:.4}" data-height="{height:.1}" data-column="{column_s}" data-columns="{columns}" data-rows="{rows}"/>"#
        ));
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, content: &str) {
        let (x, y) = at;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let content = text::html(content);
        self.add(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{content}</text>"#
        ));
    }

    /// The picture; `label` is what a screen reader says.
    pub(super) fn finish(self, class: &str, label: &str) -> String {
        let (width, height, body) = (self.width, self.height, self.body);
        let label = text::html(label);
        format!(
            r#"<svg class="{class}" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{body}</svg>"#
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("writing to a String succeeds");
    }
}

/// The highest and the lowest of neighbours, in their order, with both ends: what a line of so many points looks like.
fn extremes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS / 2 - 1);
    let within = points.chunks(together).flat_map(|chunk| {
        let by = |(_, a): &(usize, &(f64, f64)), (_, b): &(usize, &(f64, f64))| a.1.total_cmp(&b.1);
        let ends = [chunk.iter().enumerate().min_by(by), chunk.iter().enumerate().max_by(by)];
        let mut ends: Vec<_> = ends.into_iter().flatten().collect();
        ends.sort_by_key(|(at, _)| *at);
        ends.dedup_by_key(|(at, _)| *at);
        ends.into_iter().map(|(_, point)| *point)
    });
    points.first().copied().into_iter().chain(within).chain(points.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_too_many_points_keeps_its_ends_its_peaks_and_its_dips() {
        let odd = |n| [(777, 9.0), (50_001, -9.0)].iter().find(|(at, _)| *at == n).map_or(1.0, |(_, value)| *value);
        let points: Vec<(f64, f64)> = (0..100_000).map(|n| (f64::from(n), odd(n))).collect();
        let mut canvas = Canvas::new(920.0, 100.0);
        canvas.path("curve", &points);
        let drawn = canvas.finish("chart", "");
        assert!(drawn.matches('L').count() <= MOST_POINTS, "{}", drawn.matches('L').count());
        assert!(drawn.contains("L777.0 9.0") && drawn.contains("L50001.0 -9.0") && drawn.contains("L99999.0 1.0"));
        assert!(drawn.contains("d=\"M0.0 1.0"));
    }
}
