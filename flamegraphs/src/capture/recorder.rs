//! Opens the events, empties the buffers, and hands over what was recorded.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::CaptureError;
use super::collector::Collector;
use super::options::Options;
use super::perf::{Event, Ring, Trigger, Wanted};
use super::recording::Recording;
use super::standing::{self, Before};

/// Data pages of one buffer, at most: 16 MiB hold half a second of one busy CPU at 999 Hz with 32 KiB of stack each.
const MOST_PAGES: usize = 4096;
/// And at least. Without privileges 516 KiB may be locked for each CPU (kernel.perf_event_mlock_kb).
const LEAST_PAGES: usize = 8;
/// All buffers together.
const ALL_PAGES: usize = 16 * MOST_PAGES;
/// A record's size is a 16-bit number, and the call chain needs room, too.
const MOST_STACK_BYTES: u32 = 60 * 1024;
/// The same where the kernel's side may not be seen: such users may lock half a megabyte for each CPU.
const SHALLOW_STACK_BYTES: u32 = 8192;
/// Threads mostly leave from shallow stacks, and often.
const DEPARTURE_STACK_BYTES: u32 = 4096;
/// How long the reader waits for a buffer to fill before it looks anyway, nanoseconds.
const GLANCE_NS: i64 = 100_000_000;

/// A recorder at work on one process and all that it starts.
#[derive(Debug)]
pub struct Recorder {
    events: Vec<Event>,
    period_ns: u64,
    kernel: bool,
    reader: Option<JoinHandle<Collector>>,
    stop: Arc<AtomicBool>,
    /// While this lives, the thread that launched the subject lives: its events are inherited from there.
    _launcher: Option<Sender<()>>,
    began: Option<Instant>,
    /// CPU nanoseconds that processes had used when recording began, and when they were last looked at.
    used: Vec<(u32, u64, u64)>,
    /// Of the threads that there were then, where it is wanted who stood still.
    before: Option<Before>,
}

