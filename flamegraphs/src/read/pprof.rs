//! `profile.proto`, gzipped or not, strictly.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::num::NonZeroI64;

use flate2::read::MultiGzDecoder;
use prost::Message;

use crate::profile::{
    BuildError, Builder, Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId,
    Profile, Symbols, ValueType,
};
use crate::proto;

/// Uncompressed profiles beyond this are refused: a few kilobytes of gzip can hold gigabytes. Real ones have 0.1–50 MiB.
pub const MAX_BYTES: u64 = 256 << 20;

/// Why bytes are not a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PprofError {
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// The gzip stream ends too early.
    #[error("the gzip stream is cut off")]
    Truncated,
    /// The gzip stream is broken.
    #[error("the gzip stream is damaged: {0}")]
    Gzip(String),
    /// More than [`MAX_BYTES`].
    #[error("the profile is larger than {} MiB uncompressed", MAX_BYTES >> 20)]
    TooLarge,
    /// Not the protobuf message.
    #[error("not a pprof profile: {0}")]
    Protobuf(String),
    /// The string table does not begin with an empty text.
    #[error("the string table does not begin with the empty string")]
    StringTable,
    /// A text that is not in the table.
    #[error("{field} refers to string {index}, the table has {strings}")]
    String {
        /// Field of the message.
        field: &'static str,
        /// Position referred to.
        index: i64,
        /// Entries of the table.
        strings: usize,
    },
    /// An entry with id 0, which stands for "none".
    #[error("a {kind} has the reserved id 0")]
    ZeroId {
        /// `function`, `mapping` or `location`.
        kind: &'static str,
    },
    /// Two entries with one id.
    #[error("two {kind}s have the id {id}")]
    DuplicateId {
        /// `function`, `mapping` or `location`.
        kind: &'static str,
        /// Id.
        id: u64,
    },
    /// An entry that is not there.
    #[error("{field} refers to the {kind} {id}, which is not in the file")]
    UnknownId {
        /// Who refers.
        field: &'static str,
        /// `function`, `mapping` or `location`.
        kind: &'static str,
        /// Id.
        id: u64,
    },
    /// Samples whose values have no meaning.
    #[error("there are samples but no sample types")]
    NoSampleTypes,
    /// A sample that does not fit.
    #[error("sample {position}: {reason}")]
    Sample {
        /// 1-based.
        position: usize,
        /// What is wrong.
        reason: BuildError,
    },
}

/// Reads a profile, gzipped or raw.
///
/// Equal samples are added up and labels sorted; numeric labels of value 0 read as absent, as Go's reader has them.
/// Texts that are not UTF-8 get replacement characters.
///
/// # Errors
/// On anything that is not a whole, consistent profile of at most [`MAX_BYTES`].
pub fn pprof(bytes: &[u8]) -> Result<Profile, PprofError> {
    within(bytes, MAX_BYTES)
}

/// [`pprof`] with another limit.
fn within(bytes: &[u8], limit: u64) -> Result<Profile, PprofError> {
    if bytes.is_empty() {
        return Err(PprofError::Empty);
    }
    let unpacked;
    let raw = if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked = unpack(bytes, limit)?;
        unpacked.as_slice()
    } else {
        bytes
    };
    match raw.len() as u64 {
        0 => Err(PprofError::Empty),
        size if size > limit => Err(PprofError::TooLarge),
        _ => {
            let message = proto::Profile::decode(raw).map_err(|error| PprofError::Protobuf(error.to_string()))?;
            Reader::new(&message)?.profile(&message)
        }
    }
}

fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>, PprofError> {
    let mut raw = Vec::new();
    match MultiGzDecoder::new(bytes).take(limit + 1).read_to_end(&mut raw) {
        Ok(_) => Ok(raw),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(PprofError::Truncated),
        Err(error) => Err(PprofError::Gzip(error.to_string())),
    }
}

/// The string table, resolved.
struct Strings(Vec<String>);

impl Strings {
    fn new(table: &[Vec<u8>]) -> Result<Self, PprofError> {
        if table.first().is_none_or(|first| !first.is_empty()) {
            return Err(PprofError::StringTable);
        }
        Ok(Self(table.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()))
    }

    fn text(&self, field: &'static str, index: i64) -> Result<String, PprofError> {
        let found = usize::try_from(index).ok().and_then(|at| self.0.get(at));
        found.cloned().ok_or(PprofError::String { field, index, strings: self.0.len() })
    }

    fn value_type(&self, one: &proto::ValueType) -> Result<ValueType, PprofError> {
        Ok(ValueType { kind: self.text("value type", one.kind)?, unit: self.text("value type", one.unit)? })
    }
}

/// Ids of the file against ids of the model.
struct Ids<T> {
    kind: &'static str,
    known: HashMap<u64, T>,
}

impl<T: Copy> Ids<T> {
    fn new(kind: &'static str) -> Self {
        Self { kind, known: HashMap::new() }
    }

    fn add(&mut self, id: u64, ours: T) -> Result<(), PprofError> {
        let kind = self.kind;
        if id == 0 {
            return Err(PprofError::ZeroId { kind });
        }
        self.known.insert(id, ours).map_or(Ok(()), |_| Err(PprofError::DuplicateId { kind, id }))
    }

