//! Evidence from outside: a process and its children, sampled by perf events. Nothing of it is restarted, changed or slowed
//! but by the sampling itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flamegraphs::capture::tasks::{self, TaskTrace, TaskTracer};
use flamegraphs::capture::{CaptureError, Options, Recorder, Recording};
use flamegraphs::profile::{Label, Profile};
use reports::run::store::Store;
use reports::run::writer::RunWriter;
use reports::run::{Attached, AttachedProfile, Origin, Picture, RunSummary, ThreadTime};

use super::hot::{self, Blame};
use super::{profiles, run};
use crate::binary::{self, Binary};
use crate::evidence;
use crate::evidence::cpu::Span;
use crate::evidence::wait::WaitRecord;
use crate::exit::Refusal;
use crate::subject::outside::{Asking, KernelFigures, Sampler};

/// How often waiting looks at the stop flag and at the process.
const GLANCE: Duration = Duration::from_millis(50);

/// Bytes of stack with each sample: nothing is measured here, so that deep stacks may cost more.
const STACK_BYTES: u32 = 16 * 1024;

/// What to look at, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub(super) pid: u32,
    pub(super) span: Duration,
    /// Samples for each second of CPU of a thread.
    pub(super) hz: u32,
    /// Also record where threads leave their CPU, where the kernel allows it.
    pub(super) waits: bool,
    /// Then, over as much time again, trace the tasks of tokio: that slows them, so that the CPU profile must be over.
    pub(super) tasks: bool,
}

/// Watches a process until the time is over, it ends or `stop` is set, and keeps what was seen as a run.
///
/// # Errors
/// A [`Refusal`] for a process that is not there or perf events that are refused; files that cannot be written.
pub(super) fn attach(
    watch: Watch,
    stop: &AtomicBool,
    store: &Store,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<RunSummary> {
    let Watch { pid, span, .. } = watch;
    let program = program(pid);
    let file = Binary::read(Path::new(&format!("/proc/{pid}/exe")));
    let family = family(pid);
    let options = Options {
        hz: watch.hz,
        stack_bytes: STACK_BYTES,
        departures: watch.waits,
        standing: watch.waits,
        ..Options::default()
    };
    let mut recorder = Recorder::attach_all(&family, &options).map_err(|error| refusal(pid, &program, &error))?;
    say(&format!("watching {program} (process {pid}) for {span:?}; Ctrl-C ends it early"));
    recorder.start(&family).map_err(Refusal::usage)?;
    let reader = Sampler::start(pid);
    let asking = if watch.waits { Asking::start(pid, None) } else { None };
    let there = sit(pid, span, stop, || recorder.look());
    let recording = recorder.stop()?;
    let goroutines = asking.map(Asking::stop);
    let figures = match reader {
        Ok(reader) => reader.stop(),
        Err(error) => KernelFigures::none(&format!("no thread could be started to read them ({error})")),
    };
    // Before names are looked up, which may take longer than the process lives.
    let traced = watch.tasks.then(|| {
        say(&format!("tracing the tasks of {program} for {span:?}"));
        traced(watch, stop)
    });
    let build_id = file.as_ref().map(|file| file.build_id.clone()).unwrap_or_default();
    let origin = Origin { pid: Some(pid), url: None, program, build_id };
    let mut writer = run::open(store, &origin)?;
    let labels = [Label::text("pid", pid.to_string())];
    let waits = recording.wait_profile(&labels)?;
    let mut seen = Attached {
        format: reports::run::FORMAT,
        wall_s: recording.wall_s,
        ended: !there,
        notes: notes(&recording, &origin.program, file.as_ref(), !there, family.len()),
        profiles: vec![cpu(&mut writer, &origin.program, &recording, &labels)?],
        threads: threads(&recording, &waits),
        goroutines: None,
        figures: Vec::new(),
        origin,
    };
    let program = seen.origin.program.clone();
    let record = WaitRecord { recording: Ok(recording), figures, open_started_ns: None, operations: 0, goroutines };
    seen.profiles.push(wait(&mut writer, &program, &record, &waits, watch.waits)?);
    if let Some(traced) = traced {
        seen.profiles.push(trace(&mut writer, &program, traced));
    }
    run::conclude(writer, &seen)
}

/// Why a process cannot be watched: of somebody else's the kernel says no more than of a machine that forbids it altogether.
fn refusal(pid: u32, program: &str, error: &CaptureError) -> anyhow::Error {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(format!("/proc/{pid}")).ok().map(|process| process.uid());
    let own = rustix::process::geteuid().as_raw();
    match (error, owner) {
        (CaptureError::Refused { .. }, Some(owner)) if owner != own && own != 0 => Refusal::usage(format!(
            "process {pid} ({program}) belongs to user {owner}, and you are {own}: run as that user or as root, or give the \
             workbench CAP_PERFMON (`sudo setcap cap_perfmon+ep workbench`; before Linux 5.9 CAP_SYS_PTRACE); the kernel \
             said: {error}"
        )),
        _ => Refusal::usage(error),
    }
}

/// Lets time pass until it is over, the process ends or `stop` is set; false where the process ended.
fn sit(pid: u32, span: Duration, stop: &AtomicBool, mut look: impl FnMut()) -> bool {
    let deadline = Instant::now() + span;
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut there = true;
    while there && Instant::now() < deadline && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(GLANCE.min(deadline.saturating_duration_since(Instant::now())));
        there = process.exists() && !is_zombie(pid);
        look();
    }
    there
}

