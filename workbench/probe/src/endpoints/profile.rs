//! `/debug/pprof/profile`: CPU of this process, as a gzipped `profile.proto`.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flamegraphs::profile::{BuildError, Builder, Frame, Label, Mapping, Profile, Symbols, ValueType};
use flamegraphs::{Coverage, names};

use super::connection::Connection;
use super::request::Request;
use super::response::{Response, Status};
use crate::cpu::{self, CpuProfile, MOST_HZ, Profiler};

/// Length unless asked for, seconds (Go's).
const DEFAULT_S: u64 = 30;
/// Longest profile, seconds: the tables of the sampler are bounded.
const MOST_S: u64 = 600;
/// Name of the file that browsers save.
const FILE: &str = "profile";

/// Held while a profile is taken **and** resolved: reading debug information takes memory that two must not take.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Takes a profile of the length asked for.
///
/// # Errors
/// The client hung up meanwhile.
pub(super) fn answer(request: &Request, connection: &Connection<'_>) -> io::Result<Response> {
    let seconds = match seconds(request.query("seconds")) {
        Ok(seconds) => seconds,
        Err(refusal) => return Ok(Response::refusal(Status::BadRequest, refusal)),
    };
    if request.method == "HEAD" {
        return Ok(Response::file_header(FILE));
    }
    let in_use = |reason: &dyn std::fmt::Display| {
        // Go's words, which people search for.
        Ok(Response::refusal(Status::Failed, format!("Could not enable CPU profiling: {reason}")))
    };
    let Ok(_one) = ONE_AT_A_TIME.try_lock() else {
        return in_use(&"cpu profiling already in use (one profile at a time)");
    };
    let began = SystemTime::now();
    let profiler = match Profiler::start(MOST_HZ) {
        Ok(profiler) => profiler,
        Err(error) => return in_use(&error),
    };
    connection.wait(Duration::from_secs(seconds))?;
    let profile = profiler
        .stop()
        .map_err(|e| e.to_string())
        .and_then(|recorded| convert(&recorded, began).map_err(|e| e.to_string()));
    Ok(match profile {
        Ok(profile) => Response::file(FILE, flamegraphs::write::pprof(&profile)),
        Err(reason) => Response::refusal(Status::Failed, format!("The profile could not be made: {reason}")),
    })
}

/// Whole seconds; Go takes its default for anything odd, which hides typing errors.
fn seconds(asked: Option<&str>) -> Result<u64, String> {
    let Some(asked) = asked else { return Ok(DEFAULT_S) };
    let seconds = asked.parse().ok().filter(|seconds| (1..=MOST_S).contains(seconds));
    seconds.ok_or_else(|| format!("seconds={asked}: a whole number from 1 to {MOST_S} is needed"))
}

/// Every frame kept, with addresses and inlined functions. A process that used no CPU gives a profile without samples.
fn convert(recorded: &CpuProfile, began: SystemTime) -> Result<Profile, BuildError> {
    let period = 1_000_000_000 / i64::from(recorded.hz.max(1));
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    for mapping in &recorded.mappings {
        builder.mapping(mapped(mapping, recorded));
    }
    for sample in &recorded.samples {
        // Unwinders end a stack with address 0, which is no frame.
        let frames = sample.frames.iter().filter(|frame| frame.address != 0);
        let stack: Vec<_> = frames.map(|frame| location(&mut builder, frame)).collect();
        let count = i64::try_from(sample.count).unwrap_or(i64::MAX);
        builder.sample(&stack, &[count, count.saturating_mul(period)], &[Label::text("thread", &sample.thread)])?;
    }
    let samples: u64 = recorded.samples.iter().map(|sample| sample.count).sum();
    let meta = builder.meta();
    meta.default_sample_type = "cpu".to_owned();
    meta.drop_frames = names::DROP_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
    meta.period = period;
    let since_epoch = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    meta.time_nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(0);
    meta.duration_nanos = i64::try_from(Duration::from_secs_f64(recorded.wall_s.max(0.0)).as_nanos()).unwrap_or(0);
    meta.comments.push(format!("sampler: pprof at {} Hz in the process", recorded.hz));
    #[allow(clippy::cast_precision_loss, reason = "at most 99 a second and CPU")]
    let sampled_cpu_s = samples as f64 / f64::from(recorded.hz.max(1));
    meta.set_coverage(&Coverage { sampled_cpu_s, kernel_cpu_s: recorded.kernel_cpu_s, samples, lost: 0 });
    Ok(builder.finish())
}

