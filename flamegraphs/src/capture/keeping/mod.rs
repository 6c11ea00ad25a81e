//! What becomes of a value after it was made: followed through sources from the place where its memory was asked for to the
//! collection that keeps it.
//!
//! Who asks for memory need not be who keeps it: a value goes up to callers as what they get, down into functions that get it
//! as an argument, and stays where it is added to something that outlives the call. What is followed are names, not types;
//! where they are lost, nothing is said.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use facts::{Fact, Function, Life, Lines};

/// Calls that a value is followed into.
const MOST_DEPTH: usize = 3;
/// Functions of one name that a call may mean; of more it is not known which.
const MOST_ALIKE: usize = 2;

/// Sources, as far as they tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    files: BTreeMap<String, Vec<Function>>,
}

/// Where something is added to what outlives the call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Added {
    /// Source.
    pub file: String,
    /// Function as its source calls it: `Memo::remember`.
    pub function: String,
    /// Its first and last line.
    pub around: (u32, u32),
    /// Those of the call by which it is added.
    pub lines: (u32, u32),
    /// What is called: `insert`.
    pub call: String,
}

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is added there, and nothing of what is known gives it away again.
    Kept(Added),
    /// It is sent to somebody who takes it, and who that is the source does not tell.
    Sent,
    /// It is not seen to stay.
    Unknown,
}

impl Keeping {
    /// Adds a source.
    pub fn read(&mut self, file: &str, source: &str) {
        self.files.insert(file.to_owned(), facts::read(source));
    }

    /// What becomes of the value that is made at the innermost place of a stack: files and lines, innermost first.
    pub fn follow(&self, stack: &[(&str, u32)]) -> Fate {
        let mut lent: Option<(Added, usize)> = None;
        // Whose parameter it is.
        let mut lender = "";
        let mut known: Vec<(&Function, u32, BTreeSet<String>)> = Vec::new();
        let mut sent = false;
        for (file, line) in stack {
            let Some(function) = self.around(file, *line) else { continue };
            let mut names = BTreeSet::new();
            if let Some((added, parameter)) = lent.take() {
                match lends(function, *line, lender, parameter) {
                    // Made for this one call: what was added goes on with it.
                    Some((Life::Call, name)) => names.extend(name),
                    Some((Life::Lent, Some(name))) => match parameter_of(function, &name) {
                        Some(parameter) => {
                            lent = Some((added, parameter));
                            lender = &function.name;
                        }
                        None => return Fate::Kept(added),
                    },
                    _ => return Fate::Kept(added),
                }
            }
            let names = tainted(function, Some(*line), names);
            let adding = kept_in(file, function, Some(*line), &names, &mut sent);
            if let Some((added, life, parameter)) = adding {
                match parameter.filter(|_| life == Life::Lent) {
                    Some(parameter) => {
                        lent = Some((added, parameter));
                        lender = &function.name;
                    }
                    None => return Fate::Kept(added),
                }
            }
            known.push((function, *line, names));
        }
        if let Some((added, _)) = lent {
            return Fate::Kept(added);
        }
        let given =
            known.iter().find_map(|(function, line, names)| self.given(function, Some(*line), names, MOST_DEPTH));
        match given {
            Some(added) => Fate::Kept(added),
            None if sent => Fate::Sent,
            None => Fate::Unknown,
        }
    }

    /// All places at which something is added to what outlives the call, without waiting for room.
    pub fn adding(&self) -> Vec<Added> {
        let all =
            self.files.iter().flat_map(|(file, functions)| functions.iter().map(move |function| (file, function)));
        all.flat_map(|(file, function)| {
            function.facts.iter().filter_map(move |fact| match fact {
                Fact::Added { lines, method, life: Life::Shared, awaited: false, .. } => {
                    Some(added(file, function, *lines, method))
                }
                _ => None,
            })
        })
        .collect()
    }

    fn around(&self, file: &str, line: u32) -> Option<&Function> {
        let functions = self.files.get(file)?.iter().filter(|function| within(function.lines, line));
        functions.min_by_key(|function| function.lines.1 - function.lines.0)
    }

