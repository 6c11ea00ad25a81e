//! Functions and crates by what they spend per operation on both sides, one value a trial.

use std::collections::{BTreeMap, HashMap};

use crate::functions::Functions;
use crate::profile::{Profile, Sample};

/// What a mover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A function, wherever it is called from.
    Function,
    /// Everything of one crate.
    Crate,
}

/// A function or a crate on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Mover {
    /// Which.
    pub what: What,
    /// Readable name.
    pub name: String,
    /// Source file of the line that most of it was spent at; may be empty, as of crates.
    pub file: String,
    /// That line, 0 where unknown.
    pub line: i64,
    /// False of what only passes calls on: runtimes, the standard library, the kernel.
    pub own: bool,
    /// By side and trial: what was spent in it itself, per operation.
    pub exclusive: [Vec<f64>; 2],
    /// The same with all that it called.
    pub inclusive: [Vec<f64>; 2],
}

/// One trial of a side: a profile, the samples of it that count, and how many operations they were for.
pub struct Spent<'a> {
    /// May hold other trials' samples, too.
    pub profile: &'a Profile,
    /// Position of the value.
    pub value: usize,
    /// Samples of this trial.
    pub of: Box<dyn Fn(&Sample) -> bool + 'a>,
    /// Operations.
    pub operations: f64,
}

/// Every function and crate of either side.
pub fn movers(sides: [&[Spent<'_>]; 2]) -> Vec<Mover> {
    let mut found: HashMap<(What, String), Mover> = HashMap::new();
    let mut lines: HashMap<String, BTreeMap<(String, i64), f64>> = HashMap::new();
    let lengths = sides.map(<[Spent<'_>]>::len);
    for (side, trials) in sides.into_iter().enumerate() {
        for (at, trial) in trials.iter().enumerate().filter(|(_, trial)| trial.operations > 0.0) {
            let functions = Functions::new(trial.profile);
            for (position, sample) in trial.profile.samples().iter().enumerate().filter(|(_, one)| (trial.of)(one)) {
                let spent = sample.values.get(trial.value).map_or(0.0, |value| *value as f64) / trial.operations;
                let mut seen: Vec<(What, &str)> = Vec::new();
                for (depth, frame) in functions.of(position).enumerate() {
                    let (name, own) = functions.name(frame.name);
                    for key in [(What::Function, name), (What::Crate, crate_of(name))] {
                        let mover =
                            found.entry((key.0, key.1.to_owned())).or_insert_with(|| Mover::new(key, own, lengths));
                        if depth == 0 {
                            mover.exclusive[side][at] += spent;
                        }
                        // Whoever calls itself is in the stack once.
                        if !seen.contains(&key) {
                            mover.inclusive[side][at] += spent;
                            seen.push(key);
                        }
                    }
                    if !frame.file.is_empty() {
                        let places = lines.entry(name.to_owned()).or_default();
                        *places.entry((frame.file.to_owned(), frame.line)).or_default() += spent;
                    }
                }
            }
        }
    }
    let mut movers: Vec<Mover> = found.into_values().collect();
    for mover in movers.iter_mut().filter(|mover| mover.what == What::Function) {
        let places = lines.get(&mover.name).into_iter().flatten();
        if let Some(((file, line), _)) = places.max_by(|a, b| a.1.total_cmp(b.1)) {
            (mover.file, mover.line) = (file.clone(), *line);
        }
    }
    movers.sort_by(|a, b| (a.what, &a.name).cmp(&(b.what, &b.name)));
    movers
}

impl Mover {
    fn new((what, name): (What, &str), own: bool, trials: [usize; 2]) -> Self {
        let none = || trials.map(|trials| vec![0.0; trials]);
        let name = name.to_owned();
        Self { what, name, file: String::new(), line: 0, own, exclusive: none(), inclusive: none() }
    }
}

/// The crate of a readable name: its first segment; native code has none of its own.
fn crate_of(name: &str) -> &str {
    let path = name.strip_prefix("drop ").unwrap_or(name);
    match path.split_once("::") {
        Some((head, _)) if !head.contains(['<', ' ', '(']) => head,
        _ => "[native]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Builder, Frame, Label, ValueType};

    fn profile(stacks: &[(&[(&str, i64)], i64)]) -> Profile {
        let mut builder = Builder::new([ValueType::new("cpu", "nanoseconds")]);
        for (stack, value) in stacks {
            let at = |(function, line): &(&str, i64)| {
                let frame = Frame { function, file: "src/app.rs", line: *line, ..Frame::default() };
                builder.location(u64::try_from(*line).unwrap(), &[frame])
            };
            let stack: Vec<_> = stack.iter().map(at).collect();
            builder.sample(&stack, &[*value], &[Label::text("trial", "1")]).unwrap();
        }
        builder.finish()
    }

    fn spent(profile: &Profile, operations: f64) -> Spent<'_> {
        Spent { profile, value: 0, of: Box::new(|sample| sample.label("trial") == Some("1")), operations }
    }

    #[test]
    fn functions_and_crates_are_added_up_wherever_they_are_called_from() {
        let main = ("app::main", 1);
        let base = profile(&[
            (&[("lib::hash", 7), ("app::a", 2), main], 100),
            (&[("lib::hash", 8), ("app::b", 3), main], 300),
        ]);
        let candidate = profile(&[(&[("lib::hash", 8), ("lib::hash", 9), main], 200)]);
        let found = movers([&[spent(&base, 10.0)], &[spent(&candidate, 20.0), spent(&candidate, 10.0)]]);
        let one = |what, name: &str| found.iter().find(|mover| mover.what == what && mover.name == name).unwrap();
        let hash = one(What::Function, "lib::hash");
        assert_eq!(hash.exclusive, [vec![40.0], vec![10.0, 20.0]]);
        assert_eq!(hash.inclusive, hash.exclusive, "recursion counts once");
        assert_eq!((hash.file.as_str(), hash.line), ("src/app.rs", 8));
        let lib = one(What::Crate, "lib");
        assert_eq!((&lib.exclusive, lib.file.as_str()), (&hash.exclusive, ""));
        let app = one(What::Crate, "app");
        assert_eq!((&app.exclusive, &app.inclusive), (&[vec![0.0], vec![0.0, 0.0]], &[vec![40.0], vec![10.0, 20.0]]));
        let gone = one(What::Function, "app::b");
        assert_eq!(gone.inclusive, [vec![30.0], vec![0.0, 0.0]]);
    }

    #[test]
    fn crates_are_told_from_names() {
        let names = ["app::serve", "drop app::Thing", "memcpy", "[libc.so.6]", "<T>::call"];
        assert_eq!(names.map(crate_of), ["app", "app", "[native]", "[native]", "[native]"]);
    }
}