fn cpu(
    writer: &mut RunWriter,
    program: &str,
    recording: &Recording,
    labels: &[Label],
) -> anyhow::Result<AttachedProfile> {
    if recording.samples() == 0 {
        let used = recording.kernel_cpu_s;
        return Ok(profiles::missing(
            "cpu",
            format!("it used {used:.3} s of CPU while it was watched, too little to sample"),
        ));
    }
    let timed = recording.timed(labels)?;
    let span = Span::of(recording, None);
    writer.samples(program, &evidence::samples::of(&timed, &span, 0, &recording.sampler()))?;
    let profile = timed.profile;
    let bytes = flamegraphs::write::pprof(&profile);
    profiles::keep(writer, program, "cpu", &profile, &bytes, recording.sampler())
}

/// The profile, the flamegraph and the time line of each thread, as runs have them.
fn wait(
    writer: &mut RunWriter,
    program: &str,
    record: &WaitRecord,
    waits: &Profile,
    asked: bool,
) -> anyhow::Result<AttachedProfile> {
    if !asked {
        return Ok(profiles::missing("wait", "waits were not asked for"));
    }
    if let Err(because) = evidence::wait::write(writer, program, record) {
        return Ok(profiles::missing("wait", format!("{because:#}")));
    }
    let mut source = match &record.recording {
        Ok(recording) => format!("perf switch records from outside over {:.1} s", recording.wall_s),
        Err(because) => return Ok(profiles::missing("wait", because.clone())),
    };
    if record.recording.as_ref().is_ok_and(|recording| !recording.kernel) {
        source.push_str(&format!("; {}", evidence::wait::without_stacks()));
    }
    if let Some(asked) = &record.goroutines {
        source.push_str(&evidence::wait::asked(asked));
    }
    let delay = waits.type_index("delay").unwrap_or(0);
    Ok(AttachedProfile {
        kind: "wait".to_owned(),
        file: "wait.pb.gz".to_owned(),
        samples: waits.total(0).and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        source,
        pictures: vec![Picture {
            file: "wait.svg".to_owned(),
            sample_type: "delay".to_owned(),
            unit: "nanoseconds".to_owned(),
            total: waits.total(delay).unwrap_or(0),
            hot: hot::places(waits, delay, Blame::Own),
            ..Picture::default()
        }],
        ..AttachedProfile::default()
    })
}