    /// Where a function that is given the value keeps it.
    fn given(&self, from: &Function, line: Option<u32>, names: &BTreeSet<String>, depth: usize) -> Option<Added> {
        from.facts.iter().find_map(|fact| {
            let Fact::Called { lines, function, arguments } = fact else { return None };
            let called = self.called(function, arguments.len());
            let is_within = line.is_some_and(|line| within(*lines, line));
            let given = arguments.iter().enumerate().filter(|(_, (of, ..))| is_within || !of.is_disjoint(names));
            let given: Vec<usize> = given.map(|(at, _)| at).collect();
            called.into_iter().find_map(|(file, callee)| {
                let known = given.iter().filter_map(|at| callee.parameters.get(*at)).flatten();
                let known: BTreeSet<String> = known.filter(|name| *name != "self").cloned().collect();
                if known.is_empty() || depth == 0 {
                    return None;
                }
                let known = tainted(callee, None, known);
                let kept = kept_in(file, callee, None, &known, &mut false).map(|(added, ..)| added);
                kept.or_else(|| self.given(callee, None, &known, depth - 1))
            })
        })
    }

    fn called(&self, name: &str, arguments: usize) -> Vec<(&str, &Function)> {
        let all = self.files.iter().flat_map(|(file, all)| all.iter().map(move |function| (file.as_str(), function)));
        let alike = all.filter(|(_, function)| last(&function.name) == name && function.parameters.len() == arguments);
        let alike: Vec<(&str, &Function)> = alike.collect();
        if alike.len() > MOST_ALIKE { Vec::new() } else { alike }
    }
}

fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn within(lines: Lines, line: u32) -> bool {
    (lines.0..=lines.1).contains(&line)
}

fn added(file: &str, function: &Function, lines: Lines, method: &str) -> Added {
    let (name, call) = (function.name.clone(), method.to_owned());
    Added { file: file.to_owned(), function: name, around: function.lines, lines, call }
}

fn parameter_of(function: &Function, name: &str) -> Option<usize> {
    function.parameters.iter().position(|names| names.iter().any(|one| one == name))
}

/// Names that stand for the value, or hold it, in a function that makes it on that line or has it by these names.
fn tainted(function: &Function, line: Option<u32>, mut names: BTreeSet<String>) -> BTreeSet<String> {
    let here = |lines: &Lines| line.is_some_and(|line| within(*lines, line));
    loop {
        let before = names.len();
        for fact in &function.facts {
            match fact {
                Fact::Bound { lines, names: bound, of } if here(lines) || !of.is_disjoint(&names) => {
                    names.extend(bound.iter().cloned());
                }
                Fact::Added { lines, to: Some(to), life: Life::Call, sent: false, of, .. }
                    if here(lines) || !of.is_disjoint(&names) =>
                {
                    names.insert(to.clone());
                }
                _ => {}
            }
        }
        names.remove("self");
        if names.len() == before {
            return names;
        }
    }
}

/// Where a function adds the value to what outlives the call, how long that lives, and which parameter it is part of. What is
/// kept in a collection counts before what is sent.
fn kept_in(
    file: &str,
    function: &Function,
    line: Option<u32>,
    names: &BTreeSet<String>,
    is_sent: &mut bool,
) -> Option<(Added, Life, Option<usize>)> {
    let mut best: Option<((Life, bool), (Added, Life, Option<usize>))> = None;
    for fact in &function.facts {
        let Fact::Added { lines, method, to, life, sent, awaited, of } = fact else { continue };
        if !line.is_some_and(|line| within(*lines, line)) && of.is_disjoint(names) {
            continue;
        }
        if *sent && (*awaited || *life == Life::Call) {
            *is_sent = true;
            continue;
        }
        let rank = (*life, !*sent);
        if *life > Life::Call && best.as_ref().is_none_or(|(known, _)| rank > *known) {
            let parameter = to.as_deref().and_then(|name| parameter_of(function, name));
            best = Some((rank, (added(file, function, *lines, method), *life, parameter)));
        }
    }
    best.map(|(_, kept)| kept)
}

/// How long what a function gives to another one on that line lives, and its name.
fn lends(function: &Function, line: u32, to: &str, parameter: usize) -> Option<(Life, Option<String>)> {
    function.facts.iter().find_map(|fact| match fact {
        Fact::Called { lines, function, arguments } if within(*lines, line) && function == last(to) => {
            arguments.get(parameter).map(|(_, life, name)| (*life, name.clone()))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
