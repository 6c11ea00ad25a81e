//! Pure statistics for paired, blocked comparisons: no I/O, no clock, no randomness.
//!
//! Comparisons use the Wilcoxon signed-rank family, because trial times are neither normal nor independent of what else
//! the host does (design 06 §3): the test, the Hodges–Lehmann estimate and the interval that inverts the test agree.

mod holm;
mod location;
mod normal;
mod power;
mod shares;
mod signed_rank;
mod spread;

pub use holm::holm;
pub use location::{equivalent, hodges_lehmann, interval};
pub use power::{detectable, pairs_needed};
pub use shares::{ShareRatio, Shares, share_ratio};
pub use signed_rank::{EXACT, SignedRank, critical, signed_rank, smallest_p};
pub use spread::{mad, median, quantile, standard_deviation};

#[cfg(test)]
mod properties;
