//! One CPU profile at a time for the whole process, whoever samples: both samplers own the same signal.

use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to profile; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Claim(());

impl Claim {
    /// `None` while somebody else has it.
    pub(super) fn take() -> Option<Self> {
        // Lazily: a claim that is made and not taken would give back that of somebody else.
        (!TAKEN.swap(true, AcqRel)).then(|| Self(()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        TAKEN.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_is_refused_takes_nothing_from_who_has_it() {
        // Another test of this process may profile meanwhile.
        let claim = loop {
            if let Some(claim) = Claim::take() {
                break claim;
            }
            std::thread::yield_now();
        };
        assert!(Claim::take().is_none() && Claim::take().is_none());
        drop(claim);
    }
}
