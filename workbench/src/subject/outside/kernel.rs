//! Reads what the kernel counts of a process while it is watched, in a thread of the parent: /proc and its cgroup.

mod figures;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flamegraphs::capture::SystemCalls;
use reports::run::KernelSample;
use rustix::time::{ClockId, clock_gettime};

pub use figures::KernelFigures;

use super::{cgroup, process, sockets};

/// Samples a second.
const HZ: u32 = 10;
/// Part of a core that reading may take: where there are many threads samples become rarer.
const MOST_COST: f64 = 0.01;
/// The same of the tables of sockets, which become rarer by themselves: the kernel goes through all buckets of its hash for them,
/// however few sockets there are (`tcp_seq_next`, net/ipv4/tcp_ipv4.c), and these are as many as the machine has memory for.
const MOST_COST_OF_SOCKETS: f64 = 0.01;
/// Samples kept: beyond, every other one goes and the rest comes half as often. Ten minutes at full rate.
const MOST_SAMPLES: usize = 6000;
/// How often processes, their sockets and files are looked for anew.
const RENEWED: Duration = Duration::from_secs(1);

/// A reader at work.
#[derive(Debug)]
pub struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<KernelFigures>,
}

impl Sampler {
    /// Reads the figures of `pid` and all that it started, until [`Sampler::stop`].
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn start(pid: u32) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut reader = Reader::new(pid);
            let began = Instant::now();
            let mut due = began;
            loop {
                let cost = reader.sample(began.elapsed());
                let interval = Duration::from_secs(1) / HZ;
                due += interval.mul_f64(reader.stride).max(Duration::from_secs_f64(cost / MOST_COST));
                due = due.max(Instant::now());
                match stopped.recv_timeout(due.saturating_duration_since(Instant::now())) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break,
                }
            }
            // The end is a moment like any other: totals are of the whole.
            reader.sockets_due = Duration::ZERO;
            reader.sample(began.elapsed());
            reader.finish(began.elapsed())
        };
        let thread = std::thread::Builder::new().name("kernel-figures".to_owned()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    /// Ends the reading.
    pub fn stop(self) -> KernelFigures {
        // Where it ended by itself, joining says so.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_else(|_| KernelFigures::none("the reader ended before its time"))
    }
}

/// Totals that only grow, added up over things that come and go.
#[derive(Debug, Default)]
struct Total {
    last: HashMap<u32, u64>,
    sum: u64,
}

impl Total {
    /// `first` is the first sample of all: what was counted before does not belong to the recording.
    fn see(&mut self, id: u32, value: u64, first: bool) -> u64 {
        let before = self.last.insert(id, value).unwrap_or(if first { value } else { 0 });
        // A number that was given again starts from nothing.
        let grown = if value >= before { value - before } else { value };
        self.sum += grown;
        grown
    }
}

struct Reader {
    pid: u32,
    began_ns: u64,
    cpu_before_s: f64,
    family: Vec<u32>,
    own: HashSet<u64>,
    groups: Vec<PathBuf>,
    renewed: Option<Duration>,
    /// When the tables of sockets are read next.
    sockets_due: Duration,
    first: bool,
    /// Intervals between two samples.
    stride: f64,
    samples: Vec<KernelSample>,
    missing: BTreeMap<String, String>,
    receive_timeouts_us: BTreeSet<u64>,
    /// Of the whole family, where the kernel lets us count them.
    system_calls: Option<SystemCalls>,
    running: Total,
    queued: Total,
    voluntary: Total,
    involuntary: Total,
    minor: Total,
    major: Total,
    ticks: Total,
    calls: Total,
    throttles: Total,
    throttled: Total,
    overflows: Total,
    run_queue_ns: BTreeMap<u32, u64>,
}

/// Threads whose own figures are kept.
const MOST_THREADS: usize = 10_000;

impl Reader {
    fn new(pid: u32) -> Self {
        let (system_calls, because) = match SystemCalls::of(pid) {
            Ok(counter) => (Some(counter), None),
            // Of a process that ended nothing is to be read, and nothing is amiss.
            Err(_) if !Path::new(&format!("/proc/{pid}")).exists() => (None, None),
            Err(because) => (None, Some(("syscalls".to_owned(), because))),
        };
        let now = clock_gettime(ClockId::Monotonic);
        Self {
            pid,
            began_ns: now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs(),
            cpu_before_s: thread_cpu_s(),
            family: vec![pid],
            own: HashSet::new(),
            groups: Vec::new(),
            renewed: None,
            sockets_due: Duration::ZERO,
            first: true,
            stride: 1.0,
            samples: Vec::new(),
            missing: because.into_iter().collect(),
            receive_timeouts_us: BTreeSet::new(),
            system_calls,
            running: Total::default(),
            queued: Total::default(),
            voluntary: Total::default(),
            involuntary: Total::default(),
            minor: Total::default(),
            major: Total::default(),
            ticks: Total::default(),
            calls: Total::default(),
            throttles: Total::default(),
            throttled: Total::default(),
            overflows: Total::default(),
            run_queue_ns: BTreeMap::new(),
        }
    }

