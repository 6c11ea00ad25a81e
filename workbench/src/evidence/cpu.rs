//! CPU evidence: the raw profile as pprof, the cleaned stacks as a flamegraph.

use std::path::Path;

use anyhow::Context;
use flamegraphs::capture::Recording;
use flamegraphs::profile::{Builder, Label, Profile, ValueType};
use flamegraphs::{Coverage, names, svg};
use hdrhistogram::Histogram;
use probe::cpu::CpuProfile;
use reports::run::ProfileSummary;
use reports::run::writer::RunWriter;

use super::{breach, frames, kept, samples};
use crate::load::{EachOperation, PhaseOutcome};

/// Raw profile, within the evidence folder of a variant.
const CPU_PROFILE: &str = "cpu.pb.gz";
/// Flamegraph of the same.
const CPU_FLAMEGRAPH: &str = "cpu.svg";

/// Writes `cpu.pb.gz` and `cpu.svg` of a variant.
///
/// # Errors
/// A profile without samples, or files that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &CpuProfile) -> anyhow::Result<()> {
    write_profile(writer, variant, &convert(recorded, variant).context("the CPU profile")?)
}

/// A recording from outside, and the load meanwhile.
#[derive(Debug, Default)]
pub struct CpuRecord {
    /// Samples.
    pub recording: Recording,
    /// Position of the trial in the plan.
    pub trial: u32,
    /// Operations answered meanwhile.
    pub operations: u64,
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
pub fn write_recording(writer: &mut RunWriter, variant: &str, record: &CpuRecord) -> anyhow::Result<()> {
    let recorded = &record.recording;
    let samples = recorded.samples();
    let used = recorded.kernel_cpu_s;
    anyhow::ensure!(samples > 0, "perf took no sample: the process used {used:.3} s of CPU");
    let mut timed = recorded.timed(&[Label::text("variant", variant)]).context("the CPU profile")?;
    let mut source = recorded.sampler();
    if recorded.lost > 0 {
        source.push_str(&format!("; {} records were lost", recorded.lost));
    }
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    if recorded.rootless > 0 {
        let share = 100.0 * recorded.rootless as f64 / samples as f64;
        source.push_str(&format!("; {share:.1} % of the samples do not reach the root of their thread"));
    }
    kept::remember(&mut timed.profile.meta, &source, samples);
    write_profile(writer, variant, &timed.profile)?;
    writer.samples(variant, &samples::of(&timed, record, &source))?;
    breach::write(writer, variant, &timed, record)
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
pub fn convert(recorded: &CpuProfile, variant: &str) -> anyhow::Result<Profile> {
    let samples = recorded.total();
    anyhow::ensure!(samples > 0, "the profiler took no sample: the process used {:.3} s of CPU", recorded.kernel_cpu_s);
    let period = 1_000_000_000 / i64::from(recorded.hz.max(1));
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    let locations = frames::locations(&mut builder, &recorded.locations);
    for sample in &recorded.samples {
        let stack = frames::sampled(&locations, sample);
        let count = i64::try_from(sample.count).unwrap_or(i64::MAX);
        let labels = [Label::text("thread", &sample.thread), Label::text("variant", variant)];
        builder.sample(&stack, &[count, count.saturating_mul(period)], &labels)?;
    }
    let meta = builder.meta();
    meta.default_sample_type = "cpu".to_owned();
    meta.drop_frames = names::DROP_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
    meta.period = period;
    #[allow(clippy::cast_possible_truncation, reason = "seconds of one trial")]
    let duration_nanos = (recorded.wall_s * 1e9) as i64;
    meta.duration_nanos = duration_nanos;
    kept::remember(meta, &recorded.source(), samples);
    meta.set_coverage(&Coverage {
        sampled_cpu_s: recorded.sampled_cpu_s(),
        kernel_cpu_s: recorded.kernel_cpu_s,
        samples,
        lost: recorded.lost,
    });
    Ok(builder.finish())
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
mod tests {
    use probe::cpu::{Sample, Symbol};

    use super::*;

    fn recorded() -> CpuProfile {
        let symbol =
            |name: &str, line| Symbol { name: name.to_owned(), file: Some("src/app.rs".into()), line: Some(line) };
        CpuProfile {
            hz: 50,
            wall_s: 2.0,
            kernel_cpu_s: 0.1,
            locations: vec![
                probe::cpu::Frame { address: 0x1010, symbols: vec![symbol("app::inner", 3), symbol("app::outer", 9)] },
                probe::cpu::Frame { address: 0x1100, symbols: vec![symbol("app::main", 20)] },
                probe::cpu::Frame { address: 0, symbols: vec![] },
            ],
            samples: vec![Sample { thread: "worker-1".into(), frames: vec![0, 1, 2], count: 4 }],
            lost: 1,
            build_id: Some("abcd".into()),
            mappings: vec![probe::cpu::Mapping { path: "/bin/app".into(), start: 0x1000, end: 0x2000, offset: 0 }],
            ..CpuProfile::default()
        }
    }

    #[test]
    fn nothing_of_the_recording_is_lost() {
        let profile = convert(&recorded(), "broken").unwrap();
        assert_eq!(profile.total(0), Some(4));
        assert_eq!(profile.total(1), Some(80_000_000));
        assert_eq!(profile.samples()[0].label("thread"), Some("worker-1"));
        assert_eq!(profile.samples()[0].label("variant"), Some("broken"));
        assert_eq!(profile.samples()[0].stack.len(), 2, "the end of the stack is no frame");
        let leaf = profile.location(profile.samples()[0].stack[0]);
        let lines: Vec<_> = leaf.lines.iter().map(|l| (profile.function(l.function).name.as_str(), l.line)).collect();
        assert_eq!(lines, [("app::inner", 3), ("app::outer", 9)]);
        assert_eq!(profile.mappings()[0].build_id, "abcd");
        let coverage = profile.coverage().unwrap();
        assert!((coverage.ratio().unwrap() - 0.8).abs() < 1e-9, "{coverage}");
        assert_eq!(coverage.lost, 1);
        assert!(profile.meta.comments.iter().any(|comment| comment.contains("sampler at 50 Hz")));
    }

    #[test]
    fn a_profile_without_samples_is_refused() {
        let empty = CpuProfile { samples: vec![], ..recorded() };
        assert!(convert(&empty, "x").unwrap_err().to_string().contains("no sample"));
    }
}
