//! Who makes keys alike, by the source: a look-up takes long where many keys hash to one number, since a map compares these one by
//! one. What is seen at work is whoever looks up, or the map; what decides is the `Hash` or the `Hasher` that somebody wrote.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cause::Cause;
use super::joined::Joined;
use super::naming::behind_parameters;
use super::rules::{long_poll_cpu, repeated_work};
use super::tokens::{is_name, within, word_at};
use super::{Culprit, Loops};

/// Methods of maps and sets that hash what they are given.
const LOOKS_UP: &[&str] = &[
    "get",
    "get_mut",
    "get_or_insert_with",
    "contains",
    "contains_key",
    "entry",
    "insert",
    "remove",
    "replace",
    "take",
];
/// What a hash is mixed by: without any of these, and of more than one thing, keys that differ a little end up alike.
const MIXES: &[&str] = &["*", "wrapping_mul", "overflowing_mul", "rotate_left", "rotate_right", "from_le_bytes"];

/// What a source says of hashes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hashing {
    /// Lines that look something up.
    looks_up: BTreeSet<u32>,
    /// The function that makes keys alike the most, and a line of it.
    weakest: Option<(String, u32)>,
}

impl Loops {
    /// The function that makes the keys alike which are looked up on the line of a place, if somebody wrote one that does.
    pub(super) fn hashes_for(&self, place: &Culprit) -> Option<Culprit> {
        let looks_up = self.files.get(&place.file).is_some_and(|lines| lines.hashing.looks_up.contains(&place.line));
        let of = |(file, hashing): (&String, &Hashing)| {
            let (function, line) = hashing.weakest.as_ref()?;
            Some(self.culprit(&place.function, (file, function, *line)))
        };
        let here = self.files.get_key_value(&place.file).into_iter();
        let mut all = here.chain(&self.files).map(|(file, lines)| (file, &lines.hashing)).filter(|_| looks_up);
        all.find_map(of)
    }
}

/// Has a cause that computes where something is looked up be about who makes the keys alike.
pub(super) fn decides(joined: &Joined<'_>, cause: &mut Cause) {
    let computes = [long_poll_cpu::SLUG, repeated_work::SLUG].contains(&cause.rule);
    let Some(place) = cause.culprit.as_ref().filter(|_| computes) else { return };
    let Some(culprit) = joined.loops.and_then(|loops| loops.hashes_for(place)) else { return };
    cause.evidence.push(format!(
        "{} looks up there: keys that hash alike are compared one by one, and {} leaves out what they differ in, or mixes \
         nothing, as its source says",
        place.sentence(),
        culprit.sentence()
    ));
    cause.title = format!("{} makes keys alike: {}", culprit.function, cause.title);
    cause.refuted_by = "with a hash of all that keys differ in it would compute as long".into();
    cause.culprit = Some(culprit);
}

/// All of a source.
pub(super) fn hashing(tokens: &[(u32, String)]) -> Hashing {
    let word = |at: usize| word_at(tokens, at);
    let looks_up = |at: &usize| *at > 0 && word(at - 1) == "." && word(at + 1) == "(" && LOOKS_UP.contains(&word(*at));
    let lines = (0..tokens.len()).filter(looks_up).map(|at| tokens[at].0).collect();
    let written = (0..tokens.len()).filter(|at| word(*at) == "impl").filter_map(|at| weak(tokens, at));
    // What leaves out parts of a key is worse than what mixes them badly, and the shorter one the worse.
    let weakest = written.min_by_key(|(is_hasher, length, ..)| (*is_hasher, *length));
    Hashing { looks_up: lines, weakest: weakest.map(|(.., function, line)| (function, line)) }
}

