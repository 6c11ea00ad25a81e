//! The machine-readable result.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::text::is_invisible;
use crate::run::{AllocatorRecord, RunSummary, SiteRecord};

/// The whole summary as one pretty-printed JSON document, ending in a newline.
///
/// Names are those of [`RunSummary`], units SI. Characters that would drive a terminal or reorder text appear as
/// `\uXXXX`; a parser returns them unchanged. Numbers that JSON cannot hold (NaN, infinities) become `null`.
pub fn document(summary: &RunSummary) -> String {
    pretty(summary)
}

/// Tasks by spawn site, of every variant whose tasks were to be recorded; `missing` says why there are none.
pub fn tasks(summary: &RunSummary, tasks: &BTreeMap<String, Vec<SiteRecord>>) -> String {
    let gathered = summary.profiles.iter().filter(|profile| profile.kind == "tasks");
    pretty(&Tasks {
        format: summary.format,
        run: &summary.run,
        tasks: gathered
            .map(|profile| VariantTasks {
                variant: &profile.variant,
                missing: profile.missing.as_deref(),
                sites: tasks.get(&profile.variant).map(Vec::as_slice).unwrap_or_default(),
            })
            .collect(),
    })
}

/// What the allocator held over time, of every variant whose allocator was to be recorded; `missing` says why there is
/// nothing, `notable` what stands out.
pub fn allocator(summary: &RunSummary, records: &BTreeMap<String, AllocatorRecord>) -> String {
    let gathered = summary.profiles.iter().filter(|profile| profile.kind == "allocator");
    pretty(&Allocators {
        format: summary.format,
        run: &summary.run,
        allocator: gathered
            .map(|profile| VariantAllocator {
                variant: &profile.variant,
                missing: profile.missing.as_deref(),
                notable: records.get(&profile.variant).map(super::allocator::notable).unwrap_or_default(),
                recorded: records.get(&profile.variant),
            })
            .collect(),
    })
}

#[derive(Serialize)]
struct Allocators<'a> {
    format: u32,
    run: &'a str,
    allocator: Vec<VariantAllocator<'a>>,
}

#[derive(Serialize)]
struct VariantAllocator<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    notable: Vec<String>,
    recorded: Option<&'a AllocatorRecord>,
}

#[derive(Serialize)]
struct Tasks<'a> {
    format: u32,
    run: &'a str,
    tasks: Vec<VariantTasks<'a>>,
}

#[derive(Serialize)]
struct VariantTasks<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    sites: &'a [SiteRecord],
}

fn pretty(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Visible(PrettyFormatter::new()));
    value.serialize(&mut serializer).expect("writing to memory succeeds and every map of a summary has text keys");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// [`PrettyFormatter`] that escapes what [`is_invisible`] names.
struct Visible(PrettyFormatter<'static>);

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut start = 0;
        for (index, character) in fragment.char_indices().filter(|(_, c)| is_invisible(*c)) {
            writer.write_all(&fragment.as_bytes()[start..index])?;
            let mut units = [0u16; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            start = index + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
