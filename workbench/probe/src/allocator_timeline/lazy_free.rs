//! Pages that are resident only until the kernel wants them (`MADV_FREE`).

use std::io;

/// `LazyFree` of this process, bytes (`/proc/self/smaps_rollup`, proc(5)).
pub(super) fn read() -> io::Result<u64> {
    lazy_free(&std::fs::read_to_string("/proc/self/smaps_rollup")?)
}

fn lazy_free(rollup: &str) -> io::Result<u64> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "no LazyFree in /proc/self/smaps_rollup");
    let line = rollup.lines().find_map(|line| line.strip_prefix("LazyFree:")).ok_or_else(malformed)?;
    let kib: u64 = line.trim().strip_suffix("kB").and_then(|n| n.trim().parse().ok()).ok_or_else(malformed)?;
    Ok(kib << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn kibibytes_become_bytes() {
        let rollup = "55-7f ---p 00000000 00:00 0 [rollup]\nRss:  1024 kB\nLazyFree:              12 kB\nSwap: 0 kB\n";
        assert_eq!(super::lazy_free(rollup).unwrap(), 12 << 10);
        assert!(super::lazy_free("Rss: 1 kB\n").is_err() && super::lazy_free("LazyFree: x kB\n").is_err());
        super::read().unwrap();
    }
}
