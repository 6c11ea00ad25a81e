//! The stacks as a tree that fits on a picture: safe names, no frame too narrow to see.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::folded::Folded;

/// Longest name in a picture, characters; the middle of longer ones is left out.
const LONGEST_NAME: usize = 300;
/// Deepest stack in a picture: 16 px a frame. Deeper ones end in [`DEEPER`].
const DEEPEST: usize = 400;
const DEEPER: &str = "[deeper frames]";
/// Stands for root frames that are too narrow.
const NARROW: &str = "[too narrow to draw]";

/// What inferno is given.
pub(super) struct Drawing {
    lines: Vec<String>,
    names: Vec<String>,
    hidden: usize,
}

#[derive(Default)]
struct Node {
    own: u64,
    total: u64,
    children: BTreeMap<Rc<str>, Node>,
}

impl Drawing {
    /// `None` where the stacks hold no value.
    pub(super) fn new(stacks: &Folded, min_width_percent: f64) -> Option<Self> {
        let mut root = Node::default();
        let mut safe: HashMap<&str, Rc<str>> = HashMap::new();
        for (stack, value) in stacks.iter() {
            root.add(
                stack.iter().map(|&name| Rc::clone(safe.entry(name).or_insert_with(|| frame_name(name).into()))),
                value,
            );
        }
        if root.total == 0 {
            return None;
        }
        // inferno could leave out narrow frames itself, but would not say how many, and get them all as text.
        let least = min_width_percent / 100.0 * root.total as f64;
        let mut drawing = Self { lines: Vec::new(), names: Vec::new(), hidden: 0 };
        root.write(&mut String::new(), least, &mut drawing);
        drawing.names.push(NARROW.to_owned());
        drawing.names.sort();
        drawing.names.dedup();
        Some(drawing)
    }

    /// Folded lines, parents before children, siblings by name.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Each name once.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Frames that are too narrow, if any.
    pub(super) fn hidden(&self) -> Option<usize> {
        (self.hidden > 0).then_some(self.hidden)
    }
}

impl Node {
    fn add(&mut self, stack: impl Iterator<Item = Rc<str>>, value: u64) {
        let mut node = self;
        node.total = node.total.saturating_add(value);
        for (depth, name) in stack.enumerate().take(DEEPEST) {
            let name = if depth + 1 == DEEPEST { DEEPER.into() } else { name };
            node = node.children.entry(name).or_default();
            node.total = node.total.saturating_add(value);
        }
        node.own = node.own.saturating_add(value);
    }

    /// Depth is bounded by [`DEEPEST`], so is this recursion.
    fn write(&self, path: &mut String, least: f64, drawing: &mut Drawing) {
        // What hidden children hold is the parent's: widths stay true.
        let (shown, hidden): (Vec<_>, Vec<_>) =
            self.children.iter().partition(|(_, child)| child.total as f64 >= least);
        let own = hidden.iter().fold(self.own, |sum, (_, child)| sum.saturating_add(child.total));
        drawing.hidden += hidden.iter().map(|(_, child)| child.frames()).sum::<usize>();
        if own > 0 {
            // Only hidden frames can leave a value without a stack.
            let path = if path.is_empty() { NARROW } else { path.as_str() };
            drawing.lines.push(format!("{path} {own}"));
        }
        for (name, child) in shown {
            drawing.names.push(name.to_string());
            let length = path.len();
            if length > 0 {
                path.push(';');
            }
            path.push_str(name);
            child.write(path, least, drawing);
            path.truncate(length);
        }
    }

    fn frames(&self) -> usize {
        1 + self.children.values().map(Node::frames).sum::<usize>()
    }
}

/// A name as inferno's line format can hold it.
fn frame_name(name: &str) -> String {
    let mut safe = plain(name, LONGEST_NAME).replace(';', ":");
    if safe.is_empty() {
        return "[unnamed]".to_owned();
    }
    if let Some((head, number)) = safe.rsplit_once(' ')
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        // "worker 12 5" would read as a difference of two counts.
        safe = format!("{head}\u{a0}{number}");
    }
    if safe.starts_with("# ") {
        // A comment to inferno.
        safe.replace_range(..2, "#\u{a0}");
    }
    safe
}

/// One line of visible text, at most so many characters; the middle of a longer one is left out.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let visible = |c: char| match c {
        c if c.is_control() || c.is_whitespace() => ' ',
        // Not allowed in XML, or turning the order of the text around it.
        '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    };
    let line: String = text.chars().map(visible).collect();
    let line = line.trim();
    let length = line.chars().count();
    if length <= longest {
        return line.to_owned();
    }
    let (head, tail) = (longest / 3, longest - longest / 3 - 1);
    line.chars().take(head).chain(['…']).chain(line.chars().skip(length - tail)).collect()
}

/// Text for an XML element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
