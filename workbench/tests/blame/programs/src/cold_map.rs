//! The handler reads a mapped file whose pages are not in memory: the thread waits for the disk, and no system call shows it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Twin;
use crate::http::serve;

const PAGE: usize = 4096;
const PAGES: usize = 16 * 1024;

/// A file, and the same mapped.
struct Archive {
    file: File,
    start: *const u8,
    next: AtomicUsize,
}

// SAFETY: the mapping is read-only and lives as long as the process.
unsafe impl Send for Archive {}
// SAFETY: as above.
unsafe impl Sync for Archive {}

impl Archive {
    fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("faulty-archive-{}", std::process::id()));
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let chunk = vec![3_u8; 64 * PAGE];
        for _ in 0..PAGES / 64 {
            file.write_all(&chunk)?;
        }
        file.sync_all()?;
        let length = PAGES * PAGE;
        // SAFETY: a fresh read-only mapping of an open file.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the mapping just made.
        unsafe { libc::madvise(start, length, libc::MADV_RANDOM) };
        Ok(Self { file, start: start.cast(), next: AtomicUsize::new(0) })
    }

    /// Pages far apart, as the index of a search has them.
    fn pages(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..48).map(move |n| (first * 48 + n).wrapping_mul(40_503) % PAGES)
    }

    /// More than fits: what was read is soon gone from memory again.
    fn evict(&self) {
        // SAFETY: both speak of the whole mapping and of the open file; nothing is written.
        unsafe {
            libc::madvise(self.start.cast_mut().cast(), PAGES * PAGE, libc::MADV_DONTNEED);
            libc::posix_fadvise(self.file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED);
        }
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let archive = Arc::new(Archive::create()?);
    let evicted = Arc::clone(&archive);
    std::thread::spawn(move || {
        loop {
            evicted.evict();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    crate::http::runtime()?.block_on(serve(port, move || {
        let archive = Arc::clone(&archive);
        async move {
            match twin {
                Twin::Broken => look_up(&archive).to_string(),
                Twin::Healthy => {
                    let read = tokio::task::spawn_blocking(move || look_up_by_reads(&archive)).await;
                    read.unwrap_or_default().to_string()
                }
            }
        }
    }))
}

fn look_up(archive: &Archive) -> u64 {
    // SAFETY: every page lies within the mapping.
    archive.pages().map(|page| u64::from(unsafe { archive.start.add(page * PAGE).read_volatile() })).sum() // guilty
}

fn look_up_by_reads(archive: &Archive) -> u64 {
    let mut byte = [0];
    archive
        .pages()
        .map(|page| match archive.file.read_at(&mut byte, (page * PAGE) as u64) {
            Ok(_) => u64::from(byte[0]),
            Err(_) => 0,
        })
        .sum()
}
