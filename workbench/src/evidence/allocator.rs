//! The allocator over time: the probe's recording as a file of the run, on the time axis of the trial.

use probe::allocator_timeline::{Recording, Sample};
use probe::memory_limit::{Change, Level};
use reports::run::writer::RunWriter;
use reports::run::{
    AllocatorHead, AllocatorRecord, AllocatorSample, EvidenceKind, FORMAT, PressureChange, PressureLevel,
    ProfileSummary,
};
use serde::{Deserialize, Serialize};

/// A recording, and what only the trial knows of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// As recorded within the process.
    pub recording: Recording,
    /// At the rate for incidents.
    pub incident: bool,
    /// Start of the open-loop phase, `CLOCK_MONOTONIC` in nanoseconds; the driver knows it.
    pub open_started_ns: Option<u64>,
    /// `allocator.memory_limit` in bytes, where there is one.
    pub limit: Option<u64>,
    /// When its pressure changed, from the start of the process.
    #[serde(default)]
    pub pressure: Vec<Change>,
}

/// Writes `allocator.jsonl` of a variant.
///
/// # Errors
/// A recording without two samples, or a file that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, timeline: &Timeline) -> anyhow::Result<()> {
    let samples = timeline.recording.samples.len();
    anyhow::ensure!(
        samples >= 2,
        "{samples} of {} samples were taken in {:.1} s: too few to show anything over time",
        timeline.recording.due,
        timeline.recording.wall_s
    );
    writer.allocator(variant, &record(timeline))?;
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one trial")]
fn record(timeline: &Timeline) -> AllocatorRecord {
    let recording = &timeline.recording;
    let begin = recording.samples.first().map_or(0, |sample| sample.at_ns);
    let seconds = |at_ns: u64| at_ns.saturating_sub(begin) as f64 * 1e-9;
    let head = AllocatorHead {
        format: FORMAT,
        allocator: recording.allocator.clone(),
        hz: recording.hz,
        incident: timeline.incident,
        due: recording.due,
        wall_s: recording.wall_s,
        cost: if recording.wall_s > 0.0 { recording.cpu_s / recording.wall_s } else { 0.0 },
        open_at_s: timeline.open_started_ns.map(seconds),
        limit: timeline.limit,
        pressure: pressure(&timeline.pressure, begin, recording.wall_s),
    };
    AllocatorRecord { head, samples: recording.samples.iter().map(|one| plain(one, seconds(one.at_ns))).collect() }
}

/// Changes on the time axis of the recording; what was so at its begin is a change at 0.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one trial")]
fn pressure(changes: &[Change], begin_ns: u64, wall_s: f64) -> Vec<PressureChange> {
    let plain = |level| match level {
        Level::None => PressureLevel::None,
        Level::Purging => PressureLevel::Purging,
        Level::Over => PressureLevel::Over,
    };
    let before = changes.iter().rfind(|change| change.at_ns <= begin_ns).map(|change| change.level);
    let at_begin = before.filter(|level| *level != Level::None).map(|level| (0.0, level));
    let later = changes.iter().filter(|change| change.at_ns > begin_ns);
    let later = later.map(|change| ((change.at_ns - begin_ns) as f64 * 1e-9, change.level));
    let during = at_begin.into_iter().chain(later).filter(|(at_s, _)| *at_s <= wall_s);
    during.map(|(at_s, level)| PressureChange { at_s, level: plain(level) }).collect()
}

fn plain(sample: &Sample, at_s: f64) -> AllocatorSample {
    AllocatorSample {
        at_s,
        resident_set: sample.resident_set,
        live: sample.live,
        allocated: sample.allocated,
        active: sample.active,
        resident: sample.resident,
        retained: sample.retained,
        metadata: sample.metadata,
        mapped: sample.mapped,
        dirty: sample.dirty,
        muzzy: sample.muzzy,
        free: sample.free,
        purges: sample.purges,
        madvises: sample.madvises,
        purged: sample.purged,
        mutex_waits: sample.mutex_waits,
        mutex_wait_s: sample.mutex_wait_s,
        tcache: sample.tcache,
        background_runs: sample.background_runs,
        lazy_free: sample.lazy_free,
        minor_faults: sample.minor_faults,
        major_faults: sample.major_faults,
        user_s: sample.user_s,
        system_s: sample.system_s,
    }
}

