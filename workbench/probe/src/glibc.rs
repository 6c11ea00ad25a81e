//! What the C library's allocator says and does.
//!
//! Tunables, too: glibc ignores bad values and unknown names without a word, so they are read back as the loader
//! understands them and, where malloc shows it, by what malloc does.

#[cfg(target_env = "gnu")]
mod arenas;
#[cfg(target_env = "gnu")]
mod observe;
mod tunables;

#[cfg(target_env = "gnu")]
pub use self::observe::observed;
pub use self::tunables::{TunablesError, tunables};

/// Its state over all arenas, bytes (`mallinfo2` of mallinfo(3)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Info {
    /// From the kernel, in heaps (`arena`) and as mappings of single blocks (`hblkhd`).
    pub mapped: u64,
    /// In blocks that are in use, single mappings included.
    pub allocated: u64,
    /// In free blocks, whether their pages were given back or not (`fordblks`).
    pub free: u64,
}

/// Reads it, under the lock of each arena in turn.
#[cfg(target_env = "gnu")]
pub fn info() -> Info {
    // SAFETY: no preconditions; the answer is plain numbers.
    let info = unsafe { libc::mallinfo2() };
    Info {
        mapped: (info.arena + info.hblkhd) as u64,
        allocated: (info.uordblks + info.hblkhd) as u64,
        free: info.fordblks as u64,
    }
}

/// Gives whole free pages of every arena back (`malloc_trim(0)`).
#[cfg(target_env = "gnu")]
pub fn trim() {
    // SAFETY: no preconditions.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries do not say.
#[cfg(not(target_env = "gnu"))]
pub fn info() -> Info {
    Info::default()
}

/// Other C libraries have no tunables.
#[cfg(not(target_env = "gnu"))]
pub fn observed(_name: &str, _expected: u64) -> Option<u64> {
    None
}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub fn trim() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_is_counted_while_it_lives() {
        const BYTES: usize = 48 << 20;
        let before = info();
        // SAFETY: any size may be asked for.
        let block = unsafe { libc::malloc(BYTES) };
        assert!(!block.is_null());
        let within = info();
        // SAFETY: came from malloc and is freed once.
        unsafe { libc::free(block) };
        trim();
        assert!(within.allocated >= before.allocated + BYTES as u64 && within.mapped >= before.mapped + BYTES as u64);
        assert!(info().allocated < within.allocated);
    }
}
