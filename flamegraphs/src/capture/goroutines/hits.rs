//! What the kernel writes at a probe in Go's runtime.

use crate::capture::perf::uprobe::{Fields, words};

/// rax, rcx, rip, r14 (bits of asm/perf_regs.h): first and third argument, and the goroutine of the thread, by Go's register
/// calling convention (`abi-internal.md`).
pub(super) const REGISTERS: u64 = 1 | 1 << 2 | 1 << 8 | 1 << 22;
const REGISTER_COUNT: usize = 4;
/// A stack beginning with its return address.
pub(super) const STACK_BYTES: u32 = 8;

/// A thread at a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) id: u64,
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) time_ns: u64,
    /// First and third argument.
    pub(super) arguments: [u64; 2],
    /// What the thread's goroutine is known by.
    pub(super) goroutine: u64,
    /// Addresses, innermost first.
    pub(super) stack: Vec<u64>,
}

/// The probe that a record is of.
pub(super) fn probe(body: &[u8]) -> Option<u64> {
    Fields(body).u64()
}

/// Reads the body of a record of a probe, with a chain or without; `None` where it is too short to be what it claims.
pub(super) fn read(body: &[u8], has_chain: bool) -> Option<Hit> {
    let mut fields = Fields(body);
    let id = fields.u64()?;
    let (pid, tid, time_ns) = (fields.u32()?, fields.u32()?, fields.u64()?);
    let count = if has_chain { usize::try_from(fields.u64()?).ok()? } else { 0 };
    let chain = fields.bytes(count.checked_mul(8)?)?;
    let mut registers = [0; REGISTER_COUNT];
    if fields.u64()? != 0 {
        for register in &mut registers {
            *register = fields.u64()?;
        }
    }
    let room = fields.u64().and_then(|room| usize::try_from(room).ok()).unwrap_or(0);
    let copied = fields.bytes(room)?;
    let returns_to = copied.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let [first, third, at, goroutine] = registers;
    // At a first instruction the frame of its caller is not in the chain yet; newer kernels may put it in.
    let callers: Vec<u64> = words(chain).filter(|address| *address != at).collect();
    let missing = returns_to.filter(|address| callers.first() != Some(address));
    let calls = missing.into_iter().chain(callers).map(|returns_to| returns_to.wrapping_sub(1));
    let stack = std::iter::once(at).chain(calls).collect();
    Some(Hit { id, pid, tid, time_ns, arguments: [first, third], goroutine, stack })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_caller_that_has_no_frame_yet_is_put_between() {
        let user = -512_i64 as u64;
        let bytes = body(&[6, 8 << 32 | 7, 99, 4, user, 0x500, 0x301, 0x401, 2, 11, 12, 0x500, 14, 8, 0x201, 8]);
        let hit = read(&bytes, true).unwrap();
        assert_eq!((hit.id, hit.pid, hit.tid, hit.time_ns), (6, 7, 8, 99));
        assert_eq!((hit.arguments, hit.goroutine), ([11, 12], 14));
        assert_eq!(hit.stack, [0x500, 0x200, 0x300, 0x400]);
        let told = body(&[6, 8 << 32 | 7, 99, 4, user, 0x500, 0x201, 0x401, 2, 11, 12, 0x500, 14, 8, 0x201, 8]);
        assert_eq!(read(&told, true).unwrap().stack, [0x500, 0x200, 0x400]);
        let without = body(&[6, 8 << 32 | 7, 99, 2, 11, 12, 0x500, 14, 0]);
        assert_eq!(read(&without, false).map(|hit| (hit.arguments, hit.stack)), Some(([11, 12], vec![0x500])));
        assert_eq!(probe(&without), Some(6));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (probe(&bytes), read(&bytes, true), read(&bytes, false));
        }
    }
}