    fn get(&self, field: &'static str, id: u64) -> Result<T, PprofError> {
        self.known.get(&id).copied().ok_or(PprofError::UnknownId { field, kind: self.kind, id })
    }
}

struct Reader {
    strings: Strings,
    builder: Builder,
}

impl Reader {
    fn new(message: &proto::Profile) -> Result<Self, PprofError> {
        if message.sample_type.is_empty() && !message.sample.is_empty() {
            return Err(PprofError::NoSampleTypes);
        }
        let strings = Strings::new(&message.string_table)?;
        let types: Vec<ValueType> =
            message.sample_type.iter().map(|one| strings.value_type(one)).collect::<Result<_, _>>()?;
        Ok(Self { strings, builder: Builder::new(types) })
    }

    fn profile(mut self, message: &proto::Profile) -> Result<Profile, PprofError> {
        self.metadata(message)?;
        let functions = self.functions(message)?;
        let mappings = self.mappings(message)?;
        let locations = self.locations(message, &functions, &mappings)?;
        for (at, sample) in message.sample.iter().enumerate() {
            let stack: Vec<LocationId> =
                sample.location_id.iter().map(|id| locations.get("sample", *id)).collect::<Result<_, _>>()?;
            let labels = self.labels(sample)?;
            let fits = self.builder.sample(&stack, &sample.value, &labels);
            fits.map_err(|reason| PprofError::Sample { position: at + 1, reason })?;
        }
        Ok(self.builder.finish())
    }

    fn metadata(&mut self, message: &proto::Profile) -> Result<(), PprofError> {
        let (strings, meta) = (&self.strings, self.builder.meta());
        meta.default_sample_type = strings.text("default_sample_type", message.default_sample_type)?;
        meta.period_type = message.period_type.as_ref().map(|one| strings.value_type(one)).transpose()?;
        meta.period = message.period;
        meta.time_nanos = message.time_nanos;
        meta.duration_nanos = message.duration_nanos;
        meta.comments = message.comment.iter().map(|at| strings.text("comment", *at)).collect::<Result<_, _>>()?;
        meta.drop_frames = strings.text("drop_frames", message.drop_frames)?;
        meta.keep_frames = strings.text("keep_frames", message.keep_frames)?;
        meta.doc_url = strings.text("doc_url", message.doc_url)?;
        Ok(())
    }

    fn functions(&mut self, message: &proto::Profile) -> Result<Ids<FunctionId>, PprofError> {
        let mut ids = Ids::new("function");
        for one in &message.function {
            let function = Function {
                name: self.strings.text("function name", one.name)?,
                system_name: self.strings.text("function system_name", one.system_name)?,
                file: self.strings.text("function filename", one.filename)?,
                start_line: one.start_line,
            };
            ids.add(one.id, self.builder.function(function))?;
        }
        Ok(ids)
    }

    fn mappings(&mut self, message: &proto::Profile) -> Result<Ids<MappingId>, PprofError> {
        let mut ids = Ids::new("mapping");
        for one in &message.mapping {
            let mapping = Mapping {
                start: one.memory_start,
                limit: one.memory_limit,
                offset: one.file_offset,
                file: self.strings.text("mapping filename", one.filename)?,
                build_id: self.strings.text("mapping build_id", one.build_id)?,
                symbols: Symbols {
                    functions: one.has_functions,
                    files: one.has_filenames,
                    lines: one.has_line_numbers,
                    inlined: one.has_inline_frames,
                },
            };
            ids.add(one.id, self.builder.mapping(mapping))?;
        }
        Ok(ids)
    }

    fn locations(
        &mut self,
        message: &proto::Profile,
        functions: &Ids<FunctionId>,
        mappings: &Ids<MappingId>,
    ) -> Result<Ids<LocationId>, PprofError> {
        let mut ids = Ids::new("location");
        for one in &message.location {
            let line = |line: &proto::Line| {
                let function = functions.get("line", line.function_id)?;
                Ok(Line { function, line: line.line, column: line.column })
            };
            let location = Location {
                address: one.address,
                mapping: (one.mapping_id != 0).then(|| mappings.get("location", one.mapping_id)).transpose()?,
                lines: one.line.iter().map(line).collect::<Result<_, PprofError>>()?,
                is_folded: one.is_folded,
            };
            ids.add(one.id, self.builder.exact_location(location))?;
        }
        Ok(ids)
    }

    fn labels(&self, sample: &proto::Sample) -> Result<Vec<Label>, PprofError> {
        let mut labels = Vec::with_capacity(sample.label.len());
        for one in &sample.label {
            let text = self.strings.text("label", one.str)?;
            let unit = self.strings.text("label unit", one.num_unit)?;
            let value = match NonZeroI64::new(one.num) {
                _ if !text.is_empty() => LabelValue::Text(text),
                Some(value) => LabelValue::Number { value, unit },
                None => continue,
            };
            labels.push(Label { key: self.strings.text("label key", one.key)?, value });
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests;
