//! Scenario files: TOML text to [`Scenario`] and back.
//!
//! ```toml
//! name = "http-service"
//! version = 1
//! summary = "A web shop whose logins hash passwords."
//! workload = "http-service"
//! evidence = ["cpu", "wait", "trace"]   # what is gathered after the measurements, unless a command says otherwise
//!
//! [trial]                    # every key has a default
//! blocks = 12
//! warmup = "200ms"
//! saturated = "500ms"
//! ladder = "auto"            # or "off", or levels such as [1, 4, 16]: closed loops of rising concurrency
//!
//! [load]
//! arrivals = "poisson"       # poisson | constant | closed
//! rate = 1000                # the only key without a default; not needed where arrivals are closed
//! protocol = "auto"          # auto | http1 | http2 | lines
//! connection = "keep-alive"  # keep-alive | close: one connection for each request
//! tls_insecure = false       # true: take any certificate
//! tls_ca = "ca.pem"          # whom to trust besides the usual; a path from where the command runs
//!                            # in the place of `rate` and `operations`, one of
//! stages = [{ rate = 200, for = "5s" }, { from = 200, to = 800, for = "10s" }]
//! ramp = { from = 100, to = 800, for = "30s" }
//! trace = "arrivals.csv"     # t_us,op[,…]: recorded arrivals, a path from the file's folder
//! scale = 1.5                # each of them becomes so many, on average
//! burst = { size = 50, every = "1s" }   # on top of rate, stages or ramp
//!
//! [[mix]]
//! operation = "orders"
//! weight = 39
//! method = "POST"            # GET where there is no body
//! path = "/orders"
//! headers = ["x-shop: 7"]
//! body = '{"customer":"${random:1000}","lines":[{"sku":"sku-${sequence}","quantity":2}]}'
//! expect_status = 201        # 200 unless said otherwise
//! expect_body = "total"
//! background = false         # true: driven and counted, but not what latencies are about
//!
//! [[mix]]                    # beside the mix: a schedule and connections of its own, during the open loop
//! operation = "export"
//! background = true
//! rate = 20                  # operations per second, in the place of a weight
//! path = "/export"
//!
//! [[mix]]                    # over a bare connection (tcp://…): a line for a line
//! operation = "get"
//! weight = 1
//! send = "GET key-${random:100}"
//! expect = "VALUE"
//!
//! [knobs]                    # for every variant; nested tables or dotted keys
//! runtime.worker_threads = 2
//!
//! [workload_parameters]      # every parameter that may be set, with its default
//! login = "inline"
//!
//! [limits]                   # what `gate` allows: a change against the base, or a value
//! cpu_per_op = "<+3%"
//! latency.p99 = ["<+10%", "<50ms"]
//! "latency.p99[login]" = "<1s"
//! error_rate = "<=0.1%"
//!
//! [slo]                      # optional: every run says how fast it burns the error budget
//! objective = 0.9995         # part of measured operations that must be good
//! latency = "350ms"          # one answered later is bad; without it only failures are
//! window = "30d"             # what the budget is for; 30d unless said otherwise
//!
//! [[variant]]                # without any there is one, called `default`
//! name = "fixed"
//! summary = "Passwords are hashed in the blocking pool."
//! [variant.set]
//! workload.login = "pool"
//! ```
//!
//! A program that is not ours takes the place of the workload:
//!
//! ```toml
//! [subject]                  # instead of `workload`
//! command = ["./my-service", "--port", "${port}"]
//! target = "http://127.0.0.1:${port}"   # or a fixed port in both; with a path and no [[mix]], GET of that path
//! folder = "."               # where this file lies, unless said otherwise
//! env = { RUST_LOG = "warn" }
//! ready = "port"             # or "http:/health" (status 200), or "line:listening on"
//! start_timeout = "30s"
//! stop_timeout = "10s"       # from SIGTERM to SIGKILL; "0s" kills at once
//!
//! [[variant]]
//! name = "new"
//! command = ["./new-service", "--port", "${port}"]   # in the place of the subject's
//! args = ["--threads", "4"]                          # after those of the command
//! set.env.FIX = "1"
//! ```
//!
//! All problems of a file are reported at once, each with its line and column.

mod arrivals;
mod document;
mod evidence;
mod fields;
mod limits;
mod mix;
mod placeholders;
mod schema;
mod settings;
mod shape;
mod slo;
mod subject;
mod variants;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::evidence::{EVIDENCE_KINDS, evidence};
pub use self::limits::{WrittenLimit, WrittenLimits, limits};
pub use self::schema::schema;
pub use self::slo::{parse_window, window_text};
pub use self::write::to_toml;

use self::document::{Report, Section};
use crate::catalog::WorkloadKind;
use crate::problem::{Problems, listed, nearest, shown};
use crate::spec::{Arrivals, Scenario};
use crate::trace::{self, TraceError};

