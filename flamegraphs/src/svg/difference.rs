//! The difference of two sides as one picture of two panes: the base above, the candidate below, both drawn to the same
//! scale of CPU per operation. What is gone is seen in the base, what is new in the candidate.
//!
//! The picture is complete as it stands. Each frame names itself (`data-n`) and its caller (`data-p`), the same in both panes,
//! so that a page's script can show in the other pane what somebody points at in one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;

use super::SvgError;
use super::shape::{Place, beyond, escaped, plain};
use crate::diff::{Difference, Node, mean};

const STYLE: &str = include_str!("difference.css");
/// Pixels.
const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 10.0;
const ROW: f64 = 17.0;
const HEAD: f64 = 24.0;
/// Mean width of a letter.
const LETTER: f64 = 6.6;
/// Frames narrower than this are left out and counted.
const LEAST: f64 = 0.8;
/// Rows drawn of a pane.
const DEEPEST: u32 = 100;

/// What is sure of a frame's difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change {
    /// Nothing: drawn grey.
    #[default]
    Unsure,
    /// The candidate spends more.
    Grew,
    /// It spends less.
    Shrank,
}

/// A frame judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// With all that it calls: the colour of the frame.
    pub total: Change,
    /// Of its own: the stripe at its lower edge.
    pub own: Change,
    /// Further words for its title, e.g. the interval.
    pub words: String,
}

/// What to write around the picture. Texts are data.
pub struct Options<'a> {
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Names of the sides, base first.
    pub sides: [String; 2],
    /// A value per operation for people.
    pub value: &'a dyn Fn(f64) -> String,
}

