//! Intervals below each other on one scale of ratios, with what is allowed or what would not matter behind them.

use super::canvas::{Anchor, Canvas};
use crate::limits::words::change;
use crate::render::text;

/// One interval.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What it is of, harmless.
    pub(crate) label: String,
    /// Low end, estimate, high end, as ratios.
    pub(crate) interval: [f64; 3],
    /// Ratios that are allowed, or that would not matter: from, to; an end may be 0 or infinite.
    pub(crate) band: Option<(f64, f64)>,
    /// CSS class of its verdict.
    pub(crate) class: &'static str,
    /// What stands beside it, harmless.
    pub(crate) value: String,
}

/// Widest factor drawn; what lies beyond ends in an arrow.
const LIMIT: f64 = 16.0;

/// The chart, or nothing without rows. `one` says what a ratio of 1 means.
pub(crate) fn svg(rows: &[Row], one: &str, width: f64) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let roomy = width > 600.0;
    // On a narrow screen the label stands above its interval.
    let (step, top) = if roomy { (30.0, 26.0) } else { (46.0, 26.0) };
    let (left, right) = if roomy { (250.0, width - 230.0) } else { (10.0, width - 10.0) };
    #[allow(clippy::cast_precision_loss, reason = "a handful of rows")]
    let height = top + step * rows.len() as f64 + 34.0;
    let reach = reach(rows);
    let middle = f64::midpoint(left, right);
    let x = |ratio: f64| middle + (right - left) / 2.0 * (ratio.ln() / reach.ln()).clamp(-1.0, 1.0);

    let mut canvas = Canvas::new(width, height);
    let bottom = height - 30.0;
    for tick in ticks(reach) {
        canvas.line("grid", (x(tick), top - 8.0), (x(tick), bottom));
        canvas.text("tick", (x(tick), bottom + 14.0), Anchor::Middle, &change(tick));
    }
    canvas.line("one", (middle, top - 8.0), (middle, bottom));
    canvas.text("head", (middle, top - 12.0), Anchor::Middle, one);
    for (index, row) in rows.iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "a handful of rows")]
        let base = top + step * index as f64;
        let y = if roomy { base + step / 2.0 } else { base + step - 14.0 };
        if let Some((from, to)) = row.band {
            // A limit has one side; a band of what would not matter has two.
            let edge_class = if from > 0.0 && to.is_finite() { "edge" } else { "bound" };
            let (from, to) = (x(from.max(1e-9)), x(to.min(1e9)));
            canvas.rect("allowed", (from, y - 10.0), ((to - from).max(1.0), 20.0));
            for edge in [row.band.map_or(0.0, |band| band.0), row.band.map_or(0.0, |band| band.1)] {
                if edge > 0.0 && edge.is_finite() && (reach.recip()..=reach).contains(&edge) {
                    canvas.line(edge_class, (x(edge), y - 10.0), (x(edge), y + 10.0));
                }
            }
        }
        let [low, estimate, high] = row.interval;
        let title = format!("{}: {}", row.label, row.value);
        canvas.rect_titled(
            &format!("bar {}", row.class),
            (x(low), y - 4.0),
            ((x(high) - x(low)).max(2.0), 8.0),
            &title,
        );
        for (end, outside, tip) in [(x(low), low * reach < 1.0, -6.0), (x(high), high > reach, 6.0)] {
            if outside {
                canvas.path(&format!("arrow {}", row.class), &[(end, y - 4.0), (end + tip, y), (end, y + 4.0)]);
            }
        }
        canvas.dot(&format!("mid {}", row.class), (x(estimate), y), 4.5, &title);
        if roomy {
            canvas.text("label", (left - 14.0, y + 4.0), Anchor::End, &text::visible(&row.label, 34));
            canvas.text("value", (right + 14.0, y + 4.0), Anchor::Start, &row.value);
        } else {
            canvas.text("label", (left, y - 15.0), Anchor::Start, &text::visible(&row.label, 26));
            canvas.text("value", (right, y - 15.0), Anchor::End, &row.value);
        }
    }
    Some(canvas.finish("chart forest", "Ratios with their intervals, one below the other"))
}

/// Factor at both ends: the furthest end of any interval or bound, at least 1.05.
fn reach(rows: &[Row]) -> f64 {
    let ends = rows.iter().flat_map(|row| {
        let (from, to) = row.band.unwrap_or((1.0, 1.0));
        row.interval.into_iter().chain([from, to])
    });
    let furthest =
        ends.filter(|end| *end > 0.0 && end.is_finite()).map(|end| end.max(end.recip())).fold(1.05, f64::max);
    furthest.min(LIMIT).powf(1.12)
}

/// Round changes within the scale, in pairs.
fn ticks(reach: f64) -> Vec<f64> {
    let steps: &[f64] = match reach {
        r if r <= 1.07 => &[1.02, 1.04],
        r if r <= 1.16 => &[1.05, 1.1],
        r if r <= 1.35 => &[1.1, 1.2],
        r if r <= 2.2 => &[1.25, 1.5],
        r if r <= 5.0 => &[1.5, 3.0],
        _ => &[2.0, 8.0],
    };
    let above = steps.iter().copied().filter(|tick| *tick < reach);
    // The mirrored change in percent, not in ratio: −5 % faces +5 %.
    let below = above.clone().map(|tick| if tick < 2.0 { 2.0 - tick } else { tick.recip() });
    let below = below.filter(|tick| *tick > reach.recip());
    let mut all: Vec<f64> = below.chain(above).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(interval: [f64; 3], band: Option<(f64, f64)>) -> Row {
        Row { label: "CPU per op <b>".into(), interval, band, class: "regressed", value: "+5 %".into() }
    }

    #[test]
    fn bounds_are_drawn_and_ends_beyond_the_scale_get_an_arrow() {
        let drawn = svg(&[row([1.01, 1.05, 1.09], Some((0.0, 1.03)))], "no change", 920.0).expect("a row");
        assert_eq!(drawn.matches("class=\"bound\"").count(), 1);
        assert!(!drawn.contains("arrow") && drawn.contains("&lt;b&gt;") && !drawn.contains("<b>"));
        assert!(svg(&[row([1e-4, 1.0, 1e4], None)], "", 400.0).expect("a row").contains("arrow"));
        assert_eq!(svg(&[], "", 920.0), None);
    }

    #[test]
    fn ticks_lie_within_the_scale() {
        for reach in [1.06, 1.1, 1.3, 2.0, 4.0, 18.0] {
            let found = ticks(reach);
            assert!(
                found.len() >= 2 && found.iter().all(|tick| *tick < reach && *tick > 1.0 / reach),
                "{reach}: {found:?}"
            );
        }
    }
}