    /// Takes a sample; says how many CPU seconds that took, but for the tables of sockets.
    fn sample(&mut self, at: Duration) -> f64 {
        let before = thread_cpu_s();
        if !Path::new(&format!("/proc/{}", self.pid)).exists() {
            // Of a process that ended nothing more is to be read, and nothing is amiss.
            return 0.0;
        }
        if self.renewed.is_none_or(|renewed| at.saturating_sub(renewed) >= RENEWED) {
            self.renew();
            self.renewed = Some(at);
        }
        let mut sample = KernelSample { at_s: at.as_secs_f64(), ..KernelSample::default() };
        self.processes(&mut sample);
        self.threads(&mut sample);
        let of_sockets = if at >= self.sockets_due { self.sockets(&mut sample, at) } else { 0.0 };
        self.cgroup(&mut sample);
        sample.syscalls = self.system_calls.as_mut().and_then(|counter| counter.count().ok());
        self.first = false;
        self.samples.push(sample);
        if self.samples.len() >= MOST_SAMPLES {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2.0;
        }
        thread_cpu_s() - before - of_sockets
    }

    fn finish(self, wall: Duration) -> KernelFigures {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples of one recording")]
        let due = (wall.as_secs_f64() * f64::from(HZ)).floor() as u64 + 1;
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
        let seconds = |ns: u64| ns as f64 * 1e-9;
        KernelFigures {
            began_ns: self.began_ns,
            hz: HZ,
            due,
            wall_s: wall.as_secs_f64(),
            cpu_s: thread_cpu_s() - self.cpu_before_s,
            samples: self.samples,
            run_queue_s: self.run_queue_ns.into_iter().map(|(tid, ns)| (tid, seconds(ns))).collect(),
            receive_timeouts_us: self.receive_timeouts_us,
            missing: self.missing,
        }
    }

    /// What comes and goes more slowly than figures change.
    fn renew(&mut self) {
        self.family = process::family(self.pid);
        self.own.clear();
        for pid in &self.family {
            match sockets::of(*pid) {
                Ok(open) => {
                    sockets::receive_timeouts(*pid, &open, &mut self.receive_timeouts_us);
                    self.own.extend(open.iter().map(|(_, inode)| inode));
                }
                Err(error) => note(&mut self.missing, "sockets", &format!("/proc/{pid}/fd"), &error),
            }
        }
        match cgroup::files(self.pid) {
            Ok(groups) => self.groups = groups,
            Err(because) => {
                self.missing.entry("cgroup".to_owned()).or_insert(because);
            }
        }
    }

