//! The one model that every profile is read into and written from.
//!
//! It follows `profile.proto`: a sample is a stack of locations, a location is an address with the source lines
//! it stands for (several where calls were inlined). Ids are positions and always valid: only [`Builder`] makes
//! profiles.

mod builder;
mod merge;

use std::num::NonZeroI64;

pub use builder::{BuildError, Builder};
pub use merge::{MergeError, merge};

use crate::coverage::Coverage;

/// What a value of a sample counts, e.g. `cpu` in `nanoseconds`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ValueType {
    /// `samples`, `cpu`, `inuse_space`, ….
    pub kind: String,
    /// `count`, `nanoseconds`, `bytes`, ….
    pub unit: String,
}

impl ValueType {
    /// A value type of that kind and unit.
    pub fn new(kind: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { kind: kind.into(), unit: unit.into() }
    }
}

/// Position of a function in [`Profile::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(u32);

/// Position of a mapping in [`Profile::mappings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MappingId(u32);

/// Position of a location in [`Profile::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationId(u32);

impl FunctionId {
    /// 0-based position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl MappingId {
    /// 0-based position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl LocationId {
    /// 0-based position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A function, as the debug information names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Function {
    /// Name for people.
    pub name: String,
    /// Name in the symbol table (mangled), may be empty.
    pub system_name: String,
    /// Source file, may be empty.
    pub file: String,
    /// Line where the function starts, 0 where unknown.
    pub start_line: i64,
}

/// A file that was mapped into the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub limit: u64,
    /// Offset of `start` in the file, bytes.
    pub offset: u64,
    /// Path of the file.
    pub file: String,
    /// Build id in hex, may be empty.
    pub build_id: String,
    /// What symbolisation already found.
    pub symbols: Symbols,
}

/// What is already known of a mapping's addresses, so that `go tool pprof` does not symbolise them again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Symbols {
    /// Function names.
    pub functions: bool,
    /// File names.
    pub files: bool,
    /// Line numbers.
    pub lines: bool,
    /// Inlined frames.
    pub inlined: bool,
}

impl Symbols {
    /// Everything is known.
    pub const ALL: Self = Self { functions: true, files: true, lines: true, inlined: true };
}

/// A place in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    /// Function.
    pub function: FunctionId,
    /// 1-based line, 0 where unknown.
    pub line: i64,
    /// 1-based column, 0 where unknown.
    pub column: i64,
}

/// An instruction address and the source lines it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// Address in the process, 0 where unknown.
    pub address: u64,
    /// Mapping that holds it.
    pub mapping: Option<MappingId>,
    /// Innermost first: line 0 was inlined into line 1. Empty where not symbolised.
    pub lines: Vec<Line>,
    /// True where identical code was folded and the lines name just one of several functions.
    pub is_folded: bool,
}

/// A tag of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Name, e.g. `thread`.
    pub key: String,
    /// Value.
    pub value: LabelValue,
}

impl Label {
    /// A tag with a text.
    pub fn text(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: LabelValue::Text(value.into()) }
    }

    /// A tag with a number. Zero cannot be written: Go's reader takes it for absent, so count from 1 or use a text.
    pub fn number(key: impl Into<String>, value: NonZeroI64, unit: impl Into<String>) -> Self {
        Self { key: key.into(), value: LabelValue::Number { value, unit: unit.into() } }
    }
}

/// The value of a [`Label`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelValue {
    /// A text; an empty one reads as absent and is not written.
    Text(String),
    /// A number.
    Number {
        /// Value.
        value: NonZeroI64,
        /// Unit, may be empty.
        unit: String,
    },
}

/// How often one stack was seen with one set of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Leaf first.
    pub stack: Vec<LocationId>,
    /// One value per [`Profile::sample_types`].
    pub values: Vec<i64>,
    /// Sorted.
    pub labels: Vec<Label>,
}

