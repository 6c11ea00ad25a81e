//! Evidence from a process that runs already: nothing of it is restarted, changed or slowed but by the sampling itself.

mod hot;
mod text;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use flamegraphs::capture::{Options, Recorder, Recording};
use flamegraphs::profile::{Label, Profile};
use flamegraphs::{names, svg};
use serde::Serialize;

use crate::clock::SystemClock;

pub use hot::{Hot, Place};

/// How often waiting looks at the stop flag and at the process.
const GLANCE: Duration = Duration::from_millis(50);

/// Bytes of stack with each sample: nothing is measured here, so that deep stacks may cost more.
const STACK_BYTES: u32 = 16 * 1024;

/// What to look at, and for how long.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Process.
    pub pid: u32,
    /// Length of the recording.
    pub duration: Duration,
    /// Samples for each second of CPU of a thread.
    pub hz: u32,
    /// Also record where threads leave their CPU, where the kernel allows it.
    pub waits: bool,
}

/// One thread over the recording. Seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadTime {
    /// `comm` of proc(5).
    pub name: String,
    /// Thread id.
    pub tid: u32,
    /// CPU by samples.
    pub cpu_s: f64,
    /// Gave its CPU up: sleeping, waiting for a lock, for input.
    pub blocked_s: f64,
    /// Had its CPU taken though it wanted to go on.
    pub preempted_s: f64,
    /// How often it gave its CPU up.
    pub waits: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Process.
    pub pid: u32,
    /// Its executable's name.
    pub program: String,
    /// Seconds of wall time.
    pub wall_s: f64,
    /// The process ended while it was watched.
    pub ended: bool,
    /// Who sampled, in words.
    pub sampler: String,
    /// In words.
    pub coverage: String,
    /// Sampled ÷ counted CPU; absent where nothing was counted.
    pub coverage_ratio: Option<f64>,
    /// Samples.
    pub samples: u64,
    /// Records that the kernel found no room for.
    pub lost: u64,
    /// Share of the stacks that broke off before their root.
    pub rootless: f64,
    /// Where CPU time went, the hottest first.
    pub hot: Vec<Hot>,
    /// Where threads waited longest, by wall time blocked; empty where the kernel does not show it.
    pub waits: Vec<Hot>,
    /// Threads, the busiest first.
    pub threads: Vec<ThreadTime>,
    /// Why waits have no stacks; empty where they do.
    pub without_waits: String,
    /// Folder of the files.
    pub folder: PathBuf,
    /// Files in it.
    pub files: Vec<String>,
}

impl Findings {
    /// For a person at a terminal of that width.
    pub fn text(&self, width: usize) -> String {
        text::text(self, width)
    }
}

/// What was recorded of a process.
#[derive(Debug)]
pub struct Watched {
    /// Samples and waits.
    pub recording: Recording,
    /// Its executable's name.
    pub program: String,
    /// It ended meanwhile.
    pub ended: bool,
}

/// Watches the process until the time is over, the process ends or `stop` is set.
///
/// # Errors
/// A process that is not there, or perf events that are refused.
pub fn watch(wish: &Wish, stop: &AtomicBool) -> anyhow::Result<Watched> {
    let options = Options { hz: wish.hz, stack_bytes: STACK_BYTES, departures: wish.waits, ..Options::default() };
    let program = program(wish.pid);
    let mut recorder = Recorder::attach(wish.pid, &options)?;
    recorder.start(&[wish.pid])?;
    let deadline = Instant::now() + wish.duration;
    let process = PathBuf::from(format!("/proc/{}", wish.pid));
    let mut there = true;
    while there && Instant::now() < deadline && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(GLANCE.min(deadline.saturating_duration_since(Instant::now())));
        there = process.exists();
        recorder.look();
    }
    Ok(Watched { recording: recorder.stop()?, program, ended: !there })
}