fn mapped(mapping: &cpu::Mapping, recorded: &CpuProfile) -> Mapping {
    // The executable is mapped first; only its build id is known.
    let executable = recorded.mappings.first().is_some_and(|first| first.path == mapping.path);
    Mapping {
        start: mapping.start,
        limit: mapping.end,
        offset: mapping.offset,
        file: mapping.path.clone(),
        build_id: recorded.build_id.clone().filter(|_| executable).unwrap_or_default(),
        symbols: Symbols::ALL,
    }
}

fn location(builder: &mut Builder, frame: &cpu::Frame) -> flamegraphs::profile::LocationId {
    let file = |symbol: &cpu::Symbol| symbol.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let files: Vec<String> = frame.symbols.iter().map(file).collect();
    let lines: Vec<Frame<'_>> = frame
        .symbols
        .iter()
        .zip(&files)
        .map(|(symbol, file)| Frame {
            function: &symbol.name,
            system_name: "",
            file,
            line: symbol.line.map_or(0, i64::from),
        })
        .collect();
    builder.location(frame.address, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_whole_seconds_within_bounds() {
        assert_eq!((seconds(None), seconds(Some("1")), seconds(Some("600"))), (Ok(30), Ok(1), Ok(600)));
        for odd in ["", "0", "-1", "601", "1.5", "x", "99999999999999999999"] {
            assert!(seconds(Some(odd)).is_err_and(|text| text.contains("from 1 to 600")), "{odd}");
        }
    }

    #[test]
    fn an_idle_process_gives_a_profile_without_samples() {
        let idle =
            CpuProfile { hz: 99, wall_s: 1.0, kernel_cpu_s: 0.0, samples: vec![], build_id: None, mappings: vec![] };
        let profile = convert(&idle, UNIX_EPOCH + Duration::from_nanos(7)).unwrap();
        let read = flamegraphs::read::pprof(&flamegraphs::write::pprof(&profile)).unwrap();
        assert_eq!((read.samples().len(), read.meta.time_nanos, read.meta.duration_nanos), (0, 7, 1_000_000_000));
    }

    #[test]
    fn the_build_id_belongs_to_the_executable_alone() {
        let mapping = |path: &str, start| cpu::Mapping { path: path.into(), start, end: start + 0x1000, offset: 0 };
        let frame = |address| cpu::Frame { address, symbols: vec![] };
        let recorded = CpuProfile {
            hz: 99,
            wall_s: 1.0,
            kernel_cpu_s: 0.02,
            samples: vec![cpu::Sample { thread: "t".into(), frames: [0x9010, 0x1010, 0].map(frame).into(), count: 2 }],
            build_id: Some("abcd".into()),
            mappings: vec![mapping("/bin/app", 0x1000), mapping("/lib/libc.so", 0x9000)],
        };
        let profile = convert(&recorded, UNIX_EPOCH).unwrap();
        let ids: Vec<&str> = profile.mappings().iter().map(|mapping| mapping.build_id.as_str()).collect();
        assert_eq!(ids, ["abcd", ""]);
        let sample = &profile.samples()[0];
        assert_eq!((sample.stack.len(), sample.values.as_slice()), (2, [2, 20_202_020].as_slice()));
        let coverage = profile.coverage().unwrap();
        assert_eq!((coverage.samples, coverage.lost), (2, 0));
    }
}
