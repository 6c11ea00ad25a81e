//! One dot per trial in the order they ran: drift and outliers show.

use super::axis::Plot;
use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::{Series, class};
use crate::render::number;

/// One trial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dot {
    /// Position in the plan.
    pub(crate) trial: u32,
    /// Seconds, or seconds per operation.
    pub(crate) value: Option<f64>,
    /// The driver could not keep up: drawn hollow and left out of the median.
    pub(crate) limited: bool,
}

/// The chart, or nothing without values. `failed` are trials whose subject failed.
pub(crate) fn svg(title: &str, unit: &str, series: &[Series<Vec<Dot>>], failed: &[u32], width: f64) -> Option<String> {
    let height = if width > 600.0 { 210.0 } else { 190.0 };
    let plot = Plot { left: 76.0, right: width - 14.0, top: 30.0, bottom: height - 42.0 };
    let dots = || series.iter().flat_map(|series| series.data.iter());
    let y = Scale::log_over(dots().filter_map(|dot| dot.value), plot.bottom - 8.0, plot.top)?;
    let last = dots().map(|dot| dot.trial).chain(failed.iter().copied()).max()?;
    let x = Scale::linear(0.0, f64::from(last) + 1.0, plot.left, plot.right);

    let mut canvas = Canvas::new(width, height);
    plot.title(&mut canvas, title);
    plot.rows(&mut canvas, &y, |tick| number::tick(tick, unit));
    let ticks: Vec<_> = x
        .ticks()
        .iter()
        .filter(|tick| **tick >= 1.0 && tick.fract() == 0.0)
        .map(|tick| (x.at(*tick), number::count(*tick)))
        .collect();
    plot.columns(&mut canvas, &ticks, false);
    canvas.text("head", ((plot.left + plot.right) / 2.0, height - 6.0), Anchor::Middle, "trial, in the order they ran");
    for series in series {
        let class = class(series.index);
        let mut counted: Vec<_> = series.data.iter().filter(|dot| !dot.limited).filter_map(|dot| dot.value).collect();
        if let Some(median) = number::median(&mut counted) {
            canvas.line(&format!("median {class}"), (plot.left, y.at(median)), (plot.right, y.at(median)));
        }
    }
    for series in series {
        for dot in &series.data {
            let Some(value) = dot.value.filter(|value| value.is_finite() && *value > 0.0) else { continue };
            let note = if dot.limited { " (driver-limited)" } else { "" };
            let title = format!("trial {}, {}: {}{note}", dot.trial, series.name, number::value(value, unit));
            let class = format!("{}{}", if dot.limited { "hollow " } else { "" }, class(series.index));
            canvas.dot(&class, (x.at(f64::from(dot.trial)), y.at(value)), 4.5, &title);
        }
    }
    for trial in failed {
        let at = (x.at(f64::from(*trial)), plot.bottom - 6.0);
        canvas.cross("failed bad", at, 3.5, &format!("trial {trial}: the subject failed"));
    }
    Some(canvas.finish("chart", &format!("{title} of every trial in the order they ran")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_has_its_mark() {
        let data = vec![
            Dot { trial: 1, value: Some(0.001), limited: false },
            Dot { trial: 3, value: Some(0.002), limited: true },
            Dot { trial: 4, value: None, limited: false },
        ];
        let drawn = svg("p99", "s", &[Series { name: "a".into(), index: 0, data }], &[2], 920.0).expect("values");
        assert!(drawn.contains("trial 1, a: 1.00 ms<"));
        assert!(drawn.contains("trial 3, a: 2.00 ms (driver-limited)"));
        assert!(drawn.contains("trial 2: the subject failed"));
        assert!(!drawn.contains("trial 4"));
        assert_eq!(svg("p99", "s", &[], &[2], 920.0), None);
    }
}
