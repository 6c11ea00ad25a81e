//! Pure statistics for paired, blocked comparisons: no I/O, no clock, no randomness.
//!
//! Comparisons use the Wilcoxon signed-rank family, because trial times are neither normal nor independent of what else
//! the host does (design 06 §3): the test, the Hodges–Lehmann estimate and the interval that inverts the test agree.
//!
//! What else was tried on the recorded trials of `tests/data` (CPU per operation; power of 32 pairs at .008 for +2 % and
//! +3 %, 4,000 resamples; programs centred, so that any two of a block are identical):
//!
//! | pairs | spread | +2 % | +3 % | |
//! |---|---|---|---|---|
//! | any two trials of a block of seven | 4.4 % | 43 % | 85 % | |
//! | adjacent trials | 4.1 % | 53 % | 90 % | kept: blocks hold only what is compared |
//! | adjacent, 48 pairs | | 76 % | 99 % | kept: looks go on beyond 32 |
//! | adjacent, 64 pairs | | 90 % | 100 % | |
//! | adjacent, 85 pairs | | 97 % | 100 % | |
//! | ABBA, 16 units of four trials | 2.9 % a unit | 43 % | 84 % | no drift within a block to cancel |
//! | a trial against the mean of its neighbours, 21 units | 3.5 % a unit | 40 % | 82 % | two trials of the base buy less than another pair |
//! | residual on `other_busy_s`, `steal_s`, `nivcsw`, `nvcsw`, … | 4.1 % | 51–54 % | 90–92 % | as without |
//! | residual on capacity | 3.9 % | 50 % | 89 % | capacity falls with the CPU that is asked about and takes 7 % of it away |
//! | ranks weighted by capacity^.3 | | 55 % | 92 % | within the error of the figures; not worth a parameter |
//! | mixed with user time of the open loop, 9 : 1 | 6.0 % | 23 % | 56 % | |
//!
//! So what sees +3 %, then +2 %, in a minute is more and shorter trials: without the open-loop phase some 46 pairs fit (50 ms of
//! warm-up, 250 ms saturated, 350 ms to start and stop), and +2 % takes two minutes.

mod benjamini_hochberg;
mod binomial;
mod boundary;
mod clustered;
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
#[cfg(test)]
pub(crate) use binomial::ln_gamma;
pub use binomial::{clopper_pearson, clopper_pearson_of, clopper_pearson_upper};
pub use clustered::{Clustered, clustered_ratio};
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