impl Recorder {
    /// Runs `launch`, which starts the subject, on a thread of its own whose events the subject inherits; recording
    /// begins with [`Recorder::start`], or with the subject's `exec` if so wished. Nothing else may be started in
    /// `launch`. The thread lives as long as the recorder.
    ///
    /// # Errors
    /// Perf events that are refused; then nothing was launched.
    pub fn launch<T: Send + 'static>(
        options: &Options,
        launch: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Self), CaptureError> {
        let options = *options;
        let (stay, stayed) = channel::<()>();
        let (answer, answered) = channel();
        let work = move || {
            // 0 is the calling thread: this one.
            let opened = Opened::on(&options, &[0]);
            let launched = opened.map(|opened| (launch(), opened));
            if answer.send(launched).is_ok() {
                // Ends when the recorder is gone.
                let _ = stayed.recv();
            }
        };
        std::thread::Builder::new()
            .name("launcher".to_owned())
            .spawn(work)
            .map_err(|source| CaptureError::System { doing: "starting a thread", source })?;
        let (launched, opened) = answered.recv().map_err(|_| CaptureError::RecorderGone)??;
        Ok((launched, Self::read(opened, &options, Some(stay))?))
    }

    /// Watches a process that runs already, and all that it starts from now on.
    ///
    /// # Errors
    /// A process that is not there, or perf events that are refused.
    pub fn attach(pid: u32, options: &Options) -> Result<Self, CaptureError> {
        Self::attach_all(&[pid], options)
    }

    /// Watches several processes that run already, as a process and its children, and all that they start from now on.
    /// The first must be there; of the others those that are not are left out.
    ///
    /// # Errors
    /// A process that is not there, or perf events that are refused.
    pub fn attach_all(pids: &[u32], options: &Options) -> Result<Self, CaptureError> {
        let mut found = Vec::new();
        for (order, pid) in pids.iter().copied().enumerate() {
            match threads(pid) {
                Ok(tids) => found.extend(tids.into_iter().map(|tid| (pid, tid))),
                Err(source) if order == 0 => return Err(CaptureError::Process { pid, source }),
                Err(_) => {}
            }
        }
        let tids: Vec<u32> = found.iter().map(|(_, tid)| *tid).collect();
        let mut opened = Opened::on(&Options { from_exec: false, ..*options }, &tids)?;
        opened.threads = found;
        Self::read(opened, options, None)
    }

    fn read(opened: Opened, options: &Options, launcher: Option<Sender<()>>) -> Result<Self, CaptureError> {
        let Opened { events, rings, leaving, threads, kernel, period_ns } = opened;
        let stop = Arc::new(AtomicBool::new(false));
        let fds = rings.iter().map(|(event, _)| events[*event].fd().try_clone()).collect::<io::Result<Vec<_>>>();
        let fds = fds.map_err(|source| CaptureError::System { doing: "copying a descriptor", source })?;
        let mut rings: Vec<Ring> = rings.into_iter().map(|(_, ring)| ring).collect();
        let stopped = Arc::clone(&stop);
        let limits = options.limits;
        let work = move || {
            let mut collector = Collector::new(leaving, &threads, limits);
            loop {
                // Looked at before the buffers are emptied, so that the last turn sees everything.
                let last = stopped.load(Ordering::Acquire);
                for ring in &mut rings {
                    ring.drain(|record| collector.take(record));
                }
                if last {
                    return collector;
                }
                let mut waiting: Vec<PollFd<'_>> =
                    fds.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)).collect();
                // Whatever it answers, the buffers are looked at next.
                let _ = poll(&mut waiting, Some(&Timespec { tv_sec: 0, tv_nsec: GLANCE_NS }));
            }
        };
        let reader = std::thread::Builder::new()
            .name("perf-reader".to_owned())
            .spawn(work)
            .map_err(|source| CaptureError::System { doing: "starting a thread", source })?;
        Ok(Self {
            events,
            period_ns,
            kernel,
            reader: Some(reader),
            stop,
            _launcher: launcher,
            began: options.from_exec.then(Instant::now),
            used: Vec::new(),
            before: options.standing.then(Before::new),
        })
    }

    /// Begins to record. `pids` are the processes whose CPU time is held against the samples.
    ///
    /// # Errors
    /// Events that cannot be switched on.
    pub fn start(&mut self, pids: &[u32]) -> Result<(), CaptureError> {
        self.used = pids.iter().filter_map(|pid| cpu_ns(*pid).map(|used| (*pid, used, used))).collect();
        self.before = self.before.take().map(|_| standing::before(pids));
        self.began = Some(Instant::now());
        for event in &self.events {
            event.enable().map_err(|source| CaptureError::System { doing: "switching perf events on", source })?;
        }
        Ok(())
    }

    /// Reads the CPU time of the processes given to [`Recorder::start`]: one that ends before the recording does is held
    /// against what was read last.
    pub fn look(&mut self) {
        for (pid, _, last) in &mut self.used {
            *last = cpu_ns(*pid).unwrap_or(*last);
        }
    }

    /// Ends the recording. While the subject still lives, its CPU time is read for the coverage.
    ///
    /// # Errors
    /// A reader that is gone.
    pub fn stop(mut self) -> Result<Recording, CaptureError> {
        for event in &self.events {
            // An event whose threads are gone is off already.
            let _ = event.disable();
        }
        let wall_s = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        // Seconds since the start of the machine are never negative.
        let ended_ns = now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs();
        self.stop.store(true, Ordering::Release);
        let reader = self.reader.take().ok_or(CaptureError::RecorderGone)?;
        let mut collector = reader.join().map_err(|_| CaptureError::RecorderGone)?;
        if let Some(before) = &self.before {
            collector.stand(&standing::look(before));
        }
        let mut kernel_cpu_ns = 0;
        for pid in collector.processes() {
            let known = self.used.iter().find(|(of, ..)| *of == pid);
            let (before, last) = known.map_or((0, 0), |(_, before, last)| (*before, *last));
            kernel_cpu_ns += cpu_ns(pid).unwrap_or(last).saturating_sub(before);
        }
        let recording = collector.finish();
        Ok(Recording {
            period_ns: self.period_ns,
            wall_s,
            ended_ns,
            kernel_cpu_s: kernel_cpu_ns as f64 / 1e9,
            kernel: self.kernel,
            ..recording
        })
    }

    /// Whether the kernel's side is seen, too.
    pub fn sees_the_kernel(&self) -> bool {
        self.kernel
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Events and their buffers, one buffer a CPU.
#[derive(Debug)]
struct Opened {
    events: Vec<Event>,
    /// Each with the position of the event it belongs to.
    rings: Vec<(usize, Ring)>,
    /// Marks of the events that fire when a thread leaves its CPU.
    leaving: HashSet<u64>,
    /// Process and thread of those that run already.
    threads: Vec<(u32, u32)>,
    kernel: bool,
    period_ns: u64,
}

impl Opened {
    /// Opens an event for each of these threads on each CPU.
    fn on(options: &Options, tids: &[u32]) -> Result<Self, CaptureError> {
        let cpus = cpus();
        let most = pages(cpus.len());
        let period_ns = 1_000_000_000 / u64::from(options.hz.max(1));
        let mut clock = Wanted {
            trigger: Trigger::CpuTime(period_ns),
            stack_bytes: (options.stack_bytes & !7).min(MOST_STACK_BYTES),
            kernel: true,
            switches: options.switches || options.departures,
            from_exec: options.from_exec,
            watermark: u32::try_from(rustix::param::page_size() * most / 8).unwrap_or(1 << 16),
        };
        // Whether the kernel's side may be seen is asked once, of the first event.
        if let (Some(tid), Some(cpu)) = (tids.first(), cpus.first()) {
            let refused = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM));
            if Event::open(&clock, *tid, *cpu).is_err_and(|error| refused(&error)) {
                clock.kernel = false;
                clock.stack_bytes = clock.stack_bytes.min(SHALLOW_STACK_BYTES);
            }
        }
        let departure = Wanted {
            trigger: Trigger::Leaving,
            stack_bytes: clock.stack_bytes.min(DEPARTURE_STACK_BYTES),
            switches: false,
            ..clock
        };
        let mut wanted = vec![clock];
        wanted.extend((options.departures && clock.kernel).then_some(departure));
        let mut events: Vec<Event> = Vec::new();
        let (mut rings, mut leaving) = (Vec::new(), HashSet::new());
        for cpu in cpus {
            let mut first = None;
            for (tid, wanted) in tids.iter().flat_map(|tid| wanted.iter().map(move |wanted| (*tid, wanted))) {
                let event = match Event::open(wanted, tid, cpu) {
                    Ok(event) => event,
                    // A thread that ended meanwhile, or a CPU that went offline, has nothing to say.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENODEV)) => continue,
                    Err(source) => return Err(CaptureError::Refused { source }),
                };
                if wanted.trigger == Trigger::Leaving {
                    leaving.insert(event.id().map_err(|source| CaptureError::Refused { source })?);
                }
                let joined = first.map(|at: usize| event.join(&events[at]));
                events.push(event);
                match joined {
                    None => {
                        let at = events.len() - 1;
                        rings.push((at, buffer(&events[at], most)?));
                        first = Some(at);
                    }
                    Some(Ok(())) => {}
                    Some(Err(source)) => return Err(CaptureError::Refused { source }),
                }
            }
        }
        if events.is_empty() {
            return Err(CaptureError::Refused { source: io::Error::from_raw_os_error(libc::ESRCH) });
        }
        Ok(Self { events, rings, leaving, threads: Vec::new(), kernel: clock.kernel, period_ns })
    }
}

