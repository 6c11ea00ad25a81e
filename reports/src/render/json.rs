//! The machine-readable result.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::console::gathered;
use super::text::is_invisible;
use crate::console::{Agreement, Observation, ResourceGroup, TaskSite, View};
use crate::run::{
    AllocatorRecord, Breach, BreachEvidence, FORMAT, KernelRecord, MetricValue, Movers, RunSummary, SiteRecord, Stalls,
    ThreadsRecord, Trace, TraceCase, TraceHead, TraceInstead, TraceKind, TraceTask, TraceWait, TraceWaker,
    WaitEvidence,
};

/// JSON Schema of [`document`].
pub const SCHEMA: &str = include_str!("schema/run.json");

/// The whole summary as one pretty-printed JSON document, ending in a newline.
///
/// Names are those of [`RunSummary`], units SI. Characters that would drive a terminal or reorder text appear as
/// `\uXXXX`; a parser returns them unchanged. Numbers that JSON cannot hold (NaN, infinities) become `null`.
pub fn document(summary: &RunSummary) -> String {
    pretty(summary)
}

/// Findings and all that belongs to them.
pub fn explanation(summary: &RunSummary) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        run: &'a str,
        findings: &'a [crate::findings::Finding],
        undecided: &'a [crate::findings::Undecided],
        ruled_out: &'a [crate::findings::RuledOut],
        unused: &'a [crate::findings::Unused],
        blame: &'a [crate::run::Blame],
    }
    let RunSummary { format, run, findings, undecided, ruled_out, unused, blame, .. } = summary;
    pretty(&Document { format: *format, run, findings, undecided, ruled_out, unused, blame })
}

/// Tasks by spawn site, of every variant whose tasks were to be recorded, by our hooks (`tasks`) or by tokio-console
/// (`console`) or from outside (`trace`), and stalls; `missing` says why there are none.
pub fn tasks(
    summary: &RunSummary,
    tasks: &BTreeMap<String, Vec<SiteRecord>>,
    stalls: &BTreeMap<String, Stalls>,
    console: &BTreeMap<String, View>,
    traces: &BTreeMap<String, Trace>,
) -> String {
    let gathered = summary.profiles.iter().filter(|profile| profile.kind == "tasks");
    pretty(&Tasks {
        format: summary.format,
        run: &summary.run,
        tasks: gathered
            .map(|profile| VariantTasks {
                variant: &profile.variant,
                missing: profile.missing.as_deref(),
                sites: tasks.get(&profile.variant).map(Vec::as_slice).unwrap_or_default(),
                stalls: stalls.get(&profile.variant),
            })
            .collect(),
        console: recordings(summary, console, Table::Sites),
        trace: summary
            .profiles
            .iter()
            .filter(|profile| profile.kind == "trace")
            .map(|profile| VariantTrace {
                variant: &profile.variant,
                missing: profile.missing.as_deref(),
                trace: traces.get(&profile.variant).map(TraceDocument::of),
            })
            .collect(),
    })
}

/// Resources and who waited on them, of every variant that was to be recorded; `missing` says why there are none.
pub fn resources(summary: &RunSummary, console: &BTreeMap<String, View>) -> String {
    pretty(&Resources {
        format: summary.format,
        run: &summary.run,
        console: recordings(summary, console, Table::Resources),
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

/// What moved between variants: `{format, run, movers: […]}`, as in the summary.
pub fn movers(summary: &RunSummary) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        run: &'a str,
        movers: &'a [Movers],
    }
    pretty(&Document { format: summary.format, run: &summary.run, movers: &summary.movers })
}

/// What ran while each variant was late: `{format, run, breach: [{variant, …}]}`, as in `breach.json`.
pub fn breach(run: &str, seen: &BTreeMap<String, BreachEvidence>) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        run: &'a str,
        breach: Vec<Variant<'a>>,
    }
    #[derive(Serialize)]
    struct Variant<'a> {
        variant: &'a str,
        record: &'a Breach,
    }
    let variants = seen.iter().map(|(variant, seen)| Variant { variant, record: &seen.record });
    pretty(&Document { format: FORMAT, run, breach: variants.collect() })
}

