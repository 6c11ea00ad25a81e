//! Which CPU the driver thread gets.

use serde::{Deserialize, Serialize};

use super::pacer::Pacing;

/// Where the driver runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// On a CPU that the subject may not use.
    Dedicated {
        /// The driver's.
        driver: usize,
        /// The subject's.
        subject: Vec<usize>,
    },
    /// Wherever the kernel puts it, beside the subject.
    Shared,
}

impl Placement {
    /// Chooses from the CPUs that this process may use, and its CPU quota in CPUs where a cgroup sets one.
    ///
    /// Up to two CPUs, or a quota, and the two share: a core taken away would change what is measured, and spinning on
    /// a shared core destroys it (design 02 §2c: 594 ms instead of 65 µs). Otherwise the driver gets the last one;
    /// CPU 0 tends to serve interrupts.
    pub fn choose(allowed: &[usize], quota: Option<f64>) -> Self {
        match allowed {
            [subject @ .., driver] if allowed.len() > 2 && !limited(allowed, quota) => {
                Self::Dedicated { driver: *driver, subject: subject.to_vec() }
            }
            _ => Self::Shared,
        }
    }

    /// Chooses where the subject's CPUs are given: the last allowed one that it may not use. Under a CPU quota the two
    /// share all the same: a driver that spins would spend what the subject is to have.
    pub fn beside(allowed: &[usize], subject: Vec<usize>, quota: Option<f64>) -> Self {
        match allowed.iter().rev().find(|cpu| !subject.contains(cpu)) {
            Some(&driver) if !limited(allowed, quota) => Self::Dedicated { driver, subject },
            _ => Self::Shared,
        }
    }

    /// How to wait there.
    pub fn pacing(&self) -> Pacing {
        match self {
            Self::Dedicated { .. } => Pacing::Hybrid { spin: Pacing::SPIN },
            Self::Shared => Pacing::Sleep,
        }
    }

    /// `dedicated` or `shared`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dedicated { .. } => "dedicated",
            Self::Shared => "shared",
        }
    }
}

/// Whether a cgroup gives less CPU time than the CPUs have.
fn limited(allowed: &[usize], quota: Option<f64>) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "a number of CPUs")]
    let cpus = allowed.len() as f64;
    quota.is_some_and(|quota| quota < cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_confined_subject_the_driver_takes_a_free_core_unless_there_is_a_quota() {
        let dedicated = Placement::Dedicated { driver: 1, subject: vec![0] };
        assert_eq!(Placement::beside(&[0, 1], vec![0], None), dedicated);
        assert_eq!(Placement::beside(&[0, 1], vec![0], Some(2.0)), dedicated);
        assert_eq!(Placement::beside(&[0, 1], vec![0], Some(1.5)), Placement::Shared);
        assert_eq!(Placement::beside(&[0, 1], vec![0, 1], None), Placement::Shared);
    }

    #[test]
    fn a_core_is_taken_only_where_there_are_more_than_two_and_no_quota() {
        assert_eq!(Placement::choose(&[0], None), Placement::Shared);
        assert_eq!(Placement::choose(&[0, 1], None), Placement::Shared);
        let dedicated = Placement::Dedicated { driver: 7, subject: vec![2, 5] };
        assert_eq!(Placement::choose(&[2, 5, 7], None), dedicated);
        assert_eq!(Placement::choose(&[2, 5, 7], Some(2.5)), Placement::Shared);
        assert_eq!(Placement::choose(&[2, 5, 7], Some(3.0)), dedicated);
        assert_eq!(Placement::choose(&[], None), Placement::Shared);
    }

    #[test]
    fn nothing_spins_on_a_shared_core() {
        assert_eq!(Placement::Shared.pacing(), Pacing::Sleep);
        assert!(matches!(Placement::choose(&[0, 1, 2], None).pacing(), Pacing::Hybrid { .. }));
    }
}
