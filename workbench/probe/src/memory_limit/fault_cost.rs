//! What a minor page fault costs on this machine, measured once: the kernel counts faults, not their time.

use std::io;

/// Pages that are touched: under a millisecond of work.
const PAGES: usize = 256;
const PAGE: usize = 4096;

/// CPU seconds of one fault: fresh pages, one at a time, by this thread's own CPU clock.
///
/// # Errors
/// The kernel gives no memory or no clock.
pub(super) fn measured_s() -> io::Result<f64> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new private mapping at an address of the kernel's choice touches nobody's memory.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), PAGES * PAGE, access, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A huge page would serve 512 touches by one fault. Kernels without huge pages refuse, and need not be told.
    // SAFETY: the mapping is ours and as long as stated.
    unsafe { libc::madvise(start, PAGES * PAGE, libc::MADV_NOHUGEPAGE) };
    let before = crate::usage::thread_cpu_s();
    for page in 0..PAGES {
        // SAFETY: within the mapping, which is writable.
        unsafe { start.cast::<u8>().add(page * PAGE).write_volatile(1) };
    }
    let after = crate::usage::thread_cpu_s();
    // SAFETY: the mapping is ours, as long as stated, and nothing points into it.
    unsafe { libc::munmap(start, PAGES * PAGE) };
    Ok((after? - before?) / PAGES as f64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_touch_is_a_fault() {
        let before = crate::usage::process().unwrap().minor_faults;
        assert!(super::measured_s().unwrap() > 0.0);
        assert!(crate::usage::process().unwrap().minor_faults >= before + super::PAGES as u64);
    }
}
