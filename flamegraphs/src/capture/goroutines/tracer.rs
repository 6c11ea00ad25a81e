//! Begins and ends a recording of goroutines, and hands over what was recorded.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::functions::{Functions, Role, find};
use super::hits::{self, REGISTERS, STACK_BYTES};
use super::lives::{self, Event as Told, Life, What};
use crate::capture::address_space::{AddressSpace, Images};
use crate::capture::perf::uprobe::{self, Note, Probe};
use crate::capture::perf::{Event, Ring};
use crate::capture::recorder::{buffer, cpus, pages};
use crate::capture::tasks::{self, Failure, Frame, TraceError};

/// How long the reader waits for a buffer to fill before it looks anyway, nanoseconds.
const GLANCE_NS: i64 = 20_000_000;
/// Hits that are kept: two minutes of 16,000 a second.
const MOST_HITS: usize = 2_000_000;
/// Different stacks that are.
const MOST_STACKS: usize = 50_000;

/// Where the heap begins on x86-64 (`arenaBaseOffset` and hints, `runtime/malloc.go`): what lies below is of the program's file.
const HEAP: u64 = 0xc0_0000_0000;

/// A recording in the making.
#[derive(Debug)]
pub struct GoTracer {
    pid: u32,
    events: Arc<Vec<Event>>,
    reader: Option<JoinHandle<Seen>>,
    stop: Arc<AtomicBool>,
    began_ns: u64,
    /// The file's own address of the runtime's words for why a goroutine waits, and their size, bytes.
    reasons: Option<(u64, u64)>,
}

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct GoTrace {
    /// `CLOCK_MONOTONIC` at the beginning and the end, nanoseconds.
    pub began_ns: u64,
    /// The end.
    pub ended_ns: u64,
    /// Records that found no room, and that were too many to keep.
    pub lost: u64,
    /// What goroutines did.
    pub lives: Vec<Life>,
    /// Functions of each stack, innermost first, by number.
    pub stacks: Vec<Vec<Frame>>,
    /// Go's words for why a goroutine waits, by number.
    pub reasons: Vec<String>,
    /// Where goroutines were started.
    pub starts: Vec<Start>,
}

/// Goroutines that one place started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The function that they begin with; empty of those that are given something, which the compiler names after the place.
    pub begins: String,
    /// Where, a stack by number; innermost is the runtime's own function.
    pub stack: u32,
    /// How many.
    pub count: u64,
}

impl GoTracer {
    /// Sets the probes in a process that runs, and begins.
    ///
    /// # Errors
    /// A program that is not of Go, or without symbols; a kernel without uprobes, no rights.
    pub fn start(pid: u32) -> Result<Self, TraceError> {
        if !cfg!(target_arch = "x86_64") {
            return Err(TraceError::Processor);
        }
        let opened = Opened::of(pid)?;
        let fds = opened.rings.iter().map(|(at, _)| opened.events[*at].fd().try_clone());
        let fds = fds.collect::<std::io::Result<Vec<OwnedFd>>>();
        let fds = fds.map_err(|source| TraceError::System { doing: "copying a descriptor", source })?;
        let Opened { events, rings, roles, reasons } = opened;
        let (events, stop) = (Arc::new(events), Arc::new(AtomicBool::new(false)));
        let began_ns = tasks::now_ns();
        for event in events.iter() {
            event.enable().map_err(|source| TraceError::System { doing: "switching a uprobe on", source })?;
        }
        let rings = rings.into_iter().map(|(_, ring)| ring).collect();
        let flag = Arc::clone(&stop);
        let reader = std::thread::Builder::new()
            .name("goroutines".to_owned())
            .spawn(move || Seen { pid, roles, ..Seen::default() }.all(rings, &fds, &flag))
            .map_err(|source| TraceError::System { doing: "starting a thread", source })?;
        Ok(Self { pid, events, reader: Some(reader), stop, began_ns, reasons })
    }

