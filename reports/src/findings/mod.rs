//! From evidence to named causes.
//!
//! A rule is about a mechanism, never about a name: it looks at everything that is known of one variant and finds causes,
//! rules its mechanism out, or says what it would have to see.

mod adapting;
mod branching;
mod cause;
mod comparing;
mod cpu_table;
mod dealing;
mod deciding;
mod derived;
mod dropping;
mod experiment;
mod forgetting;
mod guarded;
mod guilty;
mod harm;
mod hashing;
mod iterating;
mod joined;
mod leaving;
mod letting_go;
mod locking;
mod loops;
mod losing;
mod naming;
mod offloading;
mod overwriting;
mod own_waits;
mod owner;
mod parking;
mod passing;
mod path;
mod preferring;
mod rank;
mod record;
mod recursing;
mod remaining;
mod remembering;
mod rules;
mod served;
mod setting;
mod signatures;
mod skipping;
mod slicing;
mod telling;
mod timeouts;
mod tokens;
mod unheard;
mod usable;

pub use cpu_table::{CalledBack, CpuRow, CpuTable, ENTERING, Keeper};
pub use joined::{Build, Failed, Felt, Joined};
pub use loops::Loops;
pub use rank::explain;
pub use record::{Culprit, Explanation, Finding, RuledOut, Undecided, Unused};
pub use usable::PROGRAM_FILE;

#[cfg(test)]
mod tests;