/// Writes profiles and flamegraphs into a new folder below `store`, and says what they show.
///
/// # Errors
/// A recording without samples of anything, or files that cannot be written.
pub fn conclude(wish: &Wish, watched: &Watched, store: &Path) -> anyhow::Result<Findings> {
    let Watched { recording, program, ended } = watched;
    let folder = store.join("attached").join(format!("{}-{}-{}", SystemClock.stamp(), tame(program), wish.pid));
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let labels = [Label::text("pid", wish.pid.to_string())];
    let mut cpu = recording.profile(&labels)?;
    cpu.meta.comments.push(format!("sampler: {}", recording.sampler()));
    let waits = recording.wait_profile(&labels)?;
    let coverage = recording.coverage();
    let mut files = Vec::new();
    files.extend(picture(&folder, "cpu", &cpu, 0, "samples", &format!("CPU of {program}"), &coverage.to_string())?);
    let subtitle = format!("time off the CPU over {:.1} s, all threads, by where they left it", recording.wall_s);
    files.extend(picture(&folder, "wait", &waits, 1, "nanoseconds", &format!("Waits of {program}"), &subtitle)?);
    let findings = Findings {
        pid: wish.pid,
        program: program.clone(),
        wall_s: recording.wall_s,
        ended: *ended,
        sampler: recording.sampler(),
        coverage: coverage.to_string(),
        coverage_ratio: coverage.ratio(),
        samples: coverage.samples,
        lost: recording.lost,
        #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
        rootless: recording.rootless as f64 / coverage.samples.max(1) as f64,
        hot: hot::cpu(&cpu),
        waits: hot::waits(&waits),
        threads: threads(recording, &waits),
        without_waits: if !wish.waits {
            "waits were not asked for".to_owned()
        } else if recording.kernel {
            String::new()
        } else {
            "where threads wait is seen only by root or with CAP_PERFMON; how long they wait is in the table".to_owned()
        },
        folder,
        files,
    };
    let json = serde_json::to_vec_pretty(&findings)?;
    let path = findings.folder.join("attach.json");
    std::fs::write(&path, json).with_context(|| format!("writing {}", path.display()))?;
    Ok(findings)
}

/// Writes `NAME.pb.gz` and `NAME.svg`; nothing for a profile without samples.
fn picture(
    folder: &Path,
    name: &str,
    profile: &Profile,
    value: usize,
    unit: &str,
    title: &str,
    subtitle: &str,
) -> anyhow::Result<Vec<String>> {
    if profile.samples().is_empty() {
        return Ok(Vec::new());
    }
    let stacks = names::fold(profile, value, &names::Options::default())?;
    let options = svg::Options {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        unit: unit.to_owned(),
        ..svg::Options::default()
    };
    let files = [
        (format!("{name}.pb.gz"), flamegraphs::write::pprof(profile)),
        (format!("{name}.svg"), svg::render(&stacks, &options)?.into_bytes()),
    ];
    for (file, bytes) in &files {
        let path = folder.join(file);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(files.into_iter().map(|(file, _)| file).collect())
}

fn threads(recording: &Recording, waits: &Profile) -> Vec<ThreadTime> {
    let mut sums: HashMap<(&str, &str), (i64, i64)> = HashMap::new();
    for sample in waits.samples() {
        let Some(whose) = sample.label("tid").zip(sample.label("why")) else { continue };
        let sum = sums.entry(whose).or_default();
        *sum = (sum.0 + sample.values[0], sum.1 + sample.values[1]);
    }
    #[allow(clippy::cast_precision_loss, reason = "samples and nanoseconds of one recording")]
    let mut all: Vec<ThreadTime> = recording
        .threads
        .iter()
        .map(|thread| {
            let tid = thread.tid.to_string();
            let of = |why| sums.get(&(tid.as_str(), why)).copied().unwrap_or_default();
            let (blocked, parked, preempted) = (of("blocked"), of("parked"), of("preempted"));
            ThreadTime {
                name: thread.name.clone(),
                tid: thread.tid,
                cpu_s: thread.samples as f64 * recording.period_ns as f64 / 1e9,
                blocked_s: (blocked.1 + parked.1) as f64 / 1e9,
                preempted_s: preempted.1 as f64 / 1e9,
                waits: u64::try_from(blocked.0 + parked.0).unwrap_or(0),
            }
        })
        .collect();
    all.sort_by(|a, b| b.cpu_s.total_cmp(&a.cpu_s).then(b.blocked_s.total_cmp(&a.blocked_s)));
    all
}

/// The name of a process's executable, or what it calls itself where that is hidden.
fn program(pid: u32) -> String {
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = executable.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim_end().to_owned());
    file.or_else(|| comm().ok()).unwrap_or_else(|| "process".to_owned())
}

/// A name that is safe as part of a file's.
fn tame(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .take(40)
        .collect();
    if kept.is_empty() { "process".to_owned() } else { kept }
}
