//! Flamegraphs as SVG, drawn by inferno.
//!
//! One file that works on its own and inside an `iframe srcdoc` (sandboxed, with or without scripts): it takes the
//! width it is given, follows light and dark, and searches without browser dialogs, which sandboxes forbid.

pub mod difference;
mod palette;
mod shape;

use inferno::flamegraph as inferno;

use crate::folded::Folded;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const NOTE_LINES: usize = 2;

/// What to write above and into the picture. Texts are data: anything may be in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// First line.
    pub title: String,
    /// Second line: what was measured, e.g. the coverage. May be empty.
    pub subtitle: String,
    /// What a value counts, e.g. `samples` or `ms`.
    pub unit: String,
    /// Frames narrower than this are left out, percent of the whole. The third line says how many.
    pub min_width_percent: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            title: "CPU profile".to_owned(),
            subtitle: String::new(),
            unit: "samples".to_owned(),
            // One in a thousand: about one pixel of the usual width.
            min_width_percent: 0.1,
        }
    }
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// Nothing to draw.
    #[error("the profile has no samples: nothing to draw")]
    Empty,
    /// Not a percentage.
    #[error("min_width_percent must be from 0 to 100")]
    MinWidth,
    /// inferno refused; does not happen with input that this module makes.
    #[error("the flamegraph could not be drawn: {0}")]
    Draw(String),
}

/// Draws stacks. The same stacks and options give the same bytes.
///
/// # Errors
/// Where the stacks hold no value, or the least width is no percentage.
pub fn render(stacks: &Folded, options: &Options) -> Result<String, SvgError> {
    if !(0.0..=100.0).contains(&options.min_width_percent) {
        return Err(SvgError::MinWidth);
    }
    let drawing = shape::Drawing::new(stacks, options.min_width_percent).ok_or(SvgError::Empty)?;
    let mut palette = palette::for_names(drawing.names());
    let mut wanted = inferno::Options::default();
    wanted.title = shape::plain(&options.title, 120);
    // Holds the place; the notes are written by `with_notes`.
    wanted.subtitle = Some(String::new());
    wanted.count_name = shape::plain(&options.unit, 40);
    // Function names are longer at their beginning than it matters: `..Argon2::fill` is better than `argon2::bl..`.
    wanted.text_truncate_direction = inferno::TextTruncateDirection::Left;
    wanted.palette_map = Some(&mut palette);
    // Already left out, and counted.
    wanted.min_width = 0.0;
    // inferno demands lines in the order of their bytes, which tears stacks apart where a name has a space ("a b" sorts
    // between "a" and "a;c"). In this mode it takes the order it gets, reversed.
    wanted.flame_chart = true;
    let mut svg = Vec::new();
    inferno::from_lines(&mut wanted, drawing.lines().iter().rev().map(String::as_str), &mut svg)
        .map_err(|error| SvgError::Draw(error.to_string()))?;
    let svg = String::from_utf8(svg).map_err(|error| SvgError::Draw(error.to_string()))?;
    let hidden = drawing.hidden().map(|frames| {
        let frames = if frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
        let widest = if drawing.crowded() { ", or not among the widest 10,000," } else { "" };
        format!("{frames} narrower than {} %{widest} not drawn", options.min_width_percent)
    });
    let notes: Vec<String> = [Some(shape::plain(&options.subtitle, 200)), hidden]
        .into_iter()
        .flatten()
        .filter(|note| !note.is_empty())
        .collect();
    debug_assert!(notes.len() <= NOTE_LINES);
    adapted(&svg, &notes).ok_or_else(|| SvgError::Draw("unexpected output of inferno".to_owned()))
}

/// inferno's picture with our style, script and notes.
///
/// The places are found by markup that texts cannot contain, as they are escaped.
fn adapted(svg: &str, notes: &[String]) -> Option<String> {
    let (head, rest) = svg.split_once("</style>")?;
    let (script, rest) = rest.split_once("</script>")?;
    let (middle, rest) = rest.split_once("<text id=\"subtitle\"")?;
    let (_, rest) = rest.split_once("</text>")?;
    let mut out = String::with_capacity(svg.len() + STYLE.len() + SCRIPT.len() + 1024);
    out.push_str(head);
    out.push_str("</style><style type=\"text/css\">");
    out.push_str(STYLE);
    out.push_str("</style>");
    out.push_str(script);
    out.push_str("</script><script type=\"text/ecmascript\"><![CDATA[");
    out.push_str(SCRIPT);
    out.push_str("]]></script>");
    out.push_str(middle);
    for (at, note) in notes.iter().enumerate() {
        // Between the title at 24 px and the first row of frames at 60 px.
        let y = 40 + 14 * at;
        out.push_str(&format!("<text class=\"note\" x=\"50%\" y=\"{y}\">{}</text>", shape::escaped(note)));
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests;
