//! How many arenas malloc has.

use std::ffi::c_char;
use std::io;
use std::sync::{Arc, Barrier};
use std::thread;

/// Arenas after `threads` threads have allocated at the same time, this one not counted. Each gets an arena of its own
/// until there are `glibc.malloc.arena_max`.
pub(super) fn with_threads(threads: usize) -> io::Result<usize> {
    let (full, counted) = (Arc::new(Barrier::new(threads + 1)), Arc::new(Barrier::new(threads + 1)));
    let started: Vec<_> = (0..threads)
        .map(|_| {
            let (full, counted) = (Arc::clone(&full), Arc::clone(&counted));
            thread::Builder::new().stack_size(64 << 10).spawn(move || {
                // SAFETY: a block that is freed at once.
                unsafe { libc::free(libc::malloc(2000)) };
                full.wait();
                counted.wait();
            })
        })
        .collect::<io::Result<_>>()?;
    full.wait();
    let count = count();
    counted.wait();
    for thread in started {
        thread.join().map_err(|_| io::Error::other("a thread panicked"))?;
    }
    count
}

/// Arenas that malloc reports.
fn count() -> io::Result<usize> {
    let (mut text, mut size): (*mut c_char, usize) = (std::ptr::null_mut(), 0);
    // SAFETY: both places outlive the stream, which fills them when it is closed; the text is freed once, after use.
    unsafe {
        let stream = libc::open_memstream(&raw mut text, &raw mut size);
        if stream.is_null() {
            return Err(io::Error::last_os_error());
        }
        libc::malloc_info(0, stream);
        libc::fclose(stream);
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), size);
        let arenas = bytes.windows(10).filter(|window| window == b"<heap nr=\"").count();
        libc::free(text.cast());
        Ok(arenas)
    }
}
