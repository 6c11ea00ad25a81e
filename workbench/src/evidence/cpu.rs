//! CPU evidence: the raw profile as pprof, the cleaned stacks as a flamegraph.

use std::path::Path;

use anyhow::Context;
use flamegraphs::capture::Recording;
use flamegraphs::moments::{Moment, Timed};
use flamegraphs::profile::{Builder, Label, Profile, ValueType};
use flamegraphs::{Coverage, names, svg};
use hdrhistogram::Histogram;
use probe::cpu::CpuProfile;
pub(crate) use reports::run::CPU_PROFILE;
use reports::run::ProfileSummary;
use reports::run::writer::RunWriter;
use serde::{Deserialize, Serialize};

use super::{Gathered, breach, frames, kept, samples};
use crate::load::{EachOperation, PhaseOutcome};

/// Label of the trial that a sample is of.
pub(super) const TRIAL: &str = "trial";
/// Flamegraph of the same.
const CPU_FLAMEGRAPH: &str = "cpu.svg";

/// Writes `cpu.pb.gz` and `cpu.svg` of a variant; of samples that have times, `samples.json.gz` and `breach.json`, too.
///
/// # Errors
/// A profile without samples, or files that cannot be written.
pub fn write(writer: &mut RunWriter, of: &Gathered<'_>, record: &FromInside) -> anyhow::Result<()> {
    let recorded = &record.profile;
    let mut timed = timed(recorded, of).context("the CPU profile")?;
    kept::remember_operations(&mut timed.profile.meta, of.trial, of.operations);
    let (profile, first) = with_earlier(writer, of, timed.profile.clone())?;
    write_profile(writer, of.variant, &profile)?;
    if first {
        let span = Span {
            period_ns: timed.profile.meta.period.unsigned_abs(),
            began_ns: recorded.started_ns,
            wall_s: recorded.wall_s,
            samples: recorded.total(),
            open: record.open.as_ref(),
        };
        write_times(writer, of, &timed, &span, &recorded.source())?;
    }
    Ok(())
}

/// What is told of samples by their times. Of several trials the first stands for all: times of two trials have nothing to do
/// with each other.
fn write_times(
    writer: &mut RunWriter,
    of: &Gathered<'_>,
    timed: &Timed,
    span: &Span<'_>,
    source: &str,
) -> anyhow::Result<()> {
    writer.samples(of.variant, &samples::of(timed, span, of.trial, source))?;
    if timed.moments().is_empty() {
        return Ok(());
    }
    breach::write(writer, of, timed, span)
}

/// The profile with the samples of the variant's other trials, and whether it is the first of them. A trial that is done
/// again takes the place of itself.
fn with_earlier(writer: &RunWriter, of: &Gathered<'_>, profile: Profile) -> anyhow::Result<(Profile, bool)> {
    let earlier = writer.read_evidence(of.variant, CPU_PROFILE)?;
    // What cannot be read cannot be added to.
    let Some(mut earlier) = earlier.and_then(|bytes| flamegraphs::read::pprof(&bytes).ok()) else {
        return Ok((profile, true));
    };
    let this = of.trial.to_string();
    earlier.retain(|sample| sample.label(TRIAL) != Some(&this));
    kept::forget(&mut earlier.meta, of.trial);
    if earlier.samples().is_empty() {
        return Ok((profile, true));
    }
    let first = kept::operations(&earlier.meta)
        .first()
        .is_none_or(|(trial, _)| trial.parse().is_ok_and(|first: u32| first > of.trial));
    Ok((flamegraphs::profile::merge(&[earlier, profile])?, first))
}

/// Samples taken within the process, and the load meanwhile, of which the process itself knows nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct FromInside {
    /// Samples.
    pub profile: CpuProfile,
    /// The open-loop phase, where there was one.
    #[serde(skip)]
    pub open: Option<OpenPhase>,
}

impl FromInside {
    /// A profile of which the driver has not told anything yet.
    pub fn of(profile: CpuProfile) -> Self {
        Self { profile, open: None }
    }
}

/// What the times of samples are part of, whoever took them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    /// CPU time that a sample stands for, nanoseconds.
    pub(crate) period_ns: u64,
    /// `CLOCK_MONOTONIC` when the recording began, nanoseconds.
    pub(crate) began_ns: u64,
    /// Its length, seconds.
    pub(crate) wall_s: f64,
    /// Samples in all, with those whose times nobody kept.
    pub(crate) samples: u64,
    /// The open-loop phase, where there was one.
    pub(crate) open: Option<&'a OpenPhase>,
}

impl<'a> Span<'a> {
    /// Of a recording from outside.
    pub(crate) fn of(recording: &Recording, open: Option<&'a OpenPhase>) -> Self {
        Self {
            period_ns: recording.period_ns,
            began_ns: recording.began_ns(),
            wall_s: recording.wall_s,
            samples: recording.samples(),
            open,
        }
    }
}

/// A recording from outside, and the load meanwhile.
#[derive(Debug, Default)]
pub struct CpuRecord {
    /// Samples.
    pub recording: Recording,
    /// The open-loop phase, where there was one.
    pub open: Option<OpenPhase>,
}

/// What of the open-loop phase is set against samples.
#[derive(Debug, Clone, Default)]
pub struct OpenPhase {
    /// `CLOCK_MONOTONIC` at its begin, nanoseconds.
    pub started_ns: u64,
    /// Nanoseconds to the end of its schedule or the last answer.
    pub length_ns: u64,
    /// Measured operations.
    pub each: EachOperation,
    /// Latencies of all of them, nanoseconds.
    pub latency: Option<Histogram<u64>>,
}

