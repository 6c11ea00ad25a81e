//! Evidence that a program gives when asked: any server of `/debug/pprof`, Go's or ours.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context;
use flamegraphs::profile::Sample;
use flamegraphs::{Coverage, Profile};
use reports::run::store::Store;
use reports::run::writer::RunWriter;
use reports::run::{Attached, AttachedProfile, Origin, RunSummary};

use super::address::Address;
use super::fetch::{Fetched, FetchedProfile, Server};
use super::{figures, goroutines, hot, profiles, run, sites};
use crate::evidence::{self, wait::WaitRecord};
use crate::exit::Refusal;
use crate::subject::outside::{KernelFigures, Sampler};

/// Order in which profiles are shown.
const ORDER: &[&str] = &["cpu", "mutex", "block", "goroutineleak", "goroutine", "heap", "allocs", "threadcreate"];

/// Asks a server for all it has and keeps it as a run.
///
/// # Errors
/// A [`Refusal`] where there is no such server; files that cannot be written.
pub(super) fn attach(
    address: Address,
    span: Duration,
    hz: u32,
    stop: &Arc<AtomicBool>,
    store: &Store,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<RunSummary> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let server = runtime.block_on(Server::find(address)).map_err(Refusal::usage)?;
    let program = if server.program.is_empty() { server.address.host.clone() } else { server.program.clone() };
    let seconds = span.as_secs().max(1);
    say(&format!("asking {program} at {} for {seconds} s; Ctrl-C keeps what came until then", server.address.url()));
    let mut origin = Origin { pid: server.pid, url: Some(server.address.url()), program, build_id: String::new() };
    let mut writer = run::open(store, &origin)?;
    let began = Instant::now();
    // A server of this machine is a process whose figures the kernel has.
    let reader = server.pid.map(Sampler::start);
    let fetched = runtime.block_on(server.fetch(Duration::from_secs(seconds), hz, stop));
    let wall_s = began.elapsed().as_secs_f64();
    let mut seen = keep(&mut writer, &server, &mut origin, &fetched, wall_s)?;
    if let Some(reader) = reader {
        seen.profiles.push(counted(&mut writer, &origin.program, reader));
    }
    run::conclude(writer, &seen)
}

/// Keeps what the kernel counted of the process; where its threads wait is not asked for.
fn counted(writer: &mut RunWriter, program: &str, reader: std::io::Result<Sampler>) -> AttachedProfile {
    let figures = match reader {
        Ok(reader) => reader.stop(),
        Err(error) => KernelFigures::none(&format!("no thread could be started to read them ({error})")),
    };
    let because =
        "a server that is asked tells nothing of its threads: attach to its number for that; the kernel's figures \
                   are below"
            .to_owned();
    let record =
        WaitRecord { recording: Err(because.clone()), figures, open_started_ns: None, operations: 0, goroutines: None };
    // The figures are written before it is said that there is no more.
    let because = evidence::wait::write(writer, program, &record).err().map_or(because, |error| format!("{error:#}"));
    profiles::missing("wait", because)
}

fn keep(
    writer: &mut RunWriter,
    server: &Server,
    origin: &mut Origin,
    fetched: &Fetched,
    wall_s: f64,
) -> anyhow::Result<Attached> {
    let mut kept = Vec::new();
    let mut notes = Vec::new();
    for one in &fetched.profiles {
        let profile = parse(one, fetched.mutex_fraction);
        match &profile {
            Ok(profile) => {
                if let Some(build_id) = profile.mappings().first().map(|mapping| &mapping.build_id) {
                    origin.build_id.clone_from(build_id);
                }
                if one.kind == "goroutine" && server.ours {
                    writer.tasks(&origin.program, &sites::of(profile))?;
                }
                if one.kind == "cpu" {
                    let told = |sample: &Sample| !hot::is_asking(profile, sample);
                    writer.samples(
                        &origin.program,
                        &evidence::samples::of_profile(profile, &source(one, profile), told),
                    )?;
                }
                let bytes = one.came.as_ref().map(|answer| answer.body.as_slice()).unwrap_or_default();
                // As it came, unless what it covers was learned here.
                let packed = bytes.starts_with(&[0x1f, 0x8b]) && one.used_s.is_none();
                let rewritten = if packed { Vec::new() } else { flamegraphs::write::pprof(profile) };
                let bytes = if packed { bytes } else { &rewritten };
                kept.push(profiles::keep(writer, &origin.program, &one.kind, profile, bytes, source(one, profile))?);
            }
            Err(because) => {
                let because = match &one.came {
                    // What came is no profile: whoever has to find out why wants to see it.
                    Ok(answer) if !answer.body.is_empty() && !because.starts_with(EMPTY) => {
                        let file = format!("{}.bin", profiles::slug(&one.kind));
                        let path = writer.evidence(&origin.program, &file, &answer.body)?;
                        format!("{because}; the {} bytes that came are kept in {path}", answer.body.len())
                    }
                    _ => because.clone(),
                };
                kept.push(profiles::missing(&one.kind, because));
            }
        }
    }
    if !server.ours && !kept.iter().any(|one| one.kind == "goroutineleak") {
        kept.push(profiles::missing("goroutineleak", "this program's Go does not have it (Go 1.27 does)"));
    }
    kept.sort_by_key(|one| ORDER.iter().position(|kind| *kind == one.kind).unwrap_or(ORDER.len()));
    if kept.iter().any(|one| one.kind == "goroutineleak" && one.missing.is_none()) {
        notes.push(
            "finding leaked goroutines made the program collect its garbage once more than it would have".to_owned(),
        );
    }
    if !server.address.is_local() {
        notes.push("the host below is that of this workbench; the program runs on another".to_owned());
    }
    let dump = fetched
        .dump
        .as_ref()
        .ok()
        .and_then(|answer| goroutines::parse(&String::from_utf8_lossy(&answer.body), answer.cut));
    if let (None, Err(because), false) = (&dump, &fetched.dump, server.ours) {
        notes.push(format!("goroutines by state: n/a, because {because}"));
    }
    Ok(Attached {
        format: reports::run::FORMAT,
        origin: origin.clone(),
        wall_s,
        ended: false,
        notes,
        profiles: kept,
        threads: Vec::new(),
        goroutines: dump,
        figures: figures_of(fetched),
    })
}

