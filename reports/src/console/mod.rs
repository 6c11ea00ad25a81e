//! What a recording of tokio-console says at a point in time: tasks by site, who waits on what, and what is conspicuous.
//!
//! Pure: from the lines of [`crate::run::console`] to plain tables.

mod agreement;
mod histogram;
mod observe;
mod queue;
mod resources;
mod sites;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use agreement::Agreement;
pub use histogram::Spread;
pub use observe::{Observation, Rule};
pub use resources::{ResourceGroup, Waiter};
pub use sites::TaskSite;
pub use view::{View, view};