/// Draws a difference; `judged` has an entry for each of its nodes. The same input gives the same bytes.
///
/// # Errors
/// Where neither side holds any value.
pub fn difference(difference: &Difference, judged: &[Judged], options: &Options<'_>) -> Result<String, SvgError> {
    let root = difference.nodes.first().ok_or(SvgError::Empty)?;
    let scale = root.mean_total().into_iter().fold(0.0, f64::max);
    if scale <= 0.0 {
        return Err(SvgError::Empty);
    }
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (at, node) in (0_u32..).zip(&difference.nodes).skip(1) {
        children.entry(node.parent).or_default().push(at);
    }
    for all in children.values_mut() {
        all.sort_by(|a, b| name(difference, *a).cmp(name(difference, *b)));
    }
    let mut drawing = Drawing {
        difference,
        judged,
        options,
        children,
        per_value: (WIDTH - 2.0 * MARGIN) / scale,
        beyond: None,
        body: String::new(),
        hidden: 0,
    };
    drawing.beyond = beyond(drawing.places());
    let mut y = 74.0;
    for side in 0..2 {
        let total = root.mean_total()[side];
        let head = format!("{}: {} an operation", plain(&options.sides[side], 80), (options.value)(total));
        drawing.text("side", MARGIN, y + 15.0, &head);
        let _ = write!(drawing.body, r#"<g class="pane" data-side="{}">"#, escaped(&plain(&options.sides[side], 80)));
        let depth = drawing.pane(side, y + HEAD);
        drawing.body.push_str("</g>");
        y += HEAD + ROW * f64::from(depth + 1) + 16.0;
    }
    let notes = notes(&drawing, options);
    let (body, height) = (drawing.body, y);
    let title = escaped(&plain(&options.title, 120));
    let key = [("grew", "more"), ("shrank", "less"), ("unsure", "no difference shown"), ("new", "new or gone")];
    let mut keys = String::new();
    for (at, (class, words)) in key.into_iter().enumerate() {
        let x = WIDTH - MARGIN - 420.0 + [0.0, 70.0, 130.0, 290.0][at];
        let _ = write!(
            keys,
            r#"<g class="{class}"><rect x="{x}" y="12" width="12" height="12"/></g><text x="{}" y="22">{words}</text>"#,
            x + 17.0
        );
    }
    Ok(format!(
        r#"<?xml version="1.0" standalone="no"?><svg xmlns="http://www.w3.org/2000/svg" class="difference" role="img" aria-label="{title}" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"><style>{STYLE}</style><rect class="ground" width="100%" height="100%"/><text class="title" x="{MARGIN}" y="24">{title}</text>{keys}{notes}{body}</svg>"#
    ))
}

fn name(difference: &Difference, at: u32) -> &str {
    difference.nodes.get(at as usize).map(|node| difference.name(node)).unwrap_or_default()
}

fn notes(drawing: &Drawing<'_>, options: &Options<'_>) -> String {
    let crowded = if drawing.beyond.is_some() { ", or not among the widest 10,000" } else { "" };
    let hidden = (drawing.hidden > 0)
        .then(|| format!("{} frames too narrow to draw or too deep{crowded}; stacks grow downwards", drawing.hidden));
    let mut notes = String::new();
    for (at, note) in [Some(plain(&options.subtitle, 200)), hidden].into_iter().flatten().enumerate() {
        let _ = write!(notes, r#"<text class="note" x="{MARGIN}" y="{}">{}</text>"#, 44 + 14 * at, escaped(&note));
    }
    notes
}

struct Drawing<'a> {
    difference: &'a Difference,
    judged: &'a [Judged],
    options: &'a Options<'a>,
    children: HashMap<u32, Vec<u32>>,
    /// Pixels.
    per_value: f64,
    /// The first place that is not drawn, of either pane.
    beyond: Option<Place<u64>>,
    body: String,
    hidden: usize,
}

impl Drawing<'_> {
    /// A frame's width in pixels, and its place among all; widths are compared by the millionth of a pixel.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a width within the picture")]
    fn place(&self, node: &Node, side: usize) -> (f64, Place<u64>) {
        let width = mean(&node.total[side]) * self.per_value;
        (width, (Reverse((width * 1e6).round() as u64), node.depth))
    }

    /// Whether a frame is drawn. Where it is not, nothing that it calls is.
    fn draws(&self, node: &Node, side: usize) -> bool {
        let (width, place) = self.place(node, side);
        width >= LEAST && node.depth <= DEEPEST && self.beyond.is_none_or(|beyond| place < beyond)
    }

    /// Places of the frames of both panes that are wide enough.
    fn places(&self) -> Vec<Place<u64>> {
        let panes = [0, 1].into_iter().flat_map(|side| self.difference.nodes.iter().map(move |node| (side, node)));
        panes.filter(|(side, node)| self.draws(node, *side)).map(|(side, node)| self.place(node, side).1).collect()
    }

    /// Draws one side; says how deep it is.
    fn pane(&mut self, side: usize, top: f64) -> u32 {
        let mut deepest = 0;
        let mut open = vec![(0_u32, MARGIN)];
        while let Some((at, x)) = open.pop() {
            let Some(node) = self.difference.nodes.get(at as usize) else { continue };
            let width = mean(&node.total[side]) * self.per_value;
            if width <= 0.0 {
                continue;
            }
            if !self.draws(node, side) {
                // What it calls is counted as well, and not drawn either.
                self.hidden += 1;
            } else if at != 0 {
                deepest = deepest.max(node.depth);
                self.frame(node, at, side, (x, top + ROW * f64::from(node.depth - 1)), width);
            }
            let mut x = x;
            let mut below = Vec::new();
            for child in self.children.get(&at).into_iter().flatten() {
                below.push((*child, x));
                x += self.difference.nodes.get(*child as usize).map_or(0.0, |child| mean(&child.total[side]))
                    * self.per_value;
            }
            open.extend(below.into_iter().rev());
        }
        deepest
    }

    fn frame(&mut self, node: &Node, at: u32, side: usize, (x, y): (f64, f64), width: f64) {
        let nothing = Judged::default();
        let judged = self.judged.get(at as usize).unwrap_or(&nothing);
        let [base, candidate] = node.mean_total();
        let mut class = change(judged.total).to_owned();
        if base == 0.0 || candidate == 0.0 {
            class.push_str(" new");
        }
        let parent = node.parent;
        let name = plain(self.difference.name(node), 300);
        let value = self.options.value;
        let word = if base == 0.0 {
            "; new"
        } else if candidate == 0.0 {
            "; gone"
        } else {
            ""
        };
        let own = node.mean_own();
        let mut title = format!("{name}: {} → {} an operation{word}", value(base), value(candidate));
        let _ = write!(title, "; of its own {} → {}", value(own[0]), value(own[1]));
        if !judged.words.is_empty() {
            let _ = write!(title, "; {}: {}", plain(&judged.words, 200), shown(judged.total));
        }
        let _ = write!(
            self.body,
            r#"<g data-n="{at}" data-p="{parent}" class="{class}"><title>{}</title><rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{}"/>"#,
            escaped(&title),
            ROW - 1.0
        );
        if judged.own != Change::Unsure {
            let stripe = mean(&node.own[side]) * self.per_value;
            let _ = write!(
                self.body,
                r#"<rect class="own {}" x="{x:.1}" y="{:.1}" width="{stripe:.1}" height="3"/>"#,
                change(judged.own),
                y + ROW - 4.0
            );
        }
        let room = ((width - 6.0) / LETTER).max(0.0) as usize;
        if room >= 3 {
            let length = name.chars().count();
            // Ends of paths tell more than their beginnings.
            let shown = if length <= room {
                name
            } else {
                format!("…{}", name.chars().skip(length + 1 - room).collect::<String>())
            };
            let _ = write!(self.body, r#"<text x="{:.1}" y="{:.1}">{}</text>"#, x + 3.0, y + 12.0, escaped(&shown));
        }
        self.body.push_str("</g>");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, content: &str) {
        let _ = write!(self.body, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{}</text>"#, escaped(content));
    }
}

/// What is sure of a frame, as people read it.
fn shown(change: Change) -> &'static str {
    match change {
        Change::Unsure => "no difference shown",
        Change::Grew => "shown to be more",
        Change::Shrank => "shown to be less",
    }
}

fn change(change: Change) -> &'static str {
    match change {
        Change::Unsure => "unsure",
        Change::Grew => "grew",
        Change::Shrank => "shrank",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Trial;
    use crate::folded::Folded;

    fn drawn(base: &[(&str, u64)], candidate: &[(&str, u64)], judge: impl Fn(&str) -> Judged) -> String {
        let fold = |lines: &[(&str, u64)]| {
            let mut folded = Folded::new();
            for (stack, value) in lines {
                folded.add(&stack.split(';').collect::<Vec<_>>(), *value);
            }
            folded
        };
        let (base, candidate) = (fold(base), fold(candidate));
        let trial = |stacks| [Trial { stacks, operations: 1.0 }];
        let (one, two) = (trial(&base), trial(&candidate));
        let found = Difference::new([&one, &two]);
        let judged: Vec<Judged> = found.nodes.iter().map(|node| judge(found.name(node))).collect();
        let value = |value: f64| format!("{value} ns");
        let options = Options {
            title: "CPU".into(),
            subtitle: "3 trials a side".into(),
            sides: ["a<b>".into(), "b".into()],
            value: &value,
        };
        difference(&found, &judged, &options).unwrap()
    }

    const BASE: [(&str, u64); 3] = [("main;parent;child", 20), ("main;gone", 30), ("main;other", 40)];
    const CANDIDATE: [(&str, u64); 3] = [("main;parent;child", 60), ("main;other", 40), ("main;new", 5)];

    #[test]
    fn both_sides_are_drawn_to_one_scale_with_what_is_new_and_gone() {
        let judge = |name: &str| match name {
            "parent" | "child" => Judged { total: Change::Grew, words: "+40 [38, 42]".into(), ..Judged::default() },
            _ => Judged::default(),
        };
        let svg = drawn(&BASE, &CANDIDATE, judge);
        assert_eq!(svg.matches("<title>").count(), 5 + 5, "frames of the base, and of the candidate");
        assert!(svg.contains(
            "class=\"grew\"><title>parent: 20 ns → 60 ns an operation; of its own 0 ns → 0 ns; +40 [38, 42]: shown to be more</title>"
        ));
        assert!(svg.contains("class=\"unsure new\"><title>gone: 30 ns → 0 ns an operation; gone"));
        assert!(svg.contains("class=\"unsure new\"><title>new: 0 ns → 5 ns an operation; new"));
        // 105 ns are the whole width, 1180 px: `other` is as wide in one pane as in the other.
        let other = 1180.0 * 40.0 / 105.0;
        let width = format!("width=\"{other:.1}\"");
        assert_eq!(svg.matches(&width).count(), 2, "{width} {svg}");
        assert!(svg.contains("a&lt;b&gt;: 90 ns an operation"));
        // One frame has one number, whichever pane it is in, and tells its caller's.
        let tag = |name: &str| {
            let (before, _) = svg.split_once(&format!("<title>{name}: ")).expect("drawn");
            before.rsplit_once("<g ").expect("a group").1.to_owned()
        };
        let numbers = |of: &str| svg.matches(&format!("data-n=\"{of}\"")).count();
        let number = |tag: &str, which: &str| {
            let (_, rest) = tag.split_once(which).expect("an attribute");
            rest.split('"').nth(1).expect("its value").to_owned()
        };
        assert_eq!(numbers(&number(&tag("child"), "data-n")), 2, "in both panes");
        assert_eq!(numbers(&number(&tag("gone"), "data-n")), 1, "in the base alone");
        assert_eq!(number(&tag("child"), "data-p"), number(&tag("parent"), "data-n"));
        assert_eq!(svg.matches("<g class=\"pane\" data-side=\"").count(), 2);
    }

    #[test]
    fn hostile_names_stay_text() {
        for hostile in ["</svg><script>alert(1)</script>", "a\" onload=\"x", "\u{202e}evil", "<![CDATA["] {
            let svg =
                drawn(&[(hostile, 9)], &[(hostile, 5)], |_| Judged { words: hostile.into(), ..Judged::default() });
            assert!(!svg.contains("<script") && !svg.contains("<![CDATA[") && !svg.contains('\u{202e}'), "{svg}");
            assert_eq!(svg.matches("<g ").count(), 4 + 2 + 2, "the key, the panes, the frames");
        }
    }

    #[test]
    fn of_too_many_frames_the_widest_of_both_panes_are_drawn() {
        let stack = |n: usize| (0..60).fold("main".to_owned(), |stack, depth| format!("{stack};f{n}_{depth}"));
        let stacks: Vec<String> = (0..300).map(stack).collect();
        let lines: Vec<(&str, u64)> = stacks.iter().map(|stack| (stack.as_str(), 1)).collect();
        let svg = drawn(&lines, &lines, |_| Judged::default());
        let drawn = svg.matches("<title>").count();
        assert!((9_000..=10_000).contains(&drawn), "{drawn}");
        let hidden = 2 * (1 + 300 * 60) - drawn;
        assert!(
            svg.contains(&format!("{hidden} frames too narrow to draw or too deep, or not among the widest 10,000"))
        );
    }

    #[test]
    fn narrow_frames_are_counted_and_nothing_is_refused() {
        let svg =
            drawn(&[("main;wide", 100_000), ("main;narrow", 1)], &[("main;wide", 100_000)], |_| Judged::default());
        assert!(svg.contains("1 frames too narrow") && !svg.contains("narrow: "), "{svg}");
        let value = |value: f64| value.to_string();
        let options =
            Options { title: String::new(), subtitle: String::new(), sides: Default::default(), value: &value };
        assert_eq!(difference(&Difference::default(), &[], &options), Err(SvgError::Empty));
        assert_eq!(difference(&Difference::new([&[], &[]]), &[], &options), Err(SvgError::Empty));
    }
}
