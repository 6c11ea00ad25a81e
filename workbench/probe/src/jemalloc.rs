//! jemalloc's settings and statistics.
//!
//! The build keeps the `_rjem_` prefix, so the environment variable is [`ENV`]; plain `MALLOC_CONF` is ignored in
//! silence, and jemalloc's own messages name the wrong one. Therefore settings are read back, never believed.

mod complaints;
mod conf;
mod control;
mod options;
pub mod profiling;
mod series;
mod sources;
mod zeroing;

pub use self::complaints::{Complaint, ComplaintKind, parse_complaints};
pub use self::conf::{Conf, ENV};
pub(crate) use self::control::owns;
pub use self::control::{ControlError, Stats, stats};
pub use self::options::effective;
pub use self::series::{Reader, Reading, purge};
pub use self::sources::hidden_sources;
pub use self::zeroing::zeroing_threshold;
