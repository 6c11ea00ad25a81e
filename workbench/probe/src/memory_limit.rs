//! A soft limit on resident memory: Go's GOMEMLIMIT as far as it goes without a garbage collector.
//!
//! ```no_run
//! let limit = probe::memory_limit::Limit::new(256 << 20).start()?;
//! let pressure = limit.pressure(); // clone it into whatever can shed work
//! # Ok::<(), probe::memory_limit::LimitError>(())
//! ```
//!
//! 100 times a second a thread compares the resident set with the limit, and has the allocator give freed pages back
//! while it is close. That is all that can be done from here: where the memory is in live blocks, only the program can
//! let go of some, and [`Pressure`] tells it when. Go spends ever more CPU on collection in that case, its "death spiral",
//! and stops at 50 % of the CPU; here the budget is 25 % unless told otherwise.
//!
//! The limit is compared with all of the resident set, as an operator or a container sees it: code and memory of C
//! libraries included. GOMEMLIMIT counts what Go's runtime manages.

mod controller;
mod decision;
mod fault_cost;
mod give_back;
mod pressure;
mod size;

pub use self::controller::{Controller, Limit, LimitError, Tally};
pub use self::decision::{Action, Decider, Decision, LEAST_SHARE, START_SHARE, STOP_SHARE, Sample};
pub use self::pressure::{Change, Level, Pressure};
pub use self::size::{SizeError, parse_size};

/// Environment variable that [`Limit::from_environment`] reads, in Go's spelling: `256MiB`, or `off`.
pub const ENV: &str = "WORKBENCH_MEMORY_LIMIT";

/// Part of the CPUs' time that giving back, and the page faults that follow, may cost, unless told otherwise. Go's limiter
/// allows its collector 50 % (golang/go#48409); a purge frees less than a collection, so half of that.
pub const CPU_SHARE: f64 = 0.25;

/// Times a second that the controller looks.
pub const HZ: u32 = 100;
