//! What was recorded, and the profile it makes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::address_space::Area;
use super::limits::Excess;
use super::parking::is_parked;
use super::resolver::Resolver;
use super::symbols::Place;
use super::waits::{Wait, Why, waits};
use crate::coverage::Coverage;
use crate::moments::{Moment, Timed};
use crate::profile::{BuildError, Builder, Label, LocationId, Mapping, Profile, Symbols as Known, ValueType};

/// What [`Recording::sampler`] says where the kernel does not let us see its own side.
pub const WITHOUT_KERNEL: &str = "without the kernel's side";

/// A thread that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    /// Its process; 0 where several stand together because there were too many.
    pub pid: u32,
    /// Its number.
    pub tid: u32,
    /// Its last name, `comm` of proc(5); may be empty.
    pub name: String,
    /// Samples of it.
    pub samples: u64,
    /// When it ended, `CLOCK_MONOTONIC`, nanoseconds; `None` of one that outlived the recording.
    pub ended_ns: Option<u64>,
}

/// One sample: when, of whom, where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// Position in [`Recording::threads`].
    pub thread: u32,
    /// Position in [`Recording::stacks`].
    pub stack: u32,
}

/// A thread that stood off its CPU from before the recording to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// Position in [`Recording::threads`].
    pub thread: u32,
    /// Where, position in [`Recording::stacks`].
    pub stack: u32,
    /// Others, by their positions among those that stand, that seem to hold the lock whose word it waits at: they know its
    /// address.
    pub held_by: Vec<usize>,
}

/// A thread came to a CPU, or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnCpu {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time_ns: u64,
    /// Position in [`Recording::threads`].
    pub thread: u32,
    /// It is on a CPU from now on.
    pub on: bool,
    /// It left though it wanted to go on.
    pub preempted: bool,
}

/// A finished recording.
#[derive(Debug, Default)]
pub struct Recording {
    /// CPU time between two samples of a thread, nanoseconds.
    pub period_ns: u64,
    /// Length, seconds of wall time.
    pub wall_s: f64,
    /// `CLOCK_MONOTONIC` at the end, nanoseconds.
    pub ended_ns: u64,
    /// CPU seconds that the kernel counted for the processes recorded, over the same span; 0 where it could not be read.
    pub kernel_cpu_s: f64,
    /// False where the kernel does not let us see its own side: CPU spent there has no samples.
    pub kernel: bool,
    /// Threads in the order they were met.
    pub threads: Vec<Thread>,
    /// Addresses, leaf first, each within its call; the process by number.
    pub stacks: Vec<(u32, Vec<u64>)>,
    /// How often each thread was seen with each stack.
    pub counts: Vec<(u32, u32, u64)>,
    /// The samples one by one, in no particular order.
    pub taken: Vec<Taken>,
    /// Where threads were when they left their CPU, in no particular order; empty where that was not recorded.
    pub left: Vec<Taken>,
    /// Who was on a CPU when, in no particular order.
    pub on_cpu: Vec<OnCpu>,
    /// Threads that did neither, where that was wanted; see [`Options::standing`](super::Options::standing).
    pub standing: Vec<Stands>,
    /// Why some of them are missing, in words.
    pub standing_refused: Option<String>,
    /// What is coarser, and from when on, because there was too much of it to keep.
    pub excess: Excess,
    /// Records that the kernel found no room for.
    pub lost: u64,
    /// Samples whose stack broke off before its root.
    pub rootless: u64,
    pub(super) areas: HashMap<u32, Vec<Area>>,
}

impl Recording {
    /// Samples of all threads.
    pub fn samples(&self) -> u64 {
        self.counts.iter().map(|(_, _, count)| count).sum()
    }

    /// Sampled against counted CPU.
    pub fn coverage(&self) -> Coverage {
        let samples = self.samples();
        let sampled_cpu_s = samples as f64 * self.period_ns as f64 / 1e9;
        Coverage { sampled_cpu_s, kernel_cpu_s: self.kernel_cpu_s, samples, lost: self.lost }
    }

    /// `CLOCK_MONOTONIC` at the beginning, nanoseconds.
    pub fn began_ns(&self) -> u64 {
        let length_ns = (self.wall_s.max(0.0) * 1e9) as u64;
        self.ended_ns.saturating_sub(length_ns)
    }

    /// A sentence for each limit of what a recording keeps that was reached, with the time from which on.
    pub fn limits_reached(&self) -> Vec<String> {
        self.excess.told(self.began_ns())
    }