/// Waits seen from outside of every variant whose waits were to be recorded: `{format, run, waits: [{variant, missing,
/// threads, kernel}]}`.
pub fn waits(summary: &RunSummary, seen: &BTreeMap<String, WaitEvidence>) -> String {
    let gathered = summary.profiles.iter().filter(|profile| profile.kind == "wait");
    pretty(&Waits {
        format: summary.format,
        run: &summary.run,
        waits: gathered
            .map(|profile| VariantWaits {
                variant: &profile.variant,
                missing: profile.missing.as_deref(),
                threads: seen.get(&profile.variant).and_then(|seen| seen.threads.as_ref()),
                kernel: seen.get(&profile.variant).and_then(|seen| seen.kernel.as_ref()),
                figures: &profile.figures,
            })
            .collect(),
    })
}

#[derive(Serialize)]
struct Waits<'a> {
    format: u32,
    run: &'a str,
    waits: Vec<VariantWaits<'a>>,
}

#[derive(Serialize)]
struct VariantWaits<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    threads: Option<&'a ThreadsRecord>,
    kernel: Option<&'a KernelRecord>,
    figures: &'a BTreeMap<String, MetricValue>,
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
    console: Vec<Recorded<'a>>,
    trace: Vec<VariantTrace<'a>>,
}

#[derive(Serialize)]
struct VariantTrace<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    trace: Option<TraceDocument<'a>>,
}

#[derive(Serialize)]
struct TraceDocument<'a> {
    head: &'a TraceHead,
    doubts: Vec<String>,
    kinds: &'a [TraceKind],
    waits: &'a [TraceWait],
    wakers: &'a [TraceWaker],
    instead: &'a [TraceInstead],
    cases: Vec<TraceBlame<'a>>,
    tasks: &'a [TraceTask],
}

#[derive(Serialize)]
struct TraceBlame<'a> {
    sentence: String,
    case: &'a TraceCase,
}

impl<'a> TraceDocument<'a> {
    fn of(trace: &'a Trace) -> Self {
        Self {
            head: &trace.head,
            doubts: trace.head.doubts(),
            kinds: &trace.kinds,
            waits: &trace.waits,
            wakers: &trace.wakers,
            instead: &trace.instead,
            cases: trace.cases.iter().map(|case| TraceBlame { sentence: case.sentence(), case }).collect(),
            tasks: &trace.tasks,
        }
    }
}

#[derive(Serialize)]
struct Resources<'a> {
    format: u32,
    run: &'a str,
    console: Vec<Recorded<'a>>,
}

/// Which of the two tables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Sites,
    Resources,
}

fn recordings<'a>(summary: &'a RunSummary, views: &'a BTreeMap<String, View>, table: Table) -> Vec<Recorded<'a>> {
    let recorded = |profile: &'a crate::run::ProfileSummary| {
        let view = views.get(&profile.variant).filter(|_| profile.missing.is_none());
        let gone = view.is_none().then_some("its file is not there");
        Recorded {
            variant: &profile.variant,
            missing: profile.missing.as_deref().or(gone),
            at_s: view.map(|view| view.at_s),
            length_s: view.map(|view| view.length_s),
            doubts: view.map(|view| view.doubts.as_slice()).unwrap_or_default(),
            agreement: view.map(|view| &view.agreement),
            observations: view.map(|view| view.observations.as_slice()).unwrap_or_default(),
            sites: view.filter(|_| table == Table::Sites).map(|view| view.sites.as_slice()),
            resources: view.filter(|_| table == Table::Resources).map(|view| view.resources.as_slice()),
        }
    };
    gathered(summary).map(recorded).collect()
}

/// One variant's recording of tokio-console.
#[derive(Serialize)]
struct Recorded<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    at_s: Option<f64>,
    length_s: Option<f64>,
    doubts: &'a [String],
    agreement: Option<&'a Agreement>,
    observations: &'a [Observation],
    #[serde(skip_serializing_if = "Option::is_none")]
    sites: Option<&'a [TaskSite]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<&'a [ResourceGroup]>,
}

#[derive(Serialize)]
struct VariantTasks<'a> {
    variant: &'a str,
    missing: Option<&'a str>,
    sites: &'a [SiteRecord],
    stalls: Option<&'a Stalls>,
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
