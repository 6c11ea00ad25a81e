//! Results for a terminal.
//!
//! Every function returns whole lines, ending in a newline, without control characters other than the colour codes
//! asked for; names that hold any are shown with `\u{1b}` in their place.

mod allocator;
mod attached;
mod breach;
mod console;
mod findings;
pub(crate) mod gate;
mod history;
mod ink;
mod layout;
mod lists;
mod movers;
mod numbers;
mod result;
mod stalls;
mod tasks;
mod trace;
mod waits;

pub use allocator::allocator;
pub use breach::breach;
pub use console::{console_tasks, resources};
pub use findings::explanation;
pub use gate::{BaselineLine, baselines, gate};
pub use history::history;
pub use lists::{RunLine, comparison, runs};
pub use movers::{moved, movers};
pub use result::{result, slo};
pub use tasks::tasks;
pub use trace::{of_process, task_timeline, trace};
pub use waits::waits;