    fn processes(&mut self, sample: &mut KernelSample) {
        let (mut resident, mut threads, mut descriptors) = (None, None, None);
        for pid in self.family.clone() {
            if let Some(stat) = self.read("stat", &format!("/proc/{pid}/stat"), process::stat) {
                self.minor.see(pid, stat.minor_faults, self.first);
                self.major.see(pid, stat.major_faults, self.first);
                self.ticks.see(pid, stat.ticks, self.first);
                // By its own clock: threads that ended between two looks are in it, and it counts no ticks.
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "nanoseconds of CPU, below 2^63"
                )]
                let ran =
                    i32::try_from(pid).ok().and_then(|pid| probe::usage::cpu_s_of(pid).ok()).map(|s| (s * 1e9) as u64);
                if let Some(ran) = ran {
                    self.running.see(pid, ran, self.first);
                    sample.cpu_s = Some(self.running.sum as f64 * 1e-9);
                }
                *resident.get_or_insert(0) += stat.resident;
                *threads.get_or_insert(0) += stat.threads;
            }
            if let Some(calls) = self.read("io", &format!("/proc/{pid}/io"), process::io_calls) {
                self.calls.see(pid, calls, self.first);
                sample.io_calls = Some(self.calls.sum);
            }
            let folder = format!("/proc/{pid}/fd");
            match process::numbers(Path::new(&folder)) {
                Ok(open) => *descriptors.get_or_insert(0) += open.len() as u64,
                Err(error) => note(&mut self.missing, "descriptors", &folder, &error),
            }
        }
        (sample.resident, sample.threads, sample.descriptors) = (resident, threads, descriptors);
        if resident.is_some() {
            (sample.minor_faults, sample.major_faults) = (Some(self.minor.sum), Some(self.major.sum));
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    fn threads(&mut self, sample: &mut KernelSample) {
        let (mut timed, mut switched) = (false, false);
        for pid in self.family.clone() {
            let folder = format!("/proc/{pid}/task");
            for tid in process::numbers(Path::new(&folder)).unwrap_or_default() {
                if let Some((_, queued)) =
                    self.read("schedstat", &format!("{folder}/{tid}/schedstat"), process::schedstat)
                {
                    let grown = self.queued.see(tid, queued, self.first);
                    if self.run_queue_ns.len() < MOST_THREADS || self.run_queue_ns.contains_key(&tid) {
                        *self.run_queue_ns.entry(tid).or_default() += grown;
                    }
                    timed = true;
                }
                if let Some((given, taken)) = self.read("status", &format!("{folder}/{tid}/status"), process::switches)
                {
                    self.voluntary.see(tid, given, self.first);
                    self.involuntary.see(tid, taken, self.first);
                    switched = true;
                }
            }
        }
        if timed {
            sample.run_queue_s = Some(self.queued.sum as f64 * 1e-9);
        }
        if sample.cpu_s.is_none() && sample.resident.is_some() {
            let hz = rustix::param::clock_ticks_per_second().max(1);
            sample.cpu_s = Some(self.ticks.sum as f64 / hz as f64);
        }
        if switched {
            (sample.voluntary, sample.involuntary) = (Some(self.voluntary.sum), Some(self.involuntary.sum));
        }
    }

    /// Reads the tables of sockets and says when they may be read next; how many CPU seconds that took.
    fn sockets(&mut self, sample: &mut KernelSample, at: Duration) -> f64 {
        let before = thread_cpu_s();
        let net = format!("/proc/{}/net", self.pid);
        let mut queues = sockets::Queues::default();
        let mut there = false;
        for table in ["tcp", "tcp6"] {
            match fs::read_to_string(format!("{net}/{table}")) {
                Ok(text) => {
                    sockets::add(&text, &self.own, &mut queues);
                    there = true;
                }
                // A kernel without IPv6 has no such table.
                Err(error) if table == "tcp6" && error.kind() == ErrorKind::NotFound => {}
                Err(error) => note(&mut self.missing, "sockets", &format!("{net}/{table}"), &error),
            }
        }
        if there && !self.missing.contains_key("sockets") {
            (sample.receive_queue, sample.send_queue) = (Some(queues.receive), Some(queues.send));
            (sample.backlog, sample.connections) = (Some(queues.backlog), Some(queues.connections));
        }
        let overflows = |text: &str| sockets::counter(text, "TcpExt", "ListenOverflows");
        if let Some(count) = self.read("overflows", &format!("{net}/netstat"), overflows) {
            self.overflows.see(0, count, self.first);
            sample.listen_overflows = Some(self.overflows.sum);
        }
        let took = thread_cpu_s() - before;
        self.sockets_due = at + Duration::from_secs_f64(took.max(0.0) / MOST_COST_OF_SOCKETS);
        took
    }

    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
    fn cgroup(&mut self, sample: &mut KernelSample) {
        let texts: Vec<String> = self.groups.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
        let all: Vec<_> = texts.iter().filter_map(|text| cgroup::throttled(text)).collect();
        if all.is_empty() {
            return;
        }
        self.throttles.see(0, all.iter().map(|one| one.periods).sum(), self.first);
        self.throttled.see(0, all.iter().map(|one| one.ns).sum(), self.first);
        sample.throttled = Some(self.throttles.sum);
        sample.throttled_s = Some(self.throttled.sum as f64 * 1e-9);
    }

    /// Reads a file and understands it, or notes why not. What ended meanwhile is not amiss.
    fn read<T>(&mut self, name: &str, path: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let found = parse(&text);
                if found.is_none() {
                    let because = format!("{path} does not say what this kernel should");
                    self.missing.entry(name.to_owned()).or_insert(because);
                }
                found
            }
            Err(error) => {
                note(&mut self.missing, name, path, &error);
                None
            }
        }
    }
}

fn note(missing: &mut BTreeMap<String, String>, name: &str, path: &str, error: &std::io::Error) {
    // A thread or process that ended between being listed and being read.
    let ended = error.raw_os_error() == Some(libc::ESRCH)
        || (error.kind() == ErrorKind::NotFound && !Path::new(path).parent().is_some_and(Path::exists));
    if !ended {
        missing.entry(name.to_owned()).or_insert_with(|| format!("{path} cannot be read ({error})"));
    }
}

/// CPU seconds of the calling thread.
#[allow(clippy::cast_precision_loss, reason = "seconds of a trial")]
fn thread_cpu_s() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests;
