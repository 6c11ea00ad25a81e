//! Frames, grids and tick labels.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;

/// The rectangle that data are drawn in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Plot {
    /// Horizontal grid lines with labels on the left.
    pub(super) fn rows(&self, canvas: &mut Canvas, scale: &Scale, label: impl Fn(f64) -> String) {
        for tick in scale.ticks() {
            let y = scale.at(tick);
            canvas.line("grid", (self.left, y), (self.right, y));
            canvas.text("tick", (self.left - 7.0, y + 4.0), Anchor::End, &label(tick));
        }
    }

    /// Labels below, each with a short mark; `grid` draws lines through the plot instead.
    pub(super) fn columns(&self, canvas: &mut Canvas, ticks: &[(f64, String)], grid: bool) {
        for (x, label) in ticks {
            let top = if grid { self.top } else { self.bottom };
            canvas.line("grid", (*x, top), (*x, self.bottom + 4.0));
            canvas.text("tick", (*x, self.bottom + 18.0), Anchor::Middle, label);
        }
        canvas.line("axis", (self.left, self.bottom), (self.right, self.bottom));
    }

    /// What the vertical axis shows, above it.
    pub(super) fn title(&self, canvas: &mut Canvas, text: &str) {
        canvas.text("head", (2.0, self.top - 10.0), Anchor::Start, text);
    }
}
