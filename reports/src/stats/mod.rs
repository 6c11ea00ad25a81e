//! Pure statistics for paired, blocked comparisons: no I/O, no clock, no randomness.
//!
//! Comparisons use the Wilcoxon signed-rank family, because trial times are neither normal nor independent of what else
//! the host does (design 06 §3): the test, the Hodges–Lehmann estimate and the interval that inverts the test agree.

mod benjamini_hochberg;
mod binomial;
mod boundary;
mod design;
mod difference;
mod family;
mod holm;
mod location;
mod normal;
mod poisson;
mod power;
mod sensitivity;
mod session;
mod shares;
mod signed_rank;
mod spread;
mod student;
mod verdict;

pub use benjamini_hochberg::benjamini_hochberg;
pub use binomial::{clopper_pearson, clopper_pearson_upper};
pub use design::{Design, DesignError, GATE_ALPHA, INTERVAL_ALPHA, LOOKS};
pub use difference::{MeanDifference, mean_difference};
pub use family::Family;
pub use holm::holm;
pub use location::{equivalent, hodges_lehmann, interval};
pub(crate) use normal::upper_tail as normal_upper_tail;
pub use poisson::{Counted, RateRatio, rate_ratio};
pub use power::{detectable, pairs_needed};
pub use sensitivity::smallest_change;
pub use session::{NoRatio, Session, Step};
pub use shares::{ShareRatio, Shares, share_ratio};
pub use signed_rank::{EXACT, SignedRank, critical, signed_rank, smallest_p};
pub use spread::{mad, median, quantile, standard_deviation};
pub use student::t_two_sided;
pub use verdict::{Conclusion, Question};
pub(crate) use verdict::{Strictness, conclude};

#[cfg(test)]
mod properties;