    /// Until when it is known who was on a CPU, `CLOCK_MONOTONIC` in nanoseconds: to the end, unless there was too much.
    pub fn changes_until_ns(&self) -> u64 {
        if self.excess.changes.count > 0 { self.excess.changes.from_ns } else { self.ended_ns }
    }

    /// Who sampled, in words.
    pub fn sampler(&self) -> String {
        let hz = 1e9 / self.period_ns.max(1) as f64;
        let kernel = if self.kernel { String::new() } else { format!(", {WITHOUT_KERNEL}") };
        format!("perf events at {hz:.0} Hz from outside{kernel}")
    }

    /// The recording as a profile with the sample types `samples` and `cpu`; every sample gets `labels` and its thread.
    ///
    /// # Errors
    /// Only should the recording not hold together.
    pub fn profile(&self, labels: &[Label]) -> Result<Profile, BuildError> {
        Ok(self.timed(labels)?.profile)
    }

    /// The same with the moments of its samples, as far as they were kept.
    ///
    /// # Errors
    /// Only should the recording not hold together.
    pub fn timed(&self, labels: &[Label]) -> Result<Timed, BuildError> {
        let mut drawing =
            Drawing::new(self, [ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
        let mut positions: HashMap<(u32, u32), usize> = HashMap::with_capacity(self.counts.len());
        for (thread, stack, count) in &self.counts {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let values = [count, count.saturating_mul(whole(self.period_ns))];
            if let Some(at) = drawing.sample(*thread, Some(*stack), &values, labels)? {
                positions.insert((*thread, *stack), at);
            }
        }
        let meta = drawing.builder.meta();
        meta.default_sample_type = "cpu".to_owned();
        meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
        meta.period = whole(self.period_ns);
        meta.set_coverage(&self.coverage());
        let moments = self.taken.iter().filter_map(|taken| {
            let sample = *positions.get(&(taken.thread, taken.stack))?;
            Some(Moment { time_ns: taken.time_ns, sample: u32::try_from(sample).ok()? })
        });
        let moments: Vec<Moment> = moments.collect();
        Ok(Timed::new(drawing.finish(), moments))
    }

    /// The time that threads spent off their CPU, by where they left it: sample types `waits` and `delay`, with a label
    /// `why` that is one of [`Why::name`]. Threads that never moved are not in it. Stacks are there only where
    /// [`Recording::left`] is, and so is the knowledge of who was parked.
    ///
    /// # Errors
    /// Only should the recording not hold together.
    pub fn wait_profile(&self, labels: &[Label]) -> Result<Profile, BuildError> {
        Ok(self.waiting(labels)?.profile)
    }

    /// The same, with the waits one by one.
    ///
    /// # Errors
    /// Only should the recording not hold together.
    pub fn waiting(&self, labels: &[Label]) -> Result<Waiting, BuildError> {
        let waits = waits(self);
        let mut sums: BTreeMap<(u32, Option<u32>, bool), (u64, u64)> = BTreeMap::new();
        for wait in &waits {
            let sum = sums.entry((wait.thread, wait.stack, wait.preempted)).or_default();
            *sum = (sum.0 + 1, sum.1.saturating_add(wait.ns()));
        }
        let mut drawing =
            Drawing::new(self, [ValueType::new("waits", "count"), ValueType::new("delay", "nanoseconds")]);
        let mut parked = vec![false; self.stacks.len()];
        for ((thread, stack, preempted), (count, nanoseconds)) in sums {
            let idle = stack.is_some_and(|stack| drawing.is_parked(stack));
            if let Some(known) = stack.and_then(|stack| parked.get_mut(stack as usize)) {
                *known = idle;
            }
            let mut all = labels.to_vec();
            all.push(Label::text("why", Why::of(preempted, idle).name()));
            drawing.sample(thread, stack, &[whole(count), whole(nanoseconds)], &all)?;
        }
        drawing.builder.meta().default_sample_type = "delay".to_owned();
        let stacks = std::mem::take(&mut drawing.stacks);
        Ok(Waiting { waits, parked, stacks, profile: drawing.finish() })
    }
}

impl Recording {
    /// Functions of stacks, leaf first, by their positions in [`Recording::stacks`].
    pub(super) fn named(&self, stacks: &[u32]) -> Vec<Vec<Place>> {
        let mut resolver = Resolver::of(self);
        let mut known: HashMap<(u32, u64), Vec<Place>> = HashMap::new();
        let mut name = |at: &u32| {
            let Some((pid, addresses)) = self.stacks.get(*at as usize) else { return Vec::new() };
            let mut frames = Vec::new();
            for address in addresses {
                let places = known.entry((*pid, *address)).or_insert_with(|| resolver.places(*pid, *address));
                frames.extend(places.iter().cloned());
            }
            frames
        };
        stacks.iter().map(&mut name).collect()
    }
}

/// The waits of a recording, explained.
#[derive(Debug)]
pub struct Waiting {
    /// One by one, thread by thread, in the order of time.
    pub waits: Vec<Wait>,
    /// Added up.
    pub profile: Profile,
    /// By position in [`Recording::stacks`]: a runtime's waiting for work.
    parked: Vec<bool>,
    /// By position in [`Recording::stacks`]: its locations in the profile.
    stacks: HashMap<u32, Vec<LocationId>>,
}

impl Waiting {
    /// Where a wait began, leaf first, as locations of the profile; empty where that is not known.
    pub fn stack(&self, wait: &Wait) -> &[LocationId] {
        wait.stack.and_then(|stack| self.stacks.get(&stack)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why a thread was off its CPU.
    pub fn why(&self, wait: &Wait) -> Why {
        let idle = wait.stack.and_then(|stack| self.parked.get(stack as usize)).is_some_and(|parked| *parked);
        Why::of(wait.preempted, idle)
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A profile of a recording in the making.
struct Drawing<'a> {
    recording: &'a Recording,
    builder: Builder,
    resolver: Resolver<'a>,
    /// Locations of each stack that was met.
    stacks: HashMap<u32, Vec<LocationId>>,
}

impl<'a> Drawing<'a> {
    fn new(recording: &'a Recording, types: [ValueType; 2]) -> Self {
        let mut builder = Builder::new(types);
        let mut mapped: Vec<(u32, &Area)> =
            recording.areas.iter().flat_map(|(pid, areas)| areas.iter().map(|area| (*pid, area))).collect();
        // The executable first, as `go tool pprof` expects; processes in the order of their numbers.
        let first = recording.threads.first().map(|thread| thread.pid);
        mapped.sort_by_key(|(pid, area)| (Some(*pid) != first, *pid, !is_program(area), area.start));
        for (_, area) in mapped {
            builder.mapping(Mapping {
                start: area.start,
                limit: area.end,
                offset: area.offset,
                file: area.path.display().to_string(),
                build_id: area.build_id.clone(),
                symbols: Known::ALL,
            });
        }
        let resolver = Resolver::of(recording);
        Self { recording, builder, resolver, stacks: HashMap::new() }
    }

    /// Whether a stack, by its position, ends in a runtime's waiting for work.
    fn is_parked(&mut self, stack: u32) -> bool {
        let Some((pid, addresses)) = self.recording.stacks.get(stack as usize) else { return false };
        let (resolver, builder) = (&mut self.resolver, &mut self.builder);
        is_parked(addresses.iter().map(|address| {
            resolver.location(builder, *pid, *address);
            resolver.mark(*pid, *address)
        }))
    }

    /// Which sample of the profile it became; `None` of a thread that is not known.
    fn sample(
        &mut self,
        thread: u32,
        stack: Option<u32>,
        values: &[i64],
        labels: &[Label],
    ) -> Result<Option<usize>, BuildError> {
        let Some(thread) = self.recording.threads.get(thread as usize) else { return Ok(None) };
        let stack = stack.and_then(|at| Some((at, self.recording.stacks.get(at as usize)?)));
        let found = match stack {
            None => &Vec::new(),
            Some((at, (pid, addresses))) => self.stacks.entry(at).or_insert_with(|| {
                let (resolver, builder) = (&mut self.resolver, &mut self.builder);
                addresses.iter().map(|address| resolver.location(builder, *pid, *address)).collect()
            }),
        };
        let mut all = labels.to_vec();
        all.push(Label::text("thread", &thread.name));
        all.push(Label::text("tid", thread.tid.to_string()));
        self.builder.sample(found, values, &all).map(Some)
    }

    fn finish(mut self) -> Profile {
        #[allow(clippy::cast_possible_truncation, reason = "seconds of one recording")]
        let duration_nanos = (self.recording.wall_s * 1e9) as i64;
        self.builder.meta().duration_nanos = duration_nanos;
        self.builder.finish()
    }
}

/// A file as the process sees it, while it is there; otherwise as we do.
pub(super) fn seen_by(pid: u32, path: &Path) -> PathBuf {
    let inside = Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path));
    if inside.exists() { inside } else { path.to_owned() }
}

fn is_program(area: &Area) -> bool {
    let path = area.path.to_string_lossy();
    path.starts_with('/') && !path.contains(".so")
}
