//! Builds a profile, giving equal things one id and adding up equal samples.

use std::collections::HashMap;
use std::hash::Hash;

use super::{
    Frame, Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Metadata, Profile,
    Sample, ValueType,
};

/// A sample that does not fit the profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Wrong number of values.
    #[error("a sample has {got} values, the profile has {expected} sample types")]
    Values {
        /// Number of sample types.
        expected: usize,
        /// Number of values given.
        got: usize,
    },
    /// A location that this builder did not hand out.
    #[error("location {0} is not of this profile")]
    UnknownLocation(usize),
}

/// Things by position, each once.
#[derive(Debug)]
struct Table<T>(Vec<T>, HashMap<T, u32>);

impl<T: Clone + Eq + Hash> Table<T> {
    fn new() -> Self {
        Self(Vec::new(), HashMap::new())
    }

    fn intern(&mut self, thing: T) -> u32 {
        if let Some(&id) = self.1.get(&thing) {
            return id;
        }
        let id = u32::try_from(self.0.len()).expect("four billion entries of over forty bytes exceed the memory");
        self.0.push(thing.clone());
        self.1.insert(thing, id);
        id
    }
}

/// Builds a [`Profile`].
#[derive(Debug)]
pub struct Builder {
    meta: Metadata,
    sample_types: Vec<ValueType>,
    functions: Table<Function>,
    mappings: Table<Mapping>,
    locations: Table<Location>,
    samples: Vec<Sample>,
    seen: HashMap<(Vec<LocationId>, Vec<Label>), usize>,
}

impl Builder {
    /// A profile whose samples have one value per type.
    pub fn new(sample_types: impl IntoIterator<Item = ValueType>) -> Self {
        Self {
            meta: Metadata::default(),
            sample_types: sample_types.into_iter().collect(),
            functions: Table::new(),
            mappings: Table::new(),
            locations: Table::new(),
            samples: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// Period, times and comments.
    pub fn meta(&mut self) -> &mut Metadata {
        &mut self.meta
    }

    /// Adds a mapped file. The main binary goes first: viewers take mapping 0 for it.
    pub fn mapping(&mut self, mapping: Mapping) -> MappingId {
        MappingId(self.mappings.intern(mapping))
    }

    /// Adds an address with its frames, innermost first (the first was inlined into the second).
    ///
    /// The mapping is the one whose range holds the address. Lines belong to the location: the same function at two
    /// addresses keeps two lines.
    pub fn location(&mut self, address: u64, frames: &[Frame<'_>]) -> LocationId {
        let lines = frames
            .iter()
            .map(|frame| {
                let function = self.function(Function {
                    name: frame.function.to_owned(),
                    system_name: frame.system_name.to_owned(),
                    file: frame.file.to_owned(),
                    start_line: 0,
                });
                Line { function, line: frame.line, column: 0 }
            })
            .collect();
        let holder = self.mappings.0.iter().position(|mapping| (mapping.start..mapping.limit).contains(&address));
        let mapping = holder.map(|at| MappingId(at as u32));
        self.exact_location(Location { address, mapping, lines, is_folded: false })
    }

    /// Adds up a stack, leaf first, with its labels; says which of [`Profile::samples`] it is.
    ///
    /// # Errors
    /// Where the number of values is not that of the sample types, or a location is not of this builder.
    pub fn sample(&mut self, stack: &[LocationId], values: &[i64], labels: &[Label]) -> Result<usize, BuildError> {
        if values.len() != self.sample_types.len() {
            return Err(BuildError::Values { expected: self.sample_types.len(), got: values.len() });
        }
        if let Some(unknown) = stack.iter().find(|id| id.index() >= self.locations.0.len()) {
            return Err(BuildError::UnknownLocation(unknown.index()));
        }
        let mut labels: Vec<Label> =
            labels.iter().filter(|label| label.value != LabelValue::Text(String::new())).cloned().collect();
        labels.sort();
        let key = (stack.to_vec(), labels);
        if let Some(&at) = self.seen.get(&key) {
            for (sum, value) in self.samples[at].values.iter_mut().zip(values) {
                *sum = sum.saturating_add(*value);
            }
            return Ok(at);
        }
        let sample = Sample { stack: key.0.clone(), values: values.to_vec(), labels: key.1.clone() };
        let at = self.samples.len();
        self.seen.insert(key, at);
        self.samples.push(sample);
        Ok(at)
    }

    /// The profile.
    pub fn finish(self) -> Profile {
        Profile {
            meta: self.meta,
            sample_types: self.sample_types,
            functions: self.functions.0,
            mappings: self.mappings.0,
            locations: self.locations.0,
            samples: self.samples,
        }
    }

    /// Adds a function with everything that is known of it.
    pub(crate) fn function(&mut self, function: Function) -> FunctionId {
        FunctionId(self.functions.intern(function))
    }

    /// Adds a location whose ids come from this builder.
    pub(crate) fn exact_location(&mut self, location: Location) -> LocationId {
        LocationId(self.locations.intern(location))
    }
}