/// Traces the tasks of tokio by uprobes, or says why it cannot.
fn traced(watch: Watch, stop: &AtomicBool) -> Result<TaskTrace, String> {
    let Watch { pid, span, .. } = watch;
    let tracer = TaskTracer::attach_among(pid, &family(pid), &tasks::Options::default());
    let traced = tracer.and_then(|mut tracer| {
        tracer.start()?;
        sit(pid, span, stop, || {});
        tracer.stop()
    });
    traced.map_err(|because| because.to_string())
}

/// The tables of the tasks, or why there are none.
fn trace(writer: &mut RunWriter, program: &str, traced: Result<TaskTrace, String>) -> AttachedProfile {
    let traced = match traced {
        Ok(traced) => traced,
        Err(because) => return profiles::missing("trace", because),
    };
    if let Err(because) = evidence::trace::write(writer, program, &traced) {
        return profiles::missing("trace", format!("{because:#}"));
    }
    AttachedProfile {
        kind: "trace".to_owned(),
        file: "trace.jsonl".to_owned(),
        samples: traced.hits,
        source: format!("{}; `workbench show --tasks` has the tables", evidence::trace::SOURCE),
        ..AttachedProfile::default()
    }
}

fn notes(recording: &Recording, program: &str, file: Option<&Binary>, ended: bool, processes: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let mut say = |note: String| notes.push(note);
    if ended {
        say(format!("the process ended after {:.1} s: what was seen until then is kept", recording.wall_s));
    }
    if processes > 1 {
        say(format!("{} processes that it had started were watched with it", processes - 1));
    }
    if let Some(interpreter) = binary::interpreter(program) {
        say(interpreter);
    }
    match file {
        None => say("its executable cannot be read, so that its functions have no names".to_owned()),
        Some(file) if file.symbols == 0 && !file.go => say(format!(
            "{program} is stripped: only functions that it exports have names; keep symbols (`strip = false` in the profile)"
        )),
        Some(file) if !file.lines => say(format!(
            "{program} has no line tables: functions have names but no lines, and inlined ones are not seen (`debug = 1`)"
        )),
        Some(_) => {}
    }
    let samples = recording.samples();
    if samples > 0 && recording.coverage().is_low() {
        say(format!("less than 90 % of the CPU that it used was seen ({})", recording.coverage()));
    }
    if recording.lost > 0 {
        say(format!("{} records were lost, since they came faster than they could be read", recording.lost));
    }
    recording.limits_reached().into_iter().for_each(&mut say);
    #[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
    let rootless = recording.rootless as f64 / samples.max(1) as f64;
    if rootless > 0.1 {
        say(format!("{:.0} % of the stacks break off before their root", 100.0 * rootless));
    }
    notes
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
                pid: thread.pid,
                tid: thread.tid,
                cpu_s: thread.samples as f64 * recording.period_ns as f64 / 1e9,
                blocked_s: blocked.1 as f64 / 1e9,
                parked_s: parked.1 as f64 / 1e9,
                preempted_s: preempted.1 as f64 / 1e9,
                waits: u64::try_from(blocked.0 + parked.0).unwrap_or(0),
            }
        })
        .collect();
    all.sort_by(|a, b| b.cpu_s.total_cmp(&a.cpu_s).then(b.blocked_s.total_cmp(&a.blocked_s)));
    all
}

/// The name of a process's executable, or what it calls itself where that is hidden.
pub(super) fn program(pid: u32) -> String {
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = executable.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let file = file.map(|name| name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned());
    file.or_else(|| comm(pid)).unwrap_or_else(|| "process".to_owned())
}

/// `comm` of proc(5).
pub(super) fn comm(pid: u32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

/// Numbers of all processes.
pub(super) fn all() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A process and all that descend from it, itself first.
fn family(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all().into_iter().filter_map(|child| Some((child, stat(child)?.1))).collect();
    let mut family = vec![pid];
    let mut at = 0;
    while at < family.len() {
        let own = family[at];
        family.extend(parents.iter().filter(|(_, parent)| *parent == own).map(|(child, _)| *child));
        at += 1;
    }
    family
}

fn is_zombie(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| matches!(state, 'Z' | 'X'))
}

/// State and parent of a process: fields 3 and 4 of /proc/PID/stat, behind a name that may hold anything.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
