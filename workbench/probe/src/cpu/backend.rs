//! Who samples.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Ways to sample CPU time within the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Our own: a timer on each thread's CPU clock, weighted by overruns, unwound outside of the handler.
    #[default]
    Sampler,
    /// The `pprof` crate: one timer for the process, unwound within the handler.
    Pprof,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sampler, Self::Pprof];

    /// `sampler` or `pprof`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sampler => "sampler",
            Self::Pprof => "pprof",
        }
    }

    /// Samples per second of CPU unless asked otherwise: not a divisor of the kernel's tick, so that the two do not
    /// march in step.
    pub fn default_hz(self) -> i32 {
        match self {
            Self::Sampler => 999,
            Self::Pprof => 99,
        }
    }

    /// Highest rate that is accepted, per second of CPU.
    pub fn most_hz(self) -> i32 {
        match self {
            Self::Sampler => 10_000,
            Self::Pprof => 999,
        }
    }

    /// What speaks against a rate that is accepted nonetheless.
    pub fn warning(self, hz: i32) -> Option<&'static str> {
        (self == Self::Pprof && hz > Self::Pprof.default_hz()).then_some(
            "profiling signals expire on the kernel's tick (often 250 a second): above 99 Hz, pprof loses most of its \
             samples without a word",
        )
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| format!("`{name}` is no CPU backend: `sampler` or `pprof`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_only_fast_pprof_is_warned_of() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
            assert_eq!(serde_json::to_string(&backend).unwrap(), format!("\"{backend}\""));
            assert_eq!(backend.warning(backend.default_hz()), None);
        }
        assert!("perf".parse::<Backend>().unwrap_err().contains("`sampler` or `pprof`"));
        assert!(Backend::Pprof.warning(100).is_some_and(|text| text.contains("tick")));
        assert_eq!(Backend::Sampler.warning(5000), None);
    }
}