impl Sample {
    /// The first text label of that key.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find_map(|label| match &label.value {
            LabelValue::Text(text) if label.key == key => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Frame to describe a location with, see [`Builder::location`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Name for people.
    pub function: &'a str,
    /// Name in the symbol table, may be empty.
    pub system_name: &'a str,
    /// Source file, may be empty.
    pub file: &'a str,
    /// 1-based line, 0 where unknown.
    pub line: i64,
}

/// Everything about a profile but its samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// [`ValueType::kind`] that a viewer shows first, empty for the last.
    pub default_sample_type: String,
    /// What [`Metadata::period`] counts.
    pub period_type: Option<ValueType>,
    /// Distance between samples.
    pub period: i64,
    /// Start, nanoseconds since the Unix epoch, 0 where unknown.
    pub time_nanos: i64,
    /// Length of the recording in nanoseconds, 0 where unknown.
    pub duration_nanos: i64,
    /// Free text, shown by `go tool pprof -comments`.
    pub comments: Vec<String>,
    /// Regular expression of leaf frames that a viewer drops.
    pub drop_frames: String,
    /// Exceptions from `drop_frames`.
    pub keep_frames: String,
    /// Where the profile is explained.
    pub doc_url: String,
}

impl Metadata {
    /// The coverage that the comments carry.
    pub fn coverage(&self) -> Option<Coverage> {
        self.comments.iter().find_map(|comment| Coverage::from_comment(comment))
    }

    /// Keeps a coverage in the comments, instead of the one that was there.
    pub fn set_coverage(&mut self, coverage: &Coverage) {
        self.comments.retain(|comment| Coverage::from_comment(comment).is_none());
        self.comments.push(coverage.to_comment());
    }
}

/// A profile. See the [module](self).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Period, times and comments; free to change.
    pub meta: Metadata,
    sample_types: Vec<ValueType>,
    functions: Vec<Function>,
    mappings: Vec<Mapping>,
    locations: Vec<Location>,
    samples: Vec<Sample>,
}

impl Profile {
    /// What the values of each sample count, in order.
    pub fn sample_types(&self) -> &[ValueType] {
        &self.sample_types
    }

    /// Functions by [`FunctionId`].
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Mappings by [`MappingId`].
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// Locations by [`LocationId`].
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Samples in the order of first sight; no two have the same stack and labels.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// A function. Panics for an id of another, larger profile.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// A location. Panics for an id of another, larger profile.
    pub fn location(&self, id: LocationId) -> &Location {
        &self.locations[id.index()]
    }

    /// Position of the value type of that kind.
    pub fn type_index(&self, kind: &str) -> Option<usize> {
        self.sample_types.iter().position(|value_type| value_type.kind == kind)
    }

    /// Sum of one value over all samples, saturating; `None` where there is no such type.
    pub fn total(&self, type_index: usize) -> Option<i64> {
        self.sample_types.get(type_index)?;
        Some(self.samples.iter().fold(0, |sum, sample| sum.saturating_add(sample.values[type_index])))
    }

    /// The same stacks with other values, the types written as `kind/unit`; samples without values are left out.
    pub(crate) fn revalued<const N: usize>(
        &self,
        types: [&str; N],
        labels: &[Label],
        values: impl Fn(usize) -> Option<[i64; N]>,
    ) -> Self {
        let types = types.map(|one| one.split_once('/').unwrap_or((one, "count")));
        let samples = self.samples.iter().enumerate().filter_map(|(at, sample)| {
            let mut all = sample.labels.clone();
            all.extend(labels.iter().cloned());
            all.sort();
            all.dedup();
            Some(Sample { stack: sample.stack.clone(), values: values(at)?.to_vec(), labels: all })
        });
        let samples = samples.collect();
        let mut meta = self.meta.clone();
        meta.default_sample_type = types.last().map(|(kind, _)| (*kind).to_owned()).unwrap_or_default();
        let sample_types = types.into_iter().map(|(kind, unit)| ValueType::new(kind, unit)).collect();
        Self { meta, sample_types, samples, ..self.clone() }
    }

    /// Keeps the samples for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Sample) -> bool) {
        self.samples.retain(keep);
    }

    /// Adds a label to every sample.
    pub fn label(&mut self, label: &Label) {
        for sample in &mut self.samples {
            let at = sample.labels.partition_point(|other| other <= label);
            sample.labels.insert(at, label.clone());
        }
    }

    /// The coverage that the comments carry.
    pub fn coverage(&self) -> Option<Coverage> {
        self.meta.coverage()
    }
}

#[cfg(test)]
mod tests;
