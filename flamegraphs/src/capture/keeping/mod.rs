//! What becomes of a value after it was made: followed through sources from the place where its memory was asked for to the
//! collection that keeps it.
//!
//! Who asks for memory need not be who keeps it: a value goes up to callers as what they get, down into functions that get it
//! as an argument, and stays where it is added to something that outlives the call. What is followed are names, not types;
//! where they are lost, nothing is said.

mod expressions;
mod facts;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use facts::{Fact, Function, Life, Lines, Of, Source};

/// Calls that a value is followed into.
const MOST_DEPTH: usize = 3;
/// Functions of one name that a call may mean; of more it is not known which.
const MOST_ALIKE: usize = 2;

/// Methods by which a collection becomes smaller.
const LETS_GO: &[&str] = &[
    "clear",
    "drain",
    "extract_if",
    "pop",
    "pop_back",
    "pop_first",
    "pop_front",
    "pop_last",
    "pop_lru",
    "remove",
    "remove_entry",
    "remove_if",
    "retain",
    "retain_mut",
    "split_off",
    "swap_remove",
    "truncate",
];

/// Sources, as far as they tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    files: BTreeMap<String, Source>,
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
        self.files.insert(file.to_owned(), walk::read(source));
    }

    /// What becomes of the value that is made at the innermost place of a stack: files and lines, innermost first.
    pub fn follow(&self, stack: &[(&str, u32)]) -> Fate {
        let mut lent: Option<(Added, usize)> = None;
        let mut known: Vec<Place<'_>> = Vec::new();
        let mut sent = false;
        for (file, line) in stack {
            let Some(function) = self.around(file, *line) else { continue };
            let inner = known.last().map(|place| place.function);
            let mut place = Place { file, function, line: Some(*line), inner, names: BTreeSet::new() };
            // It was added to what this function lent.
            if let Some((added, parameter)) = lent.take() {
                match place.lends(parameter) {
                    // Made for this one call: what was added goes on with it.
                    Some((Life::Call, name)) => place.names.extend(name),
                    Some((Life::Lent, Some(name))) => match function.parameter(&name) {
                        Some(parameter) => lent = Some((added, parameter)),
                        None => return Fate::Kept(added),
                    },
                    _ => return Fate::Kept(added),
                }
            }
            place.spread();
            if let Some(Kept { added, life, parameter }) = self.kept_in(&place, MOST_DEPTH, &mut sent) {
                match parameter.filter(|_| life == Life::Lent) {
                    Some(parameter) => lent = Some((added, parameter)),
                    None => return Fate::Kept(added),
                }
            }
            known.push(place);
        }
        if let Some((added, _)) = lent {
            return Fate::Kept(added);
        }
        match known.iter().find_map(|place| self.given(place, MOST_DEPTH)) {
            Some(added) => Fate::Kept(added),
            None if sent => Fate::Sent,
            None => Fate::Unknown,
        }
    }

    /// All places at which something is added to what outlives the call, without waiting for room.
    pub fn adding(&self) -> Vec<Added> {
        self.functions()
            .flat_map(|(file, function)| {
                function.facts.iter().filter_map(move |fact| match fact {
                    Fact::Added { lines, method, life: Life::Shared, awaited: false, on, arguments, .. } => {
                        let is_own = !self.called(method, Some(on), *arguments, true).is_empty();
                        (!is_own).then(|| added(file, function, *lines, method))
                    }
                    _ => None,
                })
            })
            .collect()
    }

    fn functions(&self) -> impl Iterator<Item = (&str, &Function)> {
        self.files.iter().flat_map(|(file, source)| source.functions.iter().map(move |one| (file.as_str(), one)))
    }

    fn around(&self, file: &str, line: u32) -> Option<&Function> {
        let functions = self.files.get(file)?.functions.iter().filter(|function| within(function.lines, line));
        functions.min_by_key(|function| function.lines.1 - function.lines.0)
    }

    /// Where a function adds the value to what outlives the call, how long that lives, and which parameter it is part of. What
    /// is kept in a collection counts before what is sent.
    fn kept_in(&self, place: &Place<'_>, depth: usize, is_sent: &mut bool) -> Option<Kept> {
        let mut best: Option<((Life, bool), Kept)> = None;
        for fact in &place.function.facts {
            let Fact::Added { lines, method, to, whole, life, sent, awaited, of, on, arguments } = fact else {
                continue;
            };
            if !place.has(lines, of) || place.came_from(lines, method) || place.function.bounds(whole.as_deref()) {
                continue;
            }
            // A function of the program that is called like one of a collection: whether it keeps anything is to be seen there.
            let own = self.called(method, Some(on), *arguments, true);
            if own.iter().any(|(_, function)| !std::ptr::eq(*function, place.function)) {
                match self.given_to(place, fact, depth) {
                    Some(added) => return Some(Kept { added, life: Life::Shared, parameter: None }),
                    None => continue,
                }
            }
            if *sent && (*awaited || *life == Life::Call) {
                *is_sent = true;
                continue;
            }
            let rank = (*life, !*sent);
            if *life > Life::Call && best.as_ref().is_none_or(|(known, _)| rank > *known) {
                let parameter = to.as_deref().and_then(|name| place.function.parameter(name));
                let added = added(place.file, place.function, *lines, method);
                best = Some((rank, Kept { added, life: *life, parameter }));
            }
        }
        best.map(|(_, kept)| kept)
    }

    /// Where a function that is given the value keeps it.
    fn given(&self, place: &Place<'_>, depth: usize) -> Option<Added> {
        let all = place.function.facts.iter().filter_map(|fact| self.given_to(place, fact, depth));
        // Of two ways to keep it, the one that lets nothing go again is likelier to grow; what is sent somebody takes.
        all.min_by_key(|added| {
            let around = self.around(&added.file, added.lines.0);
            let lets_go = around.is_some_and(|function| function.lets_go() || self.is_let_go_with(&function.returns));
            (walk::is_sent(&added.call), lets_go)
        })
    }

    /// Whether something of these types takes out of what outlives the call when it is dropped.
    fn is_let_go_with(&self, types: &BTreeSet<String>) -> bool {
        let drops =
            |function: &&Function| function.last_name() == "drop" && function.of.iter().any(|of| types.contains(of));
        self.functions().map(|(_, function)| function).filter(drops).any(Function::lets_go)
    }

    /// The same of one call; of an addition, of the call that it is.
    fn given_to(&self, place: &Place<'_>, fact: &Fact, depth: usize) -> Option<Added> {
        let depth = depth.checked_sub(1)?;
        let is_call = |other: &&Fact| match (fact, other) {
            (Fact::Added { lines, method, .. }, Fact::Called { lines: at, function, .. }) => {
                lines == at && method == function
            }
            _ => std::ptr::eq(fact, *other),
        };
        let call = place.function.facts.iter().find(is_call)?;
        let Fact::Called { lines, function, on, arguments } = call else { return None };
        if place.came_from(lines, function) {
            return None;
        }
        let is_addition = matches!(fact, Fact::Added { .. });
        let given: Vec<usize> = (0..arguments.len()).filter(|at| place.has(lines, &arguments[*at].of)).collect();
        self.called(function, on.as_ref(), arguments.len(), is_addition).into_iter().find_map(|(file, callee)| {
            let names = given.iter().filter_map(|at| callee.parameters.get(*at)).flatten();
            let names: BTreeSet<String> = names.filter(|name| *name != "self").cloned().collect();
            if names.is_empty() || std::ptr::eq(callee, place.function) {
                return None;
            }
            let mut place = Place { file, function: callee, line: None, inner: None, names };
            place.spread();
            let kept = self.kept_in(&place, depth, &mut false).map(|kept| kept.added);
            kept.or_else(|| self.given(&place, depth))
        })
    }

    /// The functions of the program that a call may mean, by its name, and by the type that it is called on. Where that is not
    /// known, and it `must` be, none.
    fn called(&self, name: &str, on: Option<&Of>, arguments: usize, must: bool) -> Vec<(&str, &Function)> {
        let types = match on {
            Some(Of::Named(types)) => Some(types.clone()),
            Some(Of::Field(field)) => {
                let of_name = self.files.values().filter_map(|source| source.fields.get(field)).flatten();
                Some(of_name.cloned().collect()).filter(|types: &BTreeSet<String>| !types.is_empty())
            }
            _ => None,
        };
        if must && types.is_none() {
            return Vec::new();
        }
        let is_meant = |function: &Function| match (on, &types) {
            (None, _) => function.of.is_empty(),
            (Some(_), None) => !function.of.is_empty(),
            (Some(_), Some(types)) => function.of.iter().any(|of| types.contains(of)),
        };
        let all = self.functions().filter(|(_, function)| {
            function.last_name() == name && function.parameters.len() == arguments && is_meant(function)
        });
        let alike: Vec<(&str, &Function)> = all.collect();
        if alike.len() > MOST_ALIKE { Vec::new() } else { alike }
    }
}

