//! CPU evidence: the raw profile as pprof, the cleaned stacks as a flamegraph.

use std::path::Path;

use anyhow::Context;
use flamegraphs::capture::Recording;
use flamegraphs::moments::{Moment, Timed};
use flamegraphs::profile::{Builder, Label, Profile, ValueType};
use flamegraphs::{Coverage, names, svg};
use hdrhistogram::Histogram;
use probe::cpu::CpuProfile;
use reports::run::ProfileSummary;
use reports::run::writer::RunWriter;
use serde::{Deserialize, Serialize};

use super::{Gathered, breach, frames, kept, samples};
use crate::load::{EachOperation, PhaseOutcome};

/// Raw profile, within the evidence folder of a variant.
pub(crate) const CPU_PROFILE: &str = "cpu.pb.gz";
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

    const OF: Gathered<'_> = Gathered { variant: "broken", trial: 7, operations: 100, late: None };

    fn writer(folder: &Path) -> RunWriter {
        let wish = crate::session::Wish { scenario: "http-service".into(), seed: Some(1), ..Default::default() };
        let plan = crate::session::prepare(&wish, &crate::Catalog::builtin()).unwrap().plan;
        let name = reports::run::writer::RunName { stamp: "20260102-030405", letters: "abcd" };
        RunWriter::create(folder, name, &plan, "", &crate::machine::read()).unwrap()
    }

    #[test]
    fn a_recording_beyond_its_limits_is_kept_and_says_until_when_it_is_whole() {
        use flamegraphs::capture::{Coarser, Thread};

        let mut recording = Recording::default();
        (recording.period_ns, recording.wall_s, recording.ended_ns) = (1_000_000, 2.0, 5_000_000_000);
        recording.threads = vec![Thread { pid: 1, tid: 7, name: "worker".into(), samples: 4, ended_ns: None }];
        (recording.stacks, recording.counts) = (vec![(1, vec![1 << 63])], vec![(0, 0, 4)]);
        recording.excess.callers = Coarser { count: 3, from_ns: 4_000_000_000 };
        let record = CpuRecord::of(recording);
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        write_recording(&mut writer, &OF, &record).unwrap();
        let within = reports::run::load(writer.path()).unwrap().evidence_folder("broken");
        let kept = summary(writer.path(), &within, "broken", None, None);
        assert_eq!((kept.samples, kept.missing), (4, None));
        let said = "from 1.0 s on there were too many different stacks";
        assert!(kept.source.contains(said), "{}", kept.source);
        let notice = super::super::notice(&super::super::Recorded::CpuFromOutside(Box::new(record)));
        assert!(notice.is_some_and(|notice| notice.starts_with(said)));
    }

    #[test]
    fn trials_of_a_variant_are_one_profile_that_tells_them_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        for trial in [7, 9, 9] {
            let of = Gathered { trial, operations: 10 * u64::from(trial), ..OF };
            write(&mut writer, &of, &FromInside::of(recorded())).unwrap();
        }
        let bytes = writer.read_evidence("broken", CPU_PROFILE).unwrap().unwrap();
        let profile = flamegraphs::read::pprof(&bytes).unwrap();
        // The ninth was done again, and nothing is counted twice.
        assert_eq!(kept::operations(&profile.meta), [("7".to_owned(), 70.0), ("9".to_owned(), 90.0)]);
        assert_eq!(profile.total(0), Some(8));
        assert_eq!(profile.samples().iter().filter_map(|sample| sample.label(TRIAL)).collect::<Vec<_>>(), ["7", "9"]);
        let folder = reports::run::load(writer.path()).unwrap().evidence_folder("broken");
        assert_eq!(summary(writer.path(), &folder, "broken", None, None).samples, 8);
    }

    #[test]
    fn nothing_of_the_recording_is_lost() {
        let profile = convert(&recorded(), &OF).unwrap();
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
    fn samples_of_our_own_sampler_keep_their_times() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let seen = |at_ms: u64, weight| probe::cpu::Moment { at_ns: at_ms * 1_000_000, thread: 0, sample: 0, weight };
        // Operations at 0.5 s and 1 s of the phase, which begins with the recording; the second is late by far.
        let each = EachOperation {
            at_ns: vec![500_000_000, 1_000_000_000],
            took_ns: vec![1_000_000, 300_000_000],
            total: 2,
            ..EachOperation::default()
        };
        let open = OpenPhase { started_ns: 7_000_000_000, length_ns: 2_000_000_000, each, latency: None };
        let late = reports::run::Late { limit_s: 0.05, from: "a limit".into() };
        let record = FromInside {
            profile: CpuProfile { started_ns: 7_000_000_000, moments: vec![seen(1100, 3), seen(100, 1)], ..recorded() },
            open: Some(open),
        };
        write(&mut writer, &Gathered { late: Some(&late), ..OF }, &record).unwrap();
        let read = reports::run::load(writer.path()).unwrap();
        let samples = &read.samples["broken"];
        assert_eq!(samples.taken.after_us, [100_000, 1_000_000, 0, 0], "a signal that stands for three is three");
        assert_eq!((samples.forgotten, samples.open_at_s), (0, Some(0.0)));
        assert_eq!(samples.tags[0]["thread"], "worker-1");
        let breach = &read.breaches["broken"].record;
        assert_eq!((breach.late, breach.within, breach.outside, breach.limit_from.as_str()), (1, 3, 1, "a limit"));
    }

    #[test]
    fn without_times_stacks_are_counted_and_nothing_is_shown_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        write(&mut writer, &OF, &FromInside::of(recorded())).unwrap();
        let read = reports::run::load(writer.path()).unwrap();
        assert!(read.flamegraphs.contains_key("broken") && read.breaches.is_empty());
        let kept = &read.samples["broken"];
        assert!(kept.timeless && kept.taken.kind.len() == 4, "{kept:?}");
    }

    #[test]
    fn a_profile_without_samples_is_refused() {
        let empty = CpuProfile { samples: vec![], ..recorded() };
        assert!(convert(&empty, &OF).unwrap_err().to_string().contains("no sample"));
    }
}
