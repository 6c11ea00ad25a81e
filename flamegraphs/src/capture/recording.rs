//! What was recorded, and the profile it makes.

use std::collections::HashMap;
use std::path::Path;

use super::address_space::Area;
use super::symbols::{Place, Symbols};
use crate::coverage::Coverage;
use crate::profile::{BuildError, Builder, Frame, Label, LocationId, Mapping, Profile, Symbols as Known, ValueType};

/// Addresses from here on are the kernel's (the upper half of the address space).
const KERNEL: u64 = 1 << 63;

/// A thread that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its process.
    pub pid: u32,
    /// Its number.
    pub tid: u32,
    /// Its last name, `comm` of proc(5); may be empty.
    pub name: String,
    /// Samples of it.
    pub samples: u64,
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
    /// The samples one by one, in no particular order; [`Recording::forgotten`] of them are missing.
    pub taken: Vec<Taken>,
    /// Who was on a CPU when, in no particular order.
    pub on_cpu: Vec<OnCpu>,
    /// Samples whose times were not kept because there were too many.
    pub forgotten: u64,
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

    /// Who sampled, in words.
    pub fn sampler(&self) -> String {
        let hz = 1e9 / self.period_ns.max(1) as f64;
        let kernel = if self.kernel { "" } else { ", without the kernel's side" };
        format!("perf events at {hz:.0} Hz from outside{kernel}")
    }

    /// The recording as a profile with the sample types `samples` and `cpu`; every sample gets `labels` and its thread.
    ///
    /// # Errors
    /// Only should the recording not hold together.
    pub fn profile(&self, labels: &[Label]) -> Result<Profile, BuildError> {
        let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
        let mut mapped: Vec<(u32, &Area)> =
            self.areas.iter().flat_map(|(pid, areas)| areas.iter().map(|area| (*pid, area))).collect();
        // The executable first, as `go tool pprof` expects; processes in the order of their numbers.
        let first = self.threads.first().map(|thread| thread.pid);
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
        let mut resolver = Resolver { recording: self, symbols: Symbols::default(), known: HashMap::new() };
        let mut locations: Vec<Option<Vec<LocationId>>> = vec![None; self.stacks.len()];
        for (thread, stack, count) in &self.counts {
            let (Some(thread), Some((pid, addresses))) =
                (self.threads.get(*thread as usize), self.stacks.get(*stack as usize))
            else {
                continue;
            };
            let slot = &mut locations[*stack as usize];
            let found = slot.get_or_insert_with(|| {
                addresses.iter().map(|address| resolver.location(&mut builder, *pid, *address)).collect()
            });
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let period = i64::try_from(self.period_ns).unwrap_or(i64::MAX);
            let mut all = labels.to_vec();
            all.push(Label::text("thread", &thread.name));
            all.push(Label::text("tid", thread.tid.to_string()));
            builder.sample(found, &[count, count.saturating_mul(period)], &all)?;
        }
        let meta = builder.meta();
        meta.default_sample_type = "cpu".to_owned();
        meta.period_type = Some(ValueType::new("cpu", "nanoseconds"));
        meta.period = i64::try_from(self.period_ns).unwrap_or(i64::MAX);
        #[allow(clippy::cast_possible_truncation, reason = "seconds of one recording")]
        let duration_nanos = (self.wall_s * 1e9) as i64;
        meta.duration_nanos = duration_nanos;
        meta.set_coverage(&self.coverage());
        Ok(builder.finish())
    }
}

fn is_program(area: &Area) -> bool {
    let path = area.path.to_string_lossy();
    path.starts_with('/') && !path.contains(".so")
}

/// Each address of a process is resolved once.
struct Resolver<'a> {
    recording: &'a Recording,
    symbols: Symbols,
    known: HashMap<(u32, u64), LocationId>,
}

impl Resolver<'_> {
    fn location(&mut self, builder: &mut Builder, pid: u32, address: u64) -> LocationId {
        if let Some(known) = self.known.get(&(pid, address)) {
            return *known;
        }
        let places = self.places(pid, address);
        let frames: Vec<Frame<'_>> = places
            .iter()
            .map(|place| Frame {
                function: &place.function,
                system_name: &place.system_name,
                file: &place.file,
                line: place.line,
            })
            .collect();
        let location = builder.location(address, &frames);
        self.known.insert((pid, address), location);
        location
    }

    fn places(&mut self, pid: u32, address: u64) -> Vec<Place> {
        if address >= KERNEL {
            return self.symbols.in_kernel(address);
        }
        let areas = self.recording.areas.get(&pid).map(Vec::as_slice).unwrap_or_default();
        let Some(area) = areas.iter().find(|area| (area.start..area.end).contains(&address)) else {
            return Vec::new();
        };
        let found = match area.bias {
            Some(bias) => {
                // As the process sees the file, while it is there; otherwise as we do.
                let inside =
                    Path::new(&format!("/proc/{pid}/root")).join(area.path.strip_prefix("/").unwrap_or(&area.path));
                let path = if inside.exists() { inside } else { area.path.clone() };
                self.symbols.at(&path, address.wrapping_sub(bias))
            }
            None => Vec::new(),
        };
        if found.is_empty() && area.path == Path::new("[vdso]") {
            return vec![Place { function: "[vdso]".into(), system_name: String::new(), file: String::new(), line: 0 }];
        }
        found
    }
}