impl CpuRecord {
    /// A recording of which the driver has not told anything yet.
    pub fn of(recording: Recording) -> Self {
        Self { recording, ..Self::default() }
    }
}

impl OpenPhase {
    /// The phase as it was driven.
    pub fn of(open: &PhaseOutcome) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one phase")]
        let length_ns = (open.elapsed_s.max(0.0) * 1e9) as u64;
        let each = open.each.clone().unwrap_or_default();
        Self { started_ns: open.started_ns, length_ns, each, latency: Some(open.measured_latency()) }
    }
}

/// The same of a recording from outside; and, since its samples have times, `samples.json.gz` and, where operations of the
/// trial were late, `breach.json`, `breach.pb.gz` and `breach.svg`.
///
/// # Errors
/// A recording without samples, or files that cannot be written.
pub fn write_recording(writer: &mut RunWriter, of: &Gathered<'_>, record: &CpuRecord) -> anyhow::Result<()> {
    let variant = of.variant;
    let recorded = &record.recording;
    let samples = recorded.samples();
    let used = recorded.kernel_cpu_s;
    anyhow::ensure!(samples > 0, "perf took no sample: the process used {used:.3} s of CPU");
    let mut timed = recorded.timed(&of.labels()).context("the CPU profile")?;
    let mut source = recorded.sampler();
    if recorded.lost > 0 {
        source.push_str(&format!("; {} records were lost", recorded.lost));
    }
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    if recorded.rootless > 0 {
        let share = 100.0 * recorded.rootless as f64 / samples as f64;
        source.push_str(&format!("; {share:.1} % of the samples do not reach the root of their thread"));
    }
    for reached in recorded.limits_reached() {
        source.push_str(&format!("; {reached}"));
    }
    kept::remember_of(&mut timed.profile.meta, of.trial, &source, samples);
    kept::remember_operations(&mut timed.profile.meta, of.trial, of.operations);
    let (profile, first) = with_earlier(writer, of, timed.profile.clone())?;
    write_profile(writer, variant, &profile)?;
    if first {
        write_times(writer, of, &timed, &Span::of(recorded, record.open.as_ref()), &source)?;
    }
    Ok(())
}

fn write_profile(writer: &mut RunWriter, variant: &str, profile: &Profile) -> anyhow::Result<()> {
    writer.evidence(variant, CPU_PROFILE, &flamegraphs::write::pprof(profile))?;
    let stacks = names::fold(profile, 0, &names::Options::default())?;
    let options = svg::Options {
        title: format!("CPU of {variant}"),
        subtitle: profile.coverage().map(|c| c.to_string()).unwrap_or_default(),
        unit: "samples".to_owned(),
        ..svg::Options::default()
    };
    let picture = svg::render(&stacks, &options)?;
    writer.evidence(variant, CPU_FLAMEGRAPH, picture.as_bytes())?;
    Ok(())
}

/// The probe's plain data in our profile model: every frame kept, addresses and inlined functions included.
///
/// # Errors
/// A profile that does not hold together, or holds nothing.
pub fn convert(recorded: &CpuProfile, of: &Gathered<'_>) -> anyhow::Result<Profile> {
    Ok(timed(recorded, of)?.profile)
}

/// The same with the moments of its samples, as far as the sampler kept them. A signal that stands for several samples is as
/// many moments: what was seen is all that is known of the time since the one before.
fn timed(recorded: &CpuProfile, of: &Gathered<'_>) -> anyhow::Result<Timed> {
    let samples = recorded.total();
    anyhow::ensure!(samples > 0, "the profiler took no sample: the process used {:.3} s of CPU", recorded.kernel_cpu_s);
    let period = 1_000_000_000 / i64::from(recorded.hz.max(1));
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    let locations = frames::locations(&mut builder, &recorded.locations);
    let mut positions = Vec::with_capacity(recorded.samples.len());
    for sample in &recorded.samples {
        let stack = frames::sampled(&locations, sample);
        let count = i64::try_from(sample.count).unwrap_or(i64::MAX);
        let [variant, trial] = of.labels();
        let labels = [Label::text("thread", &sample.thread), variant, trial];
        positions.push(u32::try_from(builder.sample(&stack, &[count, count.saturating_mul(period)], &labels)?)?);
    }
    let meta = builder.meta();
    meta.default_sample_type = "cpu".to_owned();
    meta.drop_frames = names::DROP_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
    meta.period = period;
    #[allow(clippy::cast_possible_truncation, reason = "seconds of one trial")]
    let duration_nanos = (recorded.wall_s * 1e9) as i64;
    meta.duration_nanos = duration_nanos;
    kept::remember_of(meta, of.trial, &recorded.source(), samples);
    meta.set_coverage(&Coverage {
        sampled_cpu_s: recorded.sampled_cpu_s(),
        kernel_cpu_s: recorded.kernel_cpu_s,
        samples,
        lost: recorded.lost,
    });
    let moments = recorded.moments.iter().filter_map(|seen| {
        let sample = *positions.get(seen.sample as usize)?;
        let moment = Moment { time_ns: recorded.started_ns + seen.at_ns, sample };
        Some(std::iter::repeat_n(moment, seen.weight as usize))
    });
    let moments = moments.flatten().collect();
    Ok(Timed::new(builder.finish(), moments))
}

/// What `run.json` says of a variant's CPU evidence, read back from the file itself.
pub fn summary(
    run: &Path,
    folder: &str,
    variant: &str,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let files = kept::Files { kind: "cpu", profile: CPU_PROFILE, flamegraph: CPU_FLAMEGRAPH };
    kept::summary(&files, run, folder, variant, missing, overhead)
}

#[cfg(test)]
mod tests;
