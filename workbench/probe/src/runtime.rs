//! tokio runtimes from settings, and proof that the settings took.

mod counters;
mod observe;
mod read_back;
mod settings;
mod unstable;

pub use self::counters::RuntimeCounters;
pub use self::read_back::{Effective, ReadBackError, read_back};
pub use self::settings::{BuildError, Flavor, Settings, build, build_recorded, build_recorded_with};
pub use self::unstable::UnhandledPanic;