/// Of an `impl … Hash for …` or `impl … Hasher for …` that begins there the function that loses something: whether it is a hasher's,
/// its length, its name and its line.
fn weak(tokens: &[(u32, String)], at: usize) -> Option<(bool, usize, String, u32)> {
    let word = |at: usize| word_at(tokens, at);
    let opens = (at + 1..tokens.len()).find(|at| matches!(word(*at), "{" | ";"))?;
    let of = (at + 1..opens).find(|at| word(*at) == "for").map(|at| word(at - 1))?;
    let body = within(tokens, opens);
    let of_one = |at: usize| {
        let begins = behind_parameters(tokens, at + 1).filter(|at| word(*at) == "{")?;
        let inside = within(tokens, begins);
        let line = tokens.get(inside.start)?.0;
        Some((inside, word(at + 1).to_owned(), line))
    };
    let functions = || body.clone().filter(|at| word(*at) == "fn").filter_map(of_one);
    match of {
        "Hash" => {
            let (inside, name, line) = functions().find(|(_, name, _)| name == "hash")?;
            (!is_whole(tokens, inside.clone())).then(|| (false, inside.len(), name, line))
        }
        "Hasher" => {
            let mixes = functions().any(|(inside, ..)| inside.into_iter().any(|at| is_mixed_by(tokens, at)));
            let writes = functions().filter(|(_, name, _)| name.starts_with("write"));
            let (inside, name, line) = writes.min_by_key(|(inside, ..)| inside.len())?;
            (!mixes).then(|| (true, inside.len(), name, line))
        }
        _ => None,
    }
}

/// Whether something is mixed there: `*` stands between two values, and is no reference that is followed.
fn is_mixed_by(tokens: &[(u32, String)], at: usize) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let between = at > 0
        && (is_name(word(at - 1)) || word(at - 1).starts_with(|c: char| c.is_ascii_digit()) || word(at - 1) == ")");
    MIXES.contains(&word(at)) && (word(at) != "*" || between)
}

/// Whether a `hash` gives all of what it is of to the hasher: `self.0.hash(state)`, `state.write_u64(self.0)`.
fn is_whole(tokens: &[(u32, String)], body: Range<usize>) -> bool {
    let words: Vec<&str> = body.map(|at| word_at(tokens, at)).collect();
    match words.as_slice() {
        ["self", ".", _, ".", "hash", "(", _, ")"] | ["self", ".", _, ".", "hash", "(", _, ")", ";"] => true,
        [_, ".", write, "(", "self", ".", _, ")"] | [_, ".", write, "(", "self", ".", _, ")", ";"] => {
            write.starts_with("write")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "\
impl Hash for DepotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.depot.hash(state);
    }
}
impl Hash for DoorKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.depot.hash(state);
        self.0.street.hash(state);
    }
}
impl<K: BookKey> AddressBook<K> {
    fn find(&self, door: Address) -> Option<DropPoint> {
        self.points.get(&K::of(door)).copied()
    }
}
";
    const HASHERS: &str = "\
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}
impl Hasher for Plain {
    fn finish(&self) -> u64 {
        *self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0 << 8 | u64::from(*b);
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
impl Hasher for Folded {
    fn write_u64(&mut self, n: u64) {
        self.0 = u128::from(self.0 ^ n) * PRIME;
    }
}
fn value(&self) -> u64 {
    self.issues.get(no)
}
";

    /// The function blamed for what is looked up on the line with these words.
    fn of(source: &str, looks_up: &str) -> Option<(String, u32)> {
        let mut all = Loops::default();
        all.read("a.rs", source);
        let line = source.lines().zip(1..).find(|(text, _)| text.contains(looks_up)).expect("it is there").1;
        let place = Culprit { function: "shop::Book::find".into(), file: "a.rs".into(), line };
        all.hashes_for(&place).map(|culprit| (culprit.function, culprit.line))
    }

    #[test]
    fn who_leaves_out_what_keys_differ_in_makes_them_alike() {
        assert_eq!(of(KEYS, "points.get("), Some(("shop::DepotKey::hash".into(), 3)));
        assert_eq!(of(KEYS, "street.hash("), None, "nothing is looked up there");
        let whole = KEYS.replace("self.0.depot.hash(state);\n    }", "self.0.hash(state);\n    }");
        assert_eq!(of(&whole, "points.get("), Some(("shop::DoorKey::hash".into(), 8)), "the one that is left");
        assert_eq!(of("fn find(&self) -> u8 {\n    self.points.get(&door)\n}\n", "points.get("), None);
    }

    #[test]
    fn a_hasher_that_mixes_nothing_does_so_too() {
        assert_eq!(of(HASHERS, "issues.get("), Some(("shop::Plain::write_u64".into(), 16)));
        let folded = HASHERS.replace("self.0 = n;", "self.0 = (self.0 ^ n).wrapping_mul(PRIME);");
        assert_eq!(of(&folded, "issues.get("), None);
    }
}