    /// Ends the recording, while the process still lives: its files and its memory give things their names.
    ///
    /// # Errors
    /// A reader that is gone.
    pub fn stop(mut self) -> Result<GoTrace, TraceError> {
        for event in self.events.iter() {
            let _ = event.disable();
        }
        let ended_ns = tasks::now_ns();
        self.stop.store(true, Ordering::Release);
        let reader = self.reader.take().ok_or(TraceError::RecorderGone)?;
        let seen = reader.join().map_err(|_| TraceError::RecorderGone)?;
        let space = AddressSpace::of(self.pid, &mut Images::default()).unwrap_or_default();
        let reasons = self.reasons.and_then(|table| reasons(self.pid, &space, table)).unwrap_or_default();
        let spaces = HashMap::from([(self.pid, space)]);
        let mut stacks = vec![(self.pid, Vec::new()); seen.stacks.len()];
        for (stack, number) in seen.stacks {
            stacks[number as usize].1 = stack;
        }
        // What goroutines begin with gets its name as the stacks do.
        let begins = begins(self.pid, seen.starts.keys().map(|(function, _)| *function));
        let known = stacks.len();
        stacks.extend(begins.iter().map(|(_, code)| (self.pid, vec![*code])));
        let mut stacks = tasks::named(&stacks, &spaces);
        let names = stacks.split_off(known);
        let name = |function: u64| {
            let at = begins.iter().position(|(known, _)| *known == function)?;
            Some(names.get(at)?.first()?.function.clone())
        };
        let starts = seen.starts.into_iter();
        let starts =
            starts.map(|((of, stack), count)| Start { begins: name(of).unwrap_or_default(), stack, count }).collect();
        Ok(GoTrace {
            began_ns: self.began_ns,
            ended_ns,
            lost: seen.lost,
            lives: lives::of(seen.events, ended_ns),
            stacks,
            reasons,
            starts,
        })
    }
}

impl Drop for GoTracer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Probes and their buffers, one buffer a CPU.
#[derive(Default)]
struct Opened {
    events: Vec<Event>,
    rings: Vec<(usize, Ring)>,
    roles: HashMap<u64, Role>,
    reasons: Option<(u64, u64)>,
}

impl Opened {
    /// Sets every probe in the file of a process, switched off.
    fn of(pid: u32) -> Result<Self, TraceError> {
        let source = uprobe::source().map_err(|_| TraceError::NoSource)?;
        let exe = format!("/proc/{pid}/exe");
        let there = |source| TraceError::Process { pid, source };
        let path = std::fs::read_link(&exe).map_err(there)?.display().to_string();
        let found = find(File::open(&exe).map_err(there)?);
        let Functions { found, reasons } = found.ok_or_else(|| TraceError::Stripped { path: path.clone() })?;
        let reached = CString::new(exe).map_err(|_| TraceError::Stripped { path: path.clone() })?;
        let cpus = cpus();
        let pages = pages(cpus.len());
        let failed = |source| Failure::Probe(source).of(&path);
        let mut opened = Self { reasons, ..Self::default() };
        for cpu in cpus {
            let mut first = None;
            for (role, offset) in &found {
                let probe = Probe {
                    source,
                    path: &reached,
                    offset: *offset,
                    returns: false,
                    every: 1,
                    // Where it goes on, and that it ends, is asked of no stack.
                    stack_bytes: if role.has_stack() { STACK_BYTES } else { 0 },
                    watermark: u32::try_from(rustix::param::page_size() * pages / 8).unwrap_or(1 << 16),
                    forks: false,
                    registers: REGISTERS,
                    chain: role.has_stack(),
                };
                let event = match probe.open(cpu) {
                    Ok(event) => event,
                    // A CPU that went offline has nothing to say.
                    Err(error) if error.raw_os_error() == Some(libc::ENODEV) => break,
                    Err(error) => return Err(failed(error)),
                };
                opened.roles.insert(event.id().map_err(failed)?, *role);
                let at = opened.events.len();
                match first {
                    None => {
                        let ring = buffer(&event, pages).map_err(|error| Failure::Buffer(error).of(&path))?;
                        opened.rings.push((at, ring));
                        first = Some(at);
                    }
                    Some(first) => event.join(&opened.events[first]).map_err(failed)?,
                }
                opened.events.push(event);
            }
        }
        Ok(opened)
    }
}

