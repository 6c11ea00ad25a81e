//! A heap profile as plain data.

use serde::{Deserialize, Serialize};

use crate::cpu::{Frame, Mapping};

/// What the sampler saw between start and stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Mean distance of sampled bytes, bytes.
    pub rate: u64,
    /// Seconds between start and stop.
    pub wall_s: f64,
    /// Distinct stacks, by address.
    pub samples: Vec<Sample>,
    /// The moment of most live memory; `None` where it was not watched, or nothing was live that was not so at the start.
    pub peak: Option<Peak>,
    /// Sampled blocks whose stack found no place: they are a sample without frames.
    pub lost_stacks: u64,
    /// Sampled blocks that could not be followed to their free: they count as allocated and never as in use.
    pub untracked: u64,
    /// How stacks were walked: `frame pointers` or `unwind tables`.
    pub walked_by: String,
    /// GNU build id of the executable, hex; `None` where it was linked without.
    pub build_id: Option<String>,
    /// Executable mappings of the process at stop, ascending.
    pub mappings: Vec<Mapping>,
}

/// One stack and what was allocated there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Leaf, the caller of the allocator, first.
    pub frames: Vec<Frame>,
    /// Blocks that were sampled: what the estimates rest on.
    pub sampled: u64,
    /// Estimate of everything allocated since the start.
    pub allocated: Values,
    /// Estimate of what of it was live at stop.
    pub in_use: Values,
    /// The same two at the moment of [`Profile::peak`].
    pub at_peak: Moment,
}

/// Estimates at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Everything allocated since the start.
    pub allocated: Values,
    /// What of it was live.
    pub in_use: Values,
}

/// The moment of most live memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Seconds since the start.
    pub at_s: f64,
    /// Bytes that were live then, exactly, in the whole process: also what was so before the start, which is in no sample.
    pub live_bytes: u64,
}

/// Blocks and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Blocks.
    pub objects: u64,
    /// Bytes, as asked for (not size classes).
    pub bytes: u64,
}

impl Profile {
    /// Sampled blocks in all.
    pub fn sampled(&self) -> u64 {
        self.samples.iter().map(|sample| sample.sampled).sum()
    }

    /// Estimate of everything allocated.
    pub fn allocated(&self) -> Values {
        total(self.samples.iter().map(|sample| sample.allocated))
    }

    /// Estimate of everything in use at stop.
    pub fn in_use(&self) -> Values {
        total(self.samples.iter().map(|sample| sample.in_use))
    }

    /// Estimate of what of [`Peak::live_bytes`] was allocated since the start: what the picture of the peak shows.
    pub fn in_use_at_peak(&self) -> Values {
        total(self.samples.iter().map(|sample| sample.at_peak.in_use))
    }
}

fn total(values: impl Iterator<Item = Values>) -> Values {
    values
        .fold(Values::default(), |sum, one| Values { objects: sum.objects + one.objects, bytes: sum.bytes + one.bytes })
}