/// Where a value is kept.
struct Kept {
    added: Added,
    life: Life,
    /// The parameter of the function that it is added to, or to a part of it.
    parameter: Option<usize>,
}

/// A function that has the value.
struct Place<'a> {
    file: &'a str,
    function: &'a Function,
    /// Where it is made, or comes from a function that this one calls.
    line: Option<u32>,
    /// That function.
    inner: Option<&'a Function>,
    /// Names that stand for the value, or hold it.
    names: BTreeSet<String>,
}

impl Place<'_> {
    /// Whether what stands on those lines, with those names in it, has the value.
    fn has(&self, lines: &Lines, of: &BTreeSet<String>) -> bool {
        self.line.is_some_and(|line| within(*lines, line)) || !of.is_disjoint(&self.names)
    }

    /// Whether that is the call that the value comes from.
    fn came_from(&self, lines: &Lines, called: &str) -> bool {
        let here = self.line.is_some_and(|line| within(*lines, line));
        here && self.inner.is_some_and(|inner| inner.last_name() == called)
    }

    /// Finds all its names.
    fn spread(&mut self) {
        loop {
            let before = self.names.len();
            for fact in &self.function.facts {
                match fact {
                    Fact::Bound { lines, names, of } if self.has(lines, of) => self.names.extend(names.iter().cloned()),
                    Fact::Added { lines, to: Some(to), life: Life::Call, sent: false, of, .. }
                        if self.has(lines, of) =>
                    {
                        self.names.insert(to.clone());
                    }
                    _ => {}
                }
            }
            // Whoever holds itself holds nothing that it could give away.
            self.names.remove("self");
            if self.names.len() == before {
                return;
            }
        }
    }

    /// How long what it gives to the inner function as that parameter lives, and its name.
    fn lends(&self, parameter: usize) -> Option<(Life, Option<String>)> {
        let (line, inner) = (self.line?, self.inner?);
        self.function.facts.iter().find_map(|fact| match fact {
            Fact::Called { lines, function, arguments, .. }
                if within(*lines, line) && function == inner.last_name() =>
            {
                arguments.get(parameter).map(|given| (given.life, given.root.clone()))
            }
            _ => None,
        })
    }
}

impl Function {
    fn last_name(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }

    /// Whether it takes something out of what outlives the call.
    fn lets_go(&self) -> bool {
        self.facts.iter().any(|fact| match fact {
            Fact::Called { function, on: Some(_), arguments, .. } => {
                LETS_GO.contains(&function.as_str()) && arguments.first().is_some_and(|on| on.life > Life::Call)
            }
            _ => false,
        })
    }

    /// Whether it lets no more than so many be in there.
    fn bounds(&self, added_to: Option<&str>) -> bool {
        let here = |fact: &Fact| matches!(fact, Fact::Bounded { whole } if Some(whole.as_str()) == added_to);
        self.facts.iter().any(here)
    }

    fn parameter(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|names| names.iter().any(|one| one == name))
    }
}

fn within(lines: Lines, line: u32) -> bool {
    (lines.0..=lines.1).contains(&line)
}

fn added(file: &str, function: &Function, lines: Lines, method: &str) -> Added {
    let (name, call) = (function.name.clone(), method.to_owned());
    Added { file: file.to_owned(), function: name, around: function.lines, lines, call }
}

#[cfg(test)]
mod tests;
