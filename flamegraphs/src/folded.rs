//! Stacks as lists of names with one number each: what flamegraphs are drawn from.

use std::collections::{BTreeMap, HashMap};

use crate::profile::{Location, Profile, Sample};

/// What a sample without any frame is shown as (scheduler profiles of Go have such).
pub const NO_STACK: &str = "[no stack]";

/// Why a profile cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// No such value.
    #[error("the profile has {types} sample types, there is none at position {index}")]
    NoSuchType {
        /// Position asked for, from 0.
        index: usize,
        /// Number of types.
        types: usize,
    },
    /// Differences cannot be drawn as widths.
    #[error("a sample has the negative value {0}; a difference of profiles cannot be folded")]
    Negative(i64),
}

/// Stacks, root first, each once, in the order of their names. Names are kept once each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    names: Vec<String>,
    ids: HashMap<String, u32>,
    stacks: BTreeMap<Vec<u32>, u64>,
}

impl Folded {
    /// No stacks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stack, root first; an empty one counts as [`NO_STACK`], a zero value is left out. Sums saturate.
    pub fn add<S: AsRef<str>>(&mut self, root_first: &[S], value: u64) {
        if value == 0 {
            return;
        }
        let stack = self.stack(root_first);
        let sum = self.stacks.entry(stack).or_default();
        *sum = sum.saturating_add(value);
    }

    fn stack<S: AsRef<str>>(&mut self, root_first: &[S]) -> Vec<u32> {
        let mut stack: Vec<u32> = root_first.iter().map(|name| self.id(name.as_ref())).collect();
        if stack.is_empty() {
            stack.push(self.id(NO_STACK));
        }
        stack
    }

    /// Folds one value of a profile with its names as they are, inlined frames included.
    ///
    /// # Errors
    /// Where there is no such value, or one is negative.
    pub fn raw(profile: &Profile, type_index: usize) -> Result<Self, FoldError> {
        let names: Vec<Vec<String>> = profile.locations().iter().map(|location| frames(profile, location)).collect();
        let mut folded = Self::new();
        for_each_stack(profile, type_index, |sample, value| {
            let root_first: Vec<&str> =
                sample.stack.iter().rev().flat_map(|id| names[id.index()].iter().rev().map(String::as_str)).collect();
            folded.add(&root_first, value);
        })?;
        Ok(folded)
    }

    /// Stacks with their values, sorted by names from the root.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<&str>, u64)> {
        let mut all: Vec<(Vec<&str>, u64)> = self
            .stacks
            .iter()
            .map(|(stack, value)| (stack.iter().map(|id| self.names[*id as usize].as_str()).collect(), *value))
            .collect();
        all.sort();
        all.into_iter()
    }

    /// Distinct stacks.
    pub fn len(&self) -> usize {
        self.stacks.len()
    }

    /// True where there is no stack.
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Sum of all values, saturating.
    pub fn total(&self) -> u64 {
        self.stacks.values().fold(0, |sum, value| sum.saturating_add(*value))
    }

    /// Names by id.
    #[cfg(feature = "svg")]
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Stacks of ids, root first.
    #[cfg(feature = "svg")]
    pub(crate) fn by_id(&self) -> impl Iterator<Item = (&[u32], u64)> {
        self.stacks.iter().map(|(stack, value)| (stack.as_slice(), *value))
    }

    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).expect("four billion names exceed the memory");
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }
}

/// Stacks of a difference, whose values may be below nothing until all are added up.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Names alone.
    folded: Folded,
    sums: BTreeMap<Vec<u32>, i64>,
}

impl Differences {
    /// Adds a stack, root first. Sums saturate.
    pub(crate) fn add<S: AsRef<str>>(&mut self, root_first: &[S], value: i64) {
        let sum = self.sums.entry(self.folded.stack(root_first)).or_default();
        *sum = sum.saturating_add(value);
    }

    /// The stacks that hold more than nothing.
    pub(crate) fn excess(self) -> Folded {
        let above = |(stack, sum)| Some((stack, u64::try_from(sum).ok().filter(|sum| *sum > 0)?));
        Folded { stacks: self.sums.into_iter().filter_map(above).collect(), ..self.folded }
    }
}

/// Names of a location, innermost first; an address where nothing else is known.
fn frames(profile: &Profile, location: &Location) -> Vec<String> {
    if location.lines.is_empty() {
        return vec![unsymbolised(profile, location)];
    }
    let named = location.lines.iter().map(|line| profile.function(line.function));
    named
        .map(|function| if function.name.is_empty() { &function.system_name } else { &function.name }.clone())
        .collect()
}

/// What stands for an address without a symbol: the file that holds it where known, so that such frames add up.
pub(crate) fn unsymbolised(profile: &Profile, location: &Location) -> String {
    let mapping = location.mapping.map(|id| &profile.mappings()[id.index()]);
    match mapping.and_then(|mapping| mapping.file.rsplit('/').next()).filter(|file| !file.is_empty()) {
        Some(file) => format!("[{file}]"),
        None => format!("{:#x}", location.address),
    }
}

/// Calls for every sample with a value other than zero.
pub(crate) fn for_each_stack<'p>(
    profile: &'p Profile,
    index: usize,
    mut each: impl FnMut(&'p Sample, u64),
) -> Result<(), FoldError> {
    let types = profile.sample_types().len();
    if index >= types {
        return Err(FoldError::NoSuchType { index, types });
    }
    for sample in profile.samples() {
        let value = sample.values[index];
        each(sample, u64::try_from(value).map_err(|_| FoldError::Negative(value))?);
    }
    Ok(())
}
