//! The buffer that the kernel fills and we empty: a page of positions, then a power of two of data pages.

use std::io;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use perf_event_open_sys::bindings::perf_event_mmap_page;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::event::Event;
use super::record::{Misc, Record, parse};

/// `struct perf_event_header`: type, misc, size.
const HEADER: usize = 8;

/// One mapped ring buffer.
#[derive(Debug)]
pub(in crate::capture) struct Ring {
    base: NonNull<u8>,
    page: usize,
    data: usize,
    /// A record that wraps around the end is put together here.
    whole: Vec<u8>,
}

// SAFETY: the mapping belongs to this value alone; the kernel, its only other user, does not care which thread reads.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a buffer of `pages` data pages (a power of two) to an event.
    pub(in crate::capture) fn map(event: &Event, pages: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let length = page * (1 + pages);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            mmap(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, event.fd().as_fd(), 0)
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, page, data: page * pages, whole: Vec::new() })
    }

    /// Hands every record that is there to `take`, then gives the room back.
    pub(in crate::capture) fn drain(&mut self, mut take: impl FnMut(Record<'_>)) {
        self.drain_raw(|kind, misc, body| {
            if let Some(record) = parse(kind, misc, body) {
                take(record);
            }
        });
    }

    /// The same before anybody has looked into the records: their type, the `misc` of their header, their body.
    pub(in crate::capture) fn drain_raw(&mut self, mut take: impl FnMut(u32, Misc, &[u8])) {
        // What the kernel writes after this waits for the next turn: a busy writer must not hold us here.
        let head = self.position(std::mem::offset_of!(perf_event_mmap_page, data_head)).load(Ordering::Acquire);
        let tail_at = std::mem::offset_of!(perf_event_mmap_page, data_tail);
        let mut tail = self.position(tail_at).load(Ordering::Relaxed);
        while head.wrapping_sub(tail) >= HEADER as u64 {
            let mut header = [0; HEADER];
            self.copy(tail, &mut header);
            let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            let misc = Misc(u16::from_le_bytes([header[4], header[5]]));
            let size = usize::from(u16::from_le_bytes([header[6], header[7]]));
            if size < HEADER || size as u64 > head.wrapping_sub(tail) {
                // Not what the kernel promised: what is left cannot be understood.
                tail = head;
                break;
            }
            let mut whole = std::mem::take(&mut self.whole);
            whole.resize(size - HEADER, 0);
            self.copy(tail.wrapping_add(HEADER as u64), &mut whole);
            take(kind, misc, &whole);
            self.whole = whole;
            tail = tail.wrapping_add(size as u64);
            // Room is given back record by record: the kernel loses what it finds no room for.
            self.position(tail_at).store(tail, Ordering::Release);
        }
        self.position(tail_at).store(tail, Ordering::Release);
    }

    /// A position in the first page.
    fn position(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: within the first page, which is mapped as long as `self` lives, and aligned: a `u64` field of a
        // `repr(C)` struct at a page's start. The kernel accesses it as one word, too.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }

    /// Copies what lies at a position that only ever grows.
    fn copy(&self, position: u64, into: &mut [u8]) {
        // Below the size of the data, so the cast loses nothing.
        let at = (position % self.data as u64) as usize;
        let first = into.len().min(self.data - at);
        let (head, rest) = into.split_at_mut(first);
        // SAFETY: both pieces lie within the data pages; the kernel does not write between tail and head.
        unsafe {
            let data = self.base.as_ptr().add(self.page);
            ptr::copy_nonoverlapping(data.add(at), head.as_mut_ptr(), head.len());
            ptr::copy_nonoverlapping(data, rest.as_mut_ptr(), rest.len());
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly what `map` mapped; no reference into it outlives `self`.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.page + self.data) };
    }
}
