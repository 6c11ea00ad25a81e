//! Charts as SVG text.
//!
//! Colours come from CSS: an element of class `s0` … `s7` has the variable `--c` of its variant, so that one picture
//! serves light and dark. Sizes are CSS pixels. Text is escaped here; callers pass it raw.

pub(crate) mod allocation;
mod axis;
mod canvas;
pub(crate) mod chain;
pub(crate) mod dots;
pub(crate) mod forest;
pub(crate) mod heat;
pub(crate) mod history;
pub(crate) mod interval;
pub(crate) mod kernel;
pub(crate) mod ladder;
pub(crate) mod lanes;
pub(crate) mod percentiles;
mod scale;
mod spread;
pub(crate) mod task;
pub(crate) mod timeline;

/// Colours that tell apart; further variants repeat them.
pub(crate) const COLOURS: usize = 8;

/// Width of a chart on a wide and on a narrow screen. Both are in the page and CSS shows one, so that text keeps its size.
pub(crate) const WIDTHS: [f64; 2] = [920.0, 400.0];

/// A line or a set of points with the name and colour of its variant.
#[derive(Debug, Clone)]
pub(crate) struct Series<T> {
    /// Harmless name of the variant.
    pub(crate) name: String,
    /// Position among the variants, which gives the colour.
    pub(crate) index: usize,
    /// What to draw.
    pub(crate) data: T,
}

/// CSS class of a variant.
pub(crate) fn class(index: usize) -> String {
    format!("s{}", index % COLOURS)
}