/// A scenario file that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("cannot read scenario file {}: {source}", path.display())]
    Io {
        /// Path as given.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file was read and is wrong.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// The file was read, and the trace that it names cannot be used.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// Reads a scenario; `file` is the name that messages give it.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn parse(file: &str, text: &str) -> Result<Scenario, Problems> {
    parse_with(file, text, None)
}

/// As [`parse`]; `workload` must also be one of `workloads`, and the mix must suit it: requests for networked
/// workloads, none for in-process ones.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn parse_for(file: &str, text: &str, workloads: &[(&str, WorkloadKind)]) -> Result<Scenario, Problems> {
    parse_with(file, text, Some(workloads))
}

/// Reads a scenario from a file, as [`parse_for`].
///
/// # Errors
/// [`ReadError`], which names the path.
pub fn read(path: &Path, workloads: &[(&str, WorkloadKind)]) -> Result<Scenario, ReadError> {
    let text = text_of(path)?;
    let mut scenario = parse_for(&path.to_string_lossy(), &text, workloads)?;
    trace::fill(&mut scenario, path.parent().unwrap_or(Path::new("")))?;
    Ok(scenario)
}

/// The text of a scenario file.
///
/// # Errors
/// [`ReadError::Io`], which names the path.
pub(crate) fn text_of(path: &Path) -> Result<String, ReadError> {
    std::fs::read_to_string(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })
}

fn parse_with(file: &str, text: &str, workloads: Option<&[(&str, WorkloadKind)]>) -> Result<Scenario, Problems> {
    let report = Report::new(text);
    let root = document::parse(&report);
    let scenario = root.as_ref().and_then(|root| scenario(&Section::root(root, &report), workloads));
    drop(root);
    match (scenario, report.into_problems()) {
        (Some(scenario), problems) if problems.is_empty() => Ok(scenario),
        (_, problems) => Err(Problems { file: file.to_owned(), source: text.to_owned(), problems }),
    }
}

const TOP: &[&str] = &[
    "name",
    "version",
    "summary",
    "workload",
    "subject",
    "trial",
    "load",
    "mix",
    "knobs",
    "workload_parameters",
    "variant",
    "limits",
    "slo",
    "evidence",
];

/// `None` where a problem was reported; reading goes on after one, so that others are found too.
fn scenario(root: &Section<'_>, workloads: Option<&[(&str, WorkloadKind)]>) -> Option<Scenario> {
    root.allow_only(TOP);
    let name = root.required("name").and_then(|field| fields::slug(&field));
    let version = root.required("version").and_then(|field| fields::integer(&field, 1, i128::from(u32::MAX)));
    let summary = root.required("summary").and_then(|field| fields::line(&field));
    // A program is driven over a socket.
    let mut kind = Some(WorkloadKind::Networked);
    let external = root.get("subject").is_some();
    let subject = subject::read(root);
    let workload = if external {
        Some(String::new())
    } else {
        workload_name(root).map(|(name, field)| {
            kind = workload_kind(&name, &field, workloads);
            name
        })
    };
    limits::read(root);
    evidence::read(root);
    let shape = shape::read(root);
    let path = subject.as_ref().and_then(|subject| subject.as_ref()?.path.as_deref());
    let mix = mix::read(root, kind, path);
    let settings = settings::shared(root, external);
    let variants = variants::read(root, &settings, external);
    let slo = slo::read(root);
    let (trial, load) = shape?;
    if load.arrivals == Arrivals::Closed && !mix::goes_with_closed_arrivals(root) {
        return None;
    }
    let (subject, variants) = (subject?.map(|subject| subject.program), variants?);
    if let Some(program) = &subject {
        let shared = settings.iter().filter(|(path, _)| path.starts_with("env.")).map(|(_, value)| value.as_str());
        if !subject::check_port(root, program, &shared.collect::<Vec<_>>(), &variants) {
            return None;
        }
    }
    Some(Scenario {
        name: name?,
        version: u32::try_from(version?).ok()?,
        summary: summary?,
        workload: workload?,
        subject,
        trial,
        load,
        mix: mix?,
        settings,
        variants,
        slo: slo?,
    })
}

fn workload_name<'a>(root: &Section<'a>) -> Option<(String, document::Field<'a>)> {
    let field = root.required("workload")?;
    Some((fields::slug(&field)?, field))
}

fn workload_kind(
    name: &str,
    field: &document::Field<'_>,
    workloads: Option<&[(&str, WorkloadKind)]>,
) -> Option<WorkloadKind> {
    let workloads = workloads?;
    let known = workloads.iter().find(|(known, _)| *known == name);
    if known.is_none() {
        let names: Vec<&str> = workloads.iter().map(|(name, _)| *name).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None if names.is_empty() => "the catalogue is empty".to_owned(),
            None => format!("there are {}", listed(&names)),
        };
        field.problem(format!("unknown workload `{}`", shown(name)), Some(help));
    }
    known.map(|(_, kind)| *kind)
}
