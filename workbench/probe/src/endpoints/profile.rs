//! `/debug/pprof/profile`: CPU of this process, as a gzipped `profile.proto`.

use std::io;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flamegraphs::profile::{BuildError, Builder, Label, Profile, ValueType};
use flamegraphs::{Coverage, names};

use super::connection::Connection;
use super::frames;
use super::request::Request;
use super::response::{Response, Status};
use crate::cpu::{Backend, CpuProfile, Profiler};

/// Length unless asked for, seconds (Go's).
const DEFAULT_S: u64 = 30;
/// Longest profile, seconds: the tables of the sampler are bounded.
const MOST_S: u64 = 600;
/// Name of the file that browsers save.
const FILE: &str = "profile";

/// Held while a profile, of CPU or heap, is taken **and** resolved: reading debug information takes memory that two must not take.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The right to take a profile, unless somebody has it.
pub(super) fn only_one() -> Option<MutexGuard<'static, ()>> {
    match ONE_AT_A_TIME.try_lock() {
        Ok(guard) => Some(guard),
        // Whoever panicked has dropped its profiler, which ended it.
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Takes a profile of the length asked for.
///
/// # Errors
/// The client hung up meanwhile.
pub(super) fn answer(request: &Request, connection: &Connection<'_>) -> io::Result<Response> {
    let length = match length(request.query("seconds"), DEFAULT_S) {
        Ok(length) => length,
        Err(refusal) => return Ok(Response::refusal(Status::BadRequest, refusal)),
    };
    if request.method == "HEAD" {
        return Ok(Response::file_header(FILE));
    }
    let in_use = |reason: &dyn std::fmt::Display| {
        // Go's words, which people search for.
        Ok(Response::refusal(Status::Failed, format!("Could not enable CPU profiling: {reason}")))
    };
    let Some(_one) = only_one() else {
        return in_use(&"cpu profiling already in use (one profile at a time)");
    };
    let hz = match rate(request.query("hz")) {
        Ok(hz) => hz,
        Err(refusal) => return Ok(Response::refusal(Status::BadRequest, refusal)),
    };
    let began = SystemTime::now();
    let profiler = match Profiler::start_or_fall_back(Backend::Sampler, hz) {
        Ok(profiler) => profiler,
        Err(error) => return in_use(&error),
    };
    connection.wait(length)?;
    let profile = profiler
        .stop()
        .map_err(|e| e.to_string())
        .and_then(|recorded| convert(&recorded, began).map_err(|e| e.to_string()));
    Ok(match profile {
        Ok(profile) => Response::file(FILE, flamegraphs::write::pprof(&profile)),
        Err(reason) => Response::refusal(Status::Failed, format!("The profile could not be made: {reason}")),
    })
}

/// Length of a profile, from whole seconds; Go takes its default for anything odd, which hides typing errors.
///
/// # Errors
/// What was asked for, and what may be.
pub(super) fn length(asked: Option<&str>, default_s: u64) -> Result<Duration, String> {
    let Some(asked) = asked else { return Ok(Duration::from_secs(default_s)) };
    let seconds = asked.parse().ok().filter(|seconds| (1..=MOST_S).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("seconds={asked}: a whole number from 1 to {MOST_S} is needed"))?;
    Ok(Duration::from_secs(seconds))
}

/// Samples per second of CPU; `None` takes the sampler's default. Go has no such question.
///
/// # Errors
/// What was asked for, and what may be.
fn rate(asked: Option<&str>) -> Result<Option<i32>, String> {
    let Some(asked) = asked else { return Ok(None) };
    let most = Backend::Sampler.most_hz();
    let hz = asked.parse().ok().filter(|hz| (1..=most).contains(hz));
    hz.map(Some).ok_or_else(|| format!("hz={asked}: a whole number from 1 to {most} is needed"))
}

/// Nanoseconds since 1970.
pub(super) fn since_epoch(time: SystemTime) -> i64 {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    i64::try_from(nanos).unwrap_or(0)
}

/// Seconds as nanoseconds.
pub(super) fn nanoseconds(seconds: f64) -> i64 {
    i64::try_from(Duration::from_secs_f64(seconds.max(0.0)).as_nanos()).unwrap_or(0)
}

/// Every frame kept, with addresses and inlined functions. A process that used no CPU gives a profile without samples.
fn convert(recorded: &CpuProfile, began: SystemTime) -> Result<Profile, BuildError> {
    let period = 1_000_000_000 / i64::from(recorded.hz.max(1));
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    let locations = frames::locations(&mut builder, &recorded.locations);
    for sample in &recorded.samples {
        let stack = frames::sampled(&locations, sample);
        let count = i64::try_from(sample.count).unwrap_or(i64::MAX);
        builder.sample(&stack, &[count, count.saturating_mul(period)], &[Label::text("thread", &sample.thread)])?;
    }
    let meta = builder.meta();
    meta.default_sample_type = "cpu".to_owned();
    meta.drop_frames = names::DROP_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
    meta.period = period;
    meta.time_nanos = since_epoch(began);
    meta.duration_nanos = nanoseconds(recorded.wall_s);
    meta.comments.push(format!("sampler: {}", recorded.source()));
    meta.set_coverage(&Coverage {
        sampled_cpu_s: recorded.sampled_cpu_s(),
        kernel_cpu_s: recorded.kernel_cpu_s,
        samples: recorded.total(),
        lost: recorded.lost,
    });
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu;

    #[test]
    fn lengths_are_whole_seconds_within_bounds() {
        let of = |asked| length(asked, 30).map(|length| length.as_secs());
        assert_eq!((of(None), of(Some("1")), of(Some("600"))), (Ok(30), Ok(1), Ok(600)));
        for odd in ["", "0", "-1", "601", "1.5", "x", "99999999999999999999"] {
            assert!(of(Some(odd)).is_err_and(|text| text.contains("from 1 to 600")), "{odd}");
        }
    }

    #[test]
    fn rates_are_whole_numbers_within_bounds() {
        assert_eq!((rate(None), rate(Some("1")), rate(Some("10000"))), (Ok(None), Ok(Some(1)), Ok(Some(10_000))));
        for odd in ["", "0", "-1", "10001", "1.5", "x"] {
            assert!(rate(Some(odd)).is_err_and(|text| text.contains("from 1 to 10000")), "{odd}");
        }
    }

    #[test]
    fn an_idle_process_gives_a_profile_without_samples() {
        let idle = CpuProfile { hz: 99, wall_s: 1.0, ..CpuProfile::default() };
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
            locations: [0x9010, 0x1010, 0].map(frame).into(),
            samples: vec![cpu::Sample { thread: "t".into(), frames: vec![0, 1, 2], count: 2 }],
            build_id: Some("abcd".into()),
            mappings: vec![mapping("/bin/app", 0x1000), mapping("/lib/libc.so", 0x9000)],
            ..CpuProfile::default()
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