/// The largest buffer that may be had.
pub(super) fn buffer(event: &Event, most: usize) -> Result<Ring, CaptureError> {
    let mut pages = most;
    loop {
        match Ring::map(event, pages) {
            Ok(ring) => return Ok(ring),
            Err(_) if pages > LEAST_PAGES => pages /= 2,
            Err(source) => return Err(CaptureError::Buffers { source }),
        }
    }
}

/// Data pages of the buffer of each of so many CPUs.
pub(super) fn pages(cpus: usize) -> usize {
    (ALL_PAGES / cpus.max(1)).next_power_of_two().clamp(LEAST_PAGES, MOST_PAGES)
}

/// CPUs that are there, by `/sys/devices/system/cpu/online`.
pub(super) fn cpus() -> Vec<u32> {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/online").ok().map(|text| list(&text));
    listed.filter(|cpus| !cpus.is_empty()).unwrap_or_else(|| {
        let count = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        (0..count).collect()
    })
}

/// `0-3,8` as numbers.
fn list(text: &str) -> Vec<u32> {
    text.trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

/// Threads of a process.
fn threads(pid: u32) -> io::Result<Vec<u32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// CPU time of a process and its ended threads, by its own clock (clock_getcpuclockid(3)).
fn cpu_ns(pid: u32) -> Option<u64> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls only write to the places they are given, which outlive them.
    let read = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) == 0 && libc::clock_gettime(clock, &raw mut time) == 0
    };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    read.then(|| seconds * 1_000_000_000 + nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read() {
        assert_eq!(list("0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(list("5"), [5]);
        assert_eq!(list("nonsense"), [0_u32; 0]);
        assert!(!cpus().is_empty());
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Recorder::attach(u32::MAX / 4, &Options::default()).unwrap_err();
        assert!(error.to_string().contains("is it running"), "{error}");
    }

    #[test]
    fn our_own_cpu_time_is_read() {
        assert!(cpu_ns(std::process::id()).is_some_and(|used| used > 0));
        assert_eq!(cpu_ns(0x3fff_fff0), None);
    }
}
