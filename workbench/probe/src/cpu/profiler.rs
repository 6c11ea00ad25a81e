//! Start and stop of a CPU profile, whoever samples.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::build_id::build_id;
use super::claim::Claim;
use super::mappings::executable_mappings;
use super::pprof_guard::{Counts, PprofSampler};
use super::profile::{CpuProfile, Frame, Sample};
use super::sampler::{Sampled, Sampler};
use super::symbols::Symbols;
use crate::usage::process_cpu_s;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A rate that nobody can keep.
    #[error("{hz} Hz is not between 1 and {}, which is what {backend} can do", backend.most_hz())]
    Rate {
        /// Who was to sample.
        backend: Backend,
        /// Rate asked for.
        hz: i32,
    },
    /// One profile at a time for the whole process.
    #[error("a CPU profile is already running in this process")]
    AlreadyRunning,
    /// Our sampler cannot work here; `pprof` may.
    #[error("the sampler cannot work here: {0}")]
    Unavailable(io::Error),
    /// The `pprof` crate failed.
    #[error("the profiler failed: {0}")]
    Pprof(pprof::Error),
    /// The kernel's own count or `/proc` is not readable, or the sampler's thread is gone.
    #[error("the process cannot look at itself: {0}")]
    Io(#[from] io::Error),
}

/// A running profile; dropping it ends it without a result.
#[derive(Debug)]
pub struct Profiler {
    hz: i32,
    fell_back: Option<String>,
    started: Instant,
    cpu_at_start_s: f64,
    running: Running,
    // Goes last: the signal is free only when the sampler has given it back.
    _claim: Claim,
}

#[derive(Debug)]
enum Running {
    Sampler(Sampler),
    Pprof(PprofSampler),
}

impl Profiler {
    /// Begins to sample every thread of this process, `hz` times per second of CPU time; `None` takes the backend's
    /// default.
    ///
    /// # Errors
    /// A rate beyond [`Backend::most_hz`], another profile that is running, or a refusal of the operating system.
    pub fn start(backend: Backend, hz: Option<i32>) -> Result<Self, ProfileError> {
        let hz = hz.unwrap_or(backend.default_hz());
        if !(1..=backend.most_hz()).contains(&hz) {
            return Err(ProfileError::Rate { backend, hz });
        }
        let claim = Claim::take().ok_or(ProfileError::AlreadyRunning)?;
        let cpu_at_start_s = process_cpu_s()?;
        let started = Instant::now();
        let running = match backend {
            Backend::Sampler => {
                let period = Duration::from_secs(1) / hz.unsigned_abs();
                Running::Sampler(Sampler::start(period).map_err(ProfileError::Unavailable)?)
            }
            Backend::Pprof => Running::Pprof(PprofSampler::start(hz).map_err(|error| match error {
                pprof::Error::Running => ProfileError::AlreadyRunning,
                other => ProfileError::Pprof(other),
            })?),
        };
        Ok(Self { hz, fell_back: None, started, cpu_at_start_s, running, _claim: claim })
    }

    /// The same; where our sampler cannot work, `pprof` takes its place at its own default rate, or at `hz` where that
    /// is lower, and the profile says why. Not where somebody else handles the signal that both need: `pprof` would take
    /// it from them without a word.
    ///
    /// # Errors
    /// As [`Profiler::start`], of the backend that was tried last.
    pub fn start_or_fall_back(backend: Backend, hz: Option<i32>) -> Result<Self, ProfileError> {
        match Self::start(backend, hz) {
            Err(ProfileError::Unavailable(reason)) if reason.kind() != io::ErrorKind::ResourceBusy => {
                let pprof_hz = Backend::Pprof.default_hz();
                let mut profiler = Self::start(Backend::Pprof, Some(hz.unwrap_or(pprof_hz).min(pprof_hz)))?;
                profiler.fell_back = Some(reason.to_string());
                Ok(profiler)
            }
            result => result,
        }
    }

    /// Ends the profile and resolves its addresses, which takes a while and is not part of it.
    ///
    /// # Errors
    /// The sampler failed, or the process cannot look at itself.
    pub fn stop(self) -> Result<CpuProfile, ProfileError> {
        let wall_s = self.started.elapsed().as_secs_f64();
        let kernel_cpu_s = process_cpu_s()? - self.cpu_at_start_s;
        let mut profile =
            CpuProfile { hz: self.hz, fell_back: self.fell_back, wall_s, kernel_cpu_s, ..CpuProfile::default() };
        match self.running {
            Running::Sampler(sampler) => add_sampled(&mut profile, sampler.stop()?),
            Running::Pprof(pprof) => add_counts(&mut profile, pprof.stop().map_err(ProfileError::Pprof)?),
        }
        profile.build_id = build_id();
        profile.mappings = executable_mappings()?;
        Ok(profile)
    }
}

/// Gives each address one position.
#[derive(Default)]
struct Locations {
    symbols: Symbols,
    positions: HashMap<u64, u32>,
    frames: Vec<Frame>,
}

impl Locations {
    /// Of an address within an instruction.
    fn exact(&mut self, address: u64) -> u32 {
        if let Some(position) = self.positions.get(&address) {
            return *position;
        }
        let frame = self.symbols.exact_one(address);
        self.of(frame)
    }

    fn of(&mut self, frame: Frame) -> u32 {
        *self.positions.entry(frame.address).or_insert_with(|| {
            self.frames.push(frame);
            u32::try_from(self.frames.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

fn add_sampled(profile: &mut CpuProfile, sampled: Sampled) {
    let mut locations = Locations::default();
    for stack in &sampled.stacks {
        let frames = stack.addresses.iter().map(|&address| locations.exact(address)).collect();
        profile.samples.push(Sample { thread: name(&stack.thread), frames, count: stack.count });
        profile.rootless += if stack.rooted { 0 } else { stack.count };
    }
    profile.locations = locations.frames;
    profile.started_ns = sampled.started_ns;
    profile.moments = sampled.moments;
    profile.threads = sampled.tids;
    (profile.signals, profile.lost, profile.unwatched) = (sampled.signals, sampled.lost, sampled.refused);
    profile.own_cpu_s = sampled.own_cpu_s;
    profile.kernel_cpu_s = (profile.kernel_cpu_s - sampled.own_cpu_s).max(0.0);
}

fn add_counts(profile: &mut CpuProfile, counts: Counts) {
    profile.backend = Backend::Pprof;
    let mut locations = Locations::default();
    for ((thread, addresses), count) in counts {
        let frames = locations.symbols.frames(&addresses);
        if frames.is_empty() {
            continue;
        }
        let frames = frames.into_iter().map(|frame| locations.of(frame)).collect();
        profile.samples.push(Sample { thread, frames, count });
        profile.signals += count;
    }
    profile.locations = locations.frames;
}

fn name(bytes: &[u8]) -> String {
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_nobody_can_keep_are_refused_with_the_reason() {
        for (backend, hz) in
            [(Backend::Sampler, 0), (Backend::Sampler, -1), (Backend::Sampler, 10_001), (Backend::Pprof, 1000)]
        {
            let refused = Profiler::start(backend, Some(hz));
            assert!(matches!(refused, Err(ProfileError::Rate { hz: named, .. }) if named == hz));
        }
        let error = ProfileError::Rate { backend: Backend::Pprof, hz: 1000 };
        insta::assert_snapshot!(error.to_string(), @"1000 Hz is not between 1 and 999, which is what pprof can do");
    }
}