/// What a reason begins with where there was a profile, but nothing in it.
const EMPTY: &str = "it is empty";

/// The profile, or why there is none to show.
fn parse(one: &FetchedProfile, mutex_fraction: Option<u64>) -> Result<Profile, String> {
    let answer = one.came.as_ref().map_err(Clone::clone)?;
    if answer.cut {
        return Err(format!("{} is longer than {} MiB", one.path, answer.body.len() >> 20));
    }
    let mut profile = flamegraphs::read::pprof(&answer.body).map_err(|error| match answer.content_type.as_str() {
        kind if kind.contains("html") => format!("{} answered with a page, not a profile", one.path),
        _ => format!("what {} answered is no profile: {error}", one.path),
    })?;
    if profile.samples().is_empty() {
        return Err(format!("{EMPTY}: {}", emptiness(&one.kind, mutex_fraction)));
    }
    if let Some((kernel_cpu_s, sampled)) = one.used_s.zip(profile.type_index("cpu").and_then(|at| profile.total(at)))
        && profile.coverage().is_none()
    {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
        let sampled_cpu_s = sampled as f64 / 1e9;
        let samples = profile.total(0).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        profile.meta.set_coverage(&Coverage { sampled_cpu_s, kernel_cpu_s, samples, lost: 0 });
    }
    Ok(profile)
}

/// Why a profile of that kind has no samples, and what would change it.
fn emptiness(kind: &str, mutex_fraction: Option<u64>) -> &'static str {
    match kind {
        "cpu" => "the program used no CPU",
        "block" => {
            "nothing blocked, or block profiles are off, as they are unless the program calls \
             `runtime.SetBlockProfileRate(10000)`"
        }
        "mutex" if mutex_fraction == Some(0) => {
            "mutex profiles are off: a call of `runtime.SetMutexProfileFraction(5)` in the program turns them on"
        }
        "mutex" if mutex_fraction.is_some() => "no lock was contended",
        "mutex" => {
            "no lock was contended, or mutex profiles are off (`runtime.SetMutexProfileFraction(5)` turns them on)"
        }
        "goroutineleak" => "no goroutine is leaked",
        "heap" | "allocs" => "nothing was sampled: too little was allocated, or `runtime.MemProfileRate` is 0",
        _ => "there is nothing to tell",
    }
}

fn source(one: &FetchedProfile, profile: &Profile) -> String {
    let name = one.path.split('?').next().unwrap_or(&one.path);
    #[allow(clippy::cast_precision_loss, reason = "a sampling period")]
    let rate = match (one.kind.as_str(), profile.meta.period) {
        ("cpu", period) if period > 0 => format!(", {:.0} Hz in the process", 1e9 / period as f64),
        ("heap" | "allocs", period) if period > 1 => format!(", one byte in {period}"),
        _ => String::new(),
    };
    let unknown = if one.kind == "cpu" && profile.coverage().is_none() {
        "; coverage unknown, since its process cannot be seen from here"
    } else {
        ""
    };
    format!("{name} {}{rate}{unknown}", one.span)
}

/// Our document where there is one, else Go's, else Prometheus' text.
fn figures_of(fetched: &Fetched) -> Vec<reports::run::Figure> {
    let ours = fetched.metrics_json.as_ref().ok().and_then(|answer| figures::metrics_json(&answer.body).ok());
    if let Some(ours) = ours.filter(|figures| !figures.is_empty()) {
        return ours;
    }
    let text = |came: &super::fetch::Came| {
        came.as_ref().map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default()
    };
    let mut all = figures::memstats(&text(&fetched.memstats));
    all.extend(figures::prometheus(&text(&fetched.metrics)));
    all
}
