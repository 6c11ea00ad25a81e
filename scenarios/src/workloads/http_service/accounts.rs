//! Users and their argon2id password hashes.

use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::workload::WorkloadError;
use crate::workloads::splitmix::SplitMix;

/// Password of every seeded user.
///
/// One for all, so that a request template can pick a user at random and still be right.
pub const PASSWORD: &str = "correct horse battery staple";

/// Cost of a hash. One lane: a login uses one core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashing {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
}

/// The users of the service; index `i` is `user-{i}`.
#[derive(Debug)]
pub(super) struct Accounts {
    hashes: Vec<PasswordHash>,
    sessions: AtomicU64,
}

impl Accounts {
    /// Hashes [`PASSWORD`] for `users` users, each with a salt from `seed`.
    pub(super) fn seeded(users: usize, hashing: Hashing, seed: u64) -> Result<Self, WorkloadError> {
        let params = Params::new(hashing.memory_kib, hashing.passes, 1, None)
            .map_err(|error| WorkloadError::Failed(format!("argon2 refused its cost: {error}")))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut random = SplitMix::new(seed);
        let hashes = (0..users)
            .map(|_| {
                let mut salt = [0u8; 16];
                salt[..8].copy_from_slice(&random.next().to_le_bytes());
                salt[8..].copy_from_slice(&random.next().to_le_bytes());
                argon2.hash_password_with_salt(PASSWORD.as_bytes(), &salt)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| WorkloadError::Failed(format!("hashing the seeded passwords: {error}")))?;
        Ok(Self { hashes, sessions: AtomicU64::new(random.next()) })
    }

    /// The hash of a user, if there is such a user.
    pub(super) fn hash_of(&self, user: &str) -> Option<&PasswordHash> {
        let index = user.strip_prefix("user-")?;
        // `user-007` and `user-+7` parse as 7 but are nobody's name.
        let index: usize = index.parse().ok().filter(|parsed: &usize| parsed.to_string() == index)?;
        self.hashes.get(index)
    }

    /// A session number that no other login of this process got.
    pub(super) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }
}

/// Whether `password` is the one that `hash` was made from. Milliseconds of CPU.
///
/// Never inlined: a flamegraph must show it between the handler and argon2's own frames.
#[inline(never)]
pub(super) fn verify_password(password: &str, hash: &PasswordHash) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Hashing = Hashing { memory_kib: 8, passes: 1 };

    #[test]
    fn hashes_are_argon2id_of_the_asked_cost_and_salted_per_user() {
        let accounts = Accounts::seeded(2, Hashing { memory_kib: 64, passes: 3 }, 1).unwrap();
        let text: Vec<String> = accounts.hashes.iter().map(ToString::to_string).collect();
        assert!(text.iter().all(|t| t.starts_with("$argon2id$v=19$m=64,t=3,p=1$")), "{text:?}");
        assert_ne!(text[0], text[1]);
    }

    #[test]
    fn only_the_right_password_of_a_known_user_verifies() {
        let accounts = Accounts::seeded(3, CHEAP, 1).unwrap();
        let hash = accounts.hash_of("user-2").unwrap();
        assert!(verify_password(PASSWORD, hash));
        assert!(!verify_password("wrong", hash));
        for nobody in ["user-3", "user-", "user-02", "user-+1", "2", "", "USER-1"] {
            assert!(accounts.hash_of(nobody).is_none(), "{nobody}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_hashes() {
        let text = |seed| Accounts::seeded(1, CHEAP, seed).unwrap().hashes[0].to_string();
        assert_eq!(text(5), text(5));
        assert_ne!(text(5), text(6));
    }
}
