//! The stacks as they fit on a picture: safe names, no frame too narrow to see, no more frames than a browser shows at once.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::folded::Folded;

/// Longest name in a picture, characters; the middle of longer ones is left out.
const LONGEST_NAME: usize = 300;
/// Deepest stack in a picture: 16 px a frame. Deeper ones end in [`DEEPER`].
const DEEPEST: usize = 400;
const DEEPER: &str = "[deeper frames]";
/// Stands for root frames that are too narrow.
const NARROW: &str = "[too narrow to draw]";

/// Frames in a picture, which make some 3 MB of it. Where more are wide enough, as in stacks that are deep and hardly ever
/// the same twice, the widest are drawn.
pub(super) const MOST_FRAMES: usize = 10_000;

/// What inferno is given.
pub(super) struct Drawing {
    lines: Vec<String>,
    names: Vec<String>,
    hidden: usize,
    crowded: bool,
}

/// Width of a frame and its distance from the root, the widest first and of equal ones the nearest. No frame comes before
/// its parent.
pub(super) type Place<W> = (Reverse<W>, u32);

/// The first place that is no longer drawn, where there are more than [`MOST_FRAMES`]. Frames that share it are left out
/// together, so that which ones are drawn does not hang on their order.
pub(super) fn beyond<W: Ord + Copy>(mut places: Vec<Place<W>>) -> Option<Place<W>> {
    (places.len() > MOST_FRAMES).then(|| *places.select_nth_unstable(MOST_FRAMES).1)
}

/// A stack of positions in the sorted names, root first, with its value.
type Stack = (Vec<u32>, u64);

impl Drawing {
    /// `None` where the stacks hold no value.
    pub(super) fn new(stacks: &Folded, min_width_percent: f64) -> Option<Self> {
        let total = stacks.total();
        if total == 0 {
            return None;
        }
        let (names, sorted) = safe_and_sorted(stacks);
        let mut writer = Writer {
            names: &names,
            // inferno could leave out narrow frames itself, but would not say how many, and get them all as text.
            least: min_width_percent / 100.0 * total as f64,
            beyond: None,
            path: String::new(),
            lines: Vec::new(),
            hidden: 0,
        };
        let mut places = Vec::new();
        writer.places(&sorted, 0, &mut places);
        writer.beyond = beyond(places);
        writer.write(&sorted, 0);
        let (lines, hidden, crowded) = (writer.lines, writer.hidden, writer.beyond.is_some());
        let names = names.into_iter().chain([NARROW.to_owned()]).collect();
        Some(Self { lines, names, hidden, crowded })
    }

    /// Folded lines, parents before children, siblings by name.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Each name that may be drawn.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Frames that are not drawn, if any.
    pub(super) fn hidden(&self) -> Option<usize> {
        (self.hidden > 0).then_some(self.hidden)
    }

    /// Whether frames are left out that are wide enough.
    pub(super) fn crowded(&self) -> bool {
        self.crowded
    }
}

/// Safe names, sorted, and the stacks of them, sorted: every frame is then a range of stacks, and no tree is needed.
fn safe_and_sorted(stacks: &Folded) -> (Vec<String>, Vec<Stack>) {
    let mut safe: BTreeMap<String, u32> = BTreeMap::from([(DEEPER.to_owned(), 0)]);
    let originals: Vec<String> = stacks.names().iter().map(|name| frame_name(name)).collect();
    safe.extend(originals.iter().map(|name| (name.clone(), 0)));
    for (rank, position) in safe.values_mut().zip(0..) {
        *rank = position;
    }
    let ranks: Vec<u32> = originals.iter().map(|name| safe[name]).collect();
    let mut sorted: Vec<Stack> = stacks
        .by_id()
        .map(|(stack, value)| {
            let mut stack: Vec<u32> = stack.iter().take(DEEPEST).map(|id| ranks[*id as usize]).collect();
            if stack.len() == DEEPEST {
                stack[DEEPEST - 1] = safe[DEEPER];
            }
            (stack, value)
        })
        .collect();
    sorted.sort();
    (safe.into_keys().collect(), sorted)
}

struct Writer<'a> {
    names: &'a [String],
    /// Least value of a frame that is drawn.
    least: f64,
    /// The first place that is not drawn.
    beyond: Option<Place<u64>>,
    /// Names down to the frame at hand, joined.
    path: String,
    lines: Vec<String>,
    hidden: usize,
}

impl Writer<'_> {
    /// Whether a frame of this value, so deep, is drawn. Where it is not, nothing that it calls is.
    fn draws(&self, value: u64, depth: usize) -> bool {
        value as f64 >= self.least && self.beyond.is_none_or(|beyond| place(value, depth) < beyond)
    }

    /// Places of the frames that are wide enough, of stacks that agree in their first `depth` frames. Depth is bounded by
    /// [`DEEPEST`], so is this recursion.
    fn places(&self, stacks: &[Stack], depth: usize, found: &mut Vec<Place<u64>>) {
        let ends = stacks.partition_point(|(stack, _)| stack.len() == depth);
        for child in stacks[ends..].chunk_by(|(one, _), (next, _)| one[depth] == next[depth]) {
            let value = sum(child);
            if self.draws(value, depth) {
                found.push(place(value, depth));
                self.places(child, depth + 1, found);
            }
        }
    }

    /// Writes stacks that agree in their first `depth` frames.
    fn write(&mut self, stacks: &[Stack], depth: usize) {
        let ends = stacks.partition_point(|(stack, _)| stack.len() == depth);
        let (mut drawn, mut hidden) = (Vec::new(), Vec::new());
        for child in stacks[ends..].chunk_by(|(one, _), (next, _)| one[depth] == next[depth]) {
            if self.draws(sum(child), depth) { drawn.push(child) } else { hidden.push(child) }
        }
        // What narrow children hold is the parent's: widths stay true.
        let mut own = sum(&stacks[..ends]);
        for narrow in hidden {
            own = own.saturating_add(sum(narrow));
            self.hidden += frames_below(narrow, depth);
        }
        if own > 0 {
            // Only narrow root frames can leave a value without a stack.
            let path = if depth == 0 { NARROW } else { &self.path };
            self.lines.push(format!("{path} {own}"));
        }
        for child in drawn {
            let length = self.path.len();
            if depth > 0 {
                self.path.push(';');
            }
            self.path.push_str(&self.names[child[0].0[depth] as usize]);
            self.write(child, depth + 1);
            self.path.truncate(length);
        }
    }
}

fn place(value: u64, depth: usize) -> Place<u64> {
    (Reverse(value), u32::try_from(depth).unwrap_or(u32::MAX))
}

fn sum(stacks: &[Stack]) -> u64 {
    stacks.iter().fold(0, |sum, (_, value)| sum.saturating_add(*value))
}

/// Distinct frames deeper than `depth` in sorted stacks: each stack adds those that the one before does not have.
fn frames_below(stacks: &[Stack], depth: usize) -> usize {
    let first = stacks.first().map_or(0, |(stack, _)| stack.len() - depth);
    let shared = |one: &[u32], next: &[u32]| one.iter().zip(next).take_while(|(a, b)| a == b).count();
    first + stacks.windows(2).map(|pair| pair[1].0.len() - shared(&pair[0].0, &pair[1].0)).sum::<usize>()
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