/// What the buffers held.
#[derive(Default)]
struct Seen {
    pid: u32,
    roles: HashMap<u64, Role>,
    events: Vec<Told>,
    stacks: HashMap<Vec<u64>, u32>,
    /// How many were started, by what they begin with (the address of a `funcval`; 0 where that is on the heap) and stack.
    starts: HashMap<(u64, u32), u64>,
    lost: u64,
}

impl Seen {
    /// Empties the buffers until it is told to stop.
    fn all(mut self, mut rings: Vec<Ring>, fds: &[OwnedFd], stop: &AtomicBool) -> Self {
        loop {
            // Looked at before the buffers are emptied, so that the last turn sees everything.
            let last = stop.load(Ordering::Acquire);
            for ring in &mut rings {
                ring.drain_raw(|kind, _, body| self.take(kind, body));
            }
            if last {
                return self;
            }
            let mut waiting: Vec<PollFd<'_>> =
                fds.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)).collect();
            let _ = poll(&mut waiting, Some(&Timespec { tv_sec: 0, tv_nsec: GLANCE_NS }));
        }
    }

    fn take(&mut self, kind: u32, body: &[u8]) {
        if !uprobe::is_sample(kind) {
            if let Some(Note::Lost(count)) = uprobe::read(kind, body) {
                self.lost += count;
            }
            return;
        }
        let Some(role) = hits::probe(body).and_then(|id| self.roles.get(&id).copied()) else { return };
        // Other processes may run the same file.
        let hit = hits::read(body, role.has_stack()).filter(|hit| hit.pid == self.pid);
        let Some(hit) = hit else { return };
        if self.events.len() >= MOST_HITS {
            self.lost += 1;
            return;
        }
        let (address, what) = match role {
            Role::Starts => {
                let stack = self.stack(hit.stack);
                let function = if hit.arguments[0] < HEAP { hit.arguments[0] } else { 0 };
                *self.starts.entry((function, stack)).or_default() += 1;
                return;
            }
            Role::Parks => {
                let stack = self.stack(hit.stack);
                // The number of the reason is a byte (`waitReason`).
                (hit.goroutine, What::Parks { reason: (hit.arguments[1] & 0xff) as u8, stack })
            }
            Role::Runs => (hit.arguments[0], What::Runs { tid: hit.tid }),
            Role::Ends => (hit.arguments[0], What::Ends),
        };
        self.events.push(Told { time_ns: hit.time_ns, address, what });
    }

    /// The number of a stack; the first one stands for those that are too many to be kept.
    fn stack(&mut self, stack: Vec<u64>) -> u32 {
        let next = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
        let is_full = self.stacks.len() >= MOST_STACKS && !self.stacks.contains_key(&stack);
        if is_full { 0 } else { *self.stacks.entry(stack).or_insert(next) }
    }
}

/// The code of functions by the address of their `funcval`: its first word.
fn begins(pid: u32, functions: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else { return Vec::new() };
    let functions: BTreeSet<u64> = functions.filter(|function| *function > 0).collect();
    let code = |function: u64| {
        let mut word = [0; 8];
        memory.read_exact_at(&mut word, function).ok()?;
        Some((function, u64::from_le_bytes(word)))
    };
    functions.into_iter().filter_map(code).collect()
}

/// Bytes of a text of the runtime's that is read at most.
const MOST_TEXT: u64 = 64;

/// The runtime's own words, out of the process's memory: each is an address and a length.
fn reasons(pid: u32, space: &AddressSpace, (address, size): (u64, u64)) -> Option<Vec<String>> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let bias = space.areas.iter().find(|area| area.path == path)?.bias?;
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut table = vec![0; usize::try_from(size).ok()?];
    memory.read_exact_at(&mut table, address.wrapping_add(bias)).ok()?;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let text = |entry: &[u8]| {
        let (at, length) = (word(&entry[..8]), word(&entry[8..]).min(MOST_TEXT));
        let mut text = vec![0; usize::try_from(length).ok()?];
        memory.read_exact_at(&mut text, at).ok()?;
        String::from_utf8(text).ok()
    };
    Some(table.chunks_exact(16).map(|entry| text(entry).unwrap_or_default()).collect())
}