/// The summary's entry for a variant whose allocator was to be recorded. `record` is what its file says.
pub(crate) fn summary(
    folder: &str,
    variant: &str,
    record: Option<&AllocatorRecord>,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let there = record.filter(|_| missing.is_none());
    let file = format!("{folder}/allocator.jsonl");
    ProfileSummary {
        variant: variant.to_owned(),
        kind: EvidenceKind::Allocator.name().to_owned(),
        path: there.map(|_| file.clone()).unwrap_or_default(),
        svg: String::new(),
        samples: there.map_or(0, |record| record.samples.len() as u64),
        coverage: None,
        source: there.map(|record| source(&record.head)).unwrap_or_default(),
        overhead: overhead.filter(|_| there.is_some()),
        peak: None,
        stalls: None,
        missing: missing.or_else(|| record.is_none().then(|| format!("{file} is not there"))),
        ..ProfileSummary::default()
    }
}

/// `jemalloc at 10 Hz, 120 samples due; cost: 0.21 % of a core`.
fn source(head: &AllocatorHead) -> String {
    format!(
        "{} at {} Hz, {} samples due; cost: {:.2} % of a core",
        head.allocator,
        head.hz,
        head.due,
        head.cost * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        let sample = |at_ns| Sample {
            at_ns,
            resident_set: 1,
            live: Some(2),
            allocated: Some(3),
            active: Some(4),
            resident: Some(5),
            retained: Some(6),
            metadata: Some(7),
            mapped: Some(8),
            dirty: Some(9),
            muzzy: Some(10),
            free: Some(11),
            purges: Some(12),
            madvises: Some(13),
            purged: Some(14),
            mutex_waits: Some(15),
            mutex_wait_s: Some(16.5),
            tcache: Some(17),
            background_runs: Some(18),
            lazy_free: Some(19),
            minor_faults: 20,
            major_faults: 21,
            user_s: 22.5,
            system_s: 23.5,
        };
        Timeline {
            recording: Recording {
                allocator: "jemalloc".into(),
                hz: 10,
                due: 3,
                wall_s: 2.0,
                cpu_s: 0.004,
                samples: vec![sample(5_000_000_000), sample(5_500_000_000)],
            },
            incident: false,
            open_started_ns: Some(6_000_000_000),
            limit: Some(1 << 20),
            pressure: vec![
                Change { at_ns: 4_000_000_000, level: Level::Purging },
                Change { at_ns: 5_250_000_000, level: Level::Over },
                Change { at_ns: 9_000_000_000, level: Level::None },
            ],
        }
    }

    #[test]
    fn pressure_is_told_on_the_time_axis_of_the_recording() {
        let told: Vec<(f64, PressureLevel)> =
            record(&timeline()).head.pressure.iter().map(|change| (change.at_s, change.level)).collect();
        assert_eq!(told, [(0.0, PressureLevel::Purging), (0.25, PressureLevel::Over)]);
    }

    #[test]
    fn nothing_of_the_recording_is_lost() {
        let timeline = timeline();
        let record = record(&timeline);
        assert_eq!((record.head.open_at_s, record.head.cost, record.samples[1].at_s), (Some(1.0), 0.002, 0.5));
        // Same names: what one writes the other reads, but for the time, which is relative here.
        let fields = |value: serde_json::Value| value.as_object().unwrap().clone();
        let mut here = fields(serde_json::to_value(record.samples[0]).unwrap());
        let mut there = fields(serde_json::to_value(timeline.recording.samples[0]).unwrap());
        assert!(here.remove("at_s").is_some() && there.remove("at_ns").is_some());
        assert_eq!(here, there);
    }

    #[test]
    fn the_summary_states_the_cost_or_what_is_missing() {
        let record = record(&timeline());
        let there = summary("evidence/a", "a", Some(&record), None, Some(1.1));
        assert_eq!((there.samples, there.path.as_str(), there.missing), (2, "evidence/a/allocator.jsonl", None));
        assert_eq!(there.source, "jemalloc at 10 Hz, 3 samples due; cost: 0.20 % of a core");
        let gone = summary("evidence/a", "a", None, None, None);
        assert_eq!(gone.missing.as_deref(), Some("evidence/a/allocator.jsonl is not there"));
        let crashed = summary("evidence/a", "a", Some(&record), Some("it crashed".into()), Some(1.1));
        assert_eq!((crashed.samples, crashed.overhead, crashed.path.as_str()), (0, None, ""));
    }
}
