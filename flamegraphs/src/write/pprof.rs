//! Gzipped `profile.proto`, as `go tool pprof` and every viewer of pprof files reads it.

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};
use prost::Message;

use crate::profile::{LabelValue, Line, Location, LocationId, Profile, ValueType};
use crate::proto;

/// A profile as a gzipped `profile.proto`. Equal profiles give equal bytes.
pub fn pprof(profile: &Profile) -> Vec<u8> {
    // No time and no name in the header: equal profiles give equal files.
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    gzip.write_all(&pprof_raw(profile)).expect("a Vec takes every write");
    gzip.finish().expect("a Vec takes every write")
}

/// A profile as `profile.proto` without compression.
pub fn pprof_raw(profile: &Profile) -> Vec<u8> {
    message(profile).encode_to_vec()
}

/// The string table; position 0 is the empty string.
#[derive(Default)]
struct Strings<'a>(Vec<Vec<u8>>, HashMap<&'a str, i64>);

impl<'a> Strings<'a> {
    fn id(&mut self, text: &'a str) -> i64 {
        *self.1.entry(text).or_insert_with(|| {
            self.0.push(text.as_bytes().to_vec());
            self.0.len() as i64 - 1
        })
    }

    fn value_type(&mut self, value_type: &'a ValueType) -> proto::ValueType {
        proto::ValueType { kind: self.id(&value_type.kind), unit: self.id(&value_type.unit) }
    }
}

/// Ids in the file start at 1, 0 is "none".
fn id(position: usize) -> u64 {
    position as u64 + 1
}

fn message(profile: &Profile) -> proto::Profile {
    let mut strings = Strings::default();
    strings.id("");
    let meta = &profile.meta;
    proto::Profile {
        sample_type: profile.sample_types().iter().map(|one| strings.value_type(one)).collect(),
        sample: profile.samples().iter().map(|one| sample(one, &mut strings)).collect(),
        mapping: mappings(profile, &mut strings),
        location: profile.locations().iter().enumerate().map(|(at, one)| location(at, one)).collect(),
        function: functions(profile, &mut strings),
        drop_frames: strings.id(&meta.drop_frames),
        keep_frames: strings.id(&meta.keep_frames),
        time_nanos: meta.time_nanos,
        duration_nanos: meta.duration_nanos,
        period_type: meta.period_type.as_ref().map(|one| strings.value_type(one)),
        period: meta.period,
        comment: meta.comments.iter().map(|comment| strings.id(comment)).collect(),
        default_sample_type: strings.id(&meta.default_sample_type),
        doc_url: strings.id(&meta.doc_url),
        // Last: by now every text has its position.
        string_table: strings.0,
    }
}

fn sample<'a>(sample: &'a crate::profile::Sample, strings: &mut Strings<'a>) -> proto::Sample {
    let labels = sample.labels.iter().map(|label| {
        let key = strings.id(&label.key);
        match &label.value {
            LabelValue::Text(text) => proto::Label { key, str: strings.id(text), ..Default::default() },
            LabelValue::Number { value, unit } => {
                proto::Label { key, num: value.get(), num_unit: strings.id(unit), ..Default::default() }
            }
        }
    });
    proto::Sample {
        label: labels.collect(),
        location_id: sample.stack.iter().map(|at: &LocationId| id(at.index())).collect(),
        value: sample.values.clone(),
    }
}

fn location(at: usize, location: &Location) -> proto::Location {
    let line =
        |line: &Line| proto::Line { function_id: id(line.function.index()), line: line.line, column: line.column };
    proto::Location {
        id: id(at),
        mapping_id: location.mapping.map_or(0, |mapping| id(mapping.index())),
        address: location.address,
        line: location.lines.iter().map(line).collect(),
        is_folded: location.is_folded,
    }
}

fn mappings<'a>(profile: &'a Profile, strings: &mut Strings<'a>) -> Vec<proto::Mapping> {
    let one = |(at, mapping): (usize, &'a crate::profile::Mapping)| proto::Mapping {
        id: id(at),
        memory_start: mapping.start,
        memory_limit: mapping.limit,
        file_offset: mapping.offset,
        filename: strings.id(&mapping.file),
        build_id: strings.id(&mapping.build_id),
        has_functions: mapping.symbols.functions,
        has_filenames: mapping.symbols.files,
        has_line_numbers: mapping.symbols.lines,
        has_inline_frames: mapping.symbols.inlined,
    };
    profile.mappings().iter().enumerate().map(one).collect()
}

fn functions<'a>(profile: &'a Profile, strings: &mut Strings<'a>) -> Vec<proto::Function> {
    let one = |(at, function): (usize, &'a crate::profile::Function)| proto::Function {
        id: id(at),
        name: strings.id(&function.name),
        system_name: strings.id(&function.system_name),
        filename: strings.id(&function.file),
        start_line: function.start_line,
    };
    profile.functions().iter().enumerate().map(one).collect()
}
