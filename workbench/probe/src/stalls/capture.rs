//! Stacks of other threads, while a certain poll lasts: a signal asks, its handler copies.
//!
//! Every request has a number of its own and names the poll that it is about. The handler runs on the polling thread,
//! so that its look at the ledger is certain: a signal that comes late, when the poll is over or the request was given
//! up, copies nothing. It allocates nothing, takes no lock and keeps `errno`.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::signal;
use crate::cpu::unwind::{
    End, FramePointer, MOST_FRAME_POINTERS, Registers, StackCopy, Unwinder, can_copy, copy_stack, walk_frame_pointers,
};
use crate::tasks::Ledger;

/// Requests at a time, all catchers together. A thread that does not run answers late.
const SLOTS: usize = 8;

/// Bytes of stack that are copied; frame pointers are followed beyond.
const COPY: usize = 256 << 10;

/// Bytes that one call of [`copy_stack`] copies at most.
const PIECE: usize = 64 << 10;

/// Low bits of [`Slot::phase`]; above them the number of the request.
const PHASE_BITS: u32 = 8;
const PHASE: u64 = (1 << PHASE_BITS) - 1;

/// Nobody's.
const FREE: u64 = 0;
/// Somebody writes the request.
const TAKEN: u64 = 1;
/// The handler may answer.
const ASKED: u64 = 2;
/// The handler is at it.
const COPYING: u64 = 3;
/// The copy is there.
const COPIED: u64 = 4;
/// The poll was over.
const TOO_LATE: u64 = 5;

struct Slot {
    phase: AtomicU64,
    /// Of the request; whoever asked keeps it alive until the slot is free again.
    ledger: AtomicPtr<Ledger>,
    /// [`OpenPoll::word`](crate::tasks::OpenPoll::word).
    poll: AtomicU64,
    copy: UnsafeCell<Copied>,
}

struct Copied {
    registers: Registers,
    length: usize,
    bytes: [u8; COPY],
    links: usize,
    beyond: [FramePointer; MOST_FRAME_POINTERS],
}

// SAFETY: the copy is written by the handler between COPYING and COPIED, which exactly one handler enters, and read by
// whoever asked after COPIED.
unsafe impl Sync for Slot {}

static ALL: [Slot; SLOTS] = [const {
    Slot {
        phase: AtomicU64::new(FREE),
        ledger: AtomicPtr::new(std::ptr::null_mut()),
        poll: AtomicU64::new(0),
        copy: UnsafeCell::new(Copied {
            registers: Registers { ip: 0, sp: 0, fp: 0 },
            length: 0,
            bytes: [0; COPY],
            links: 0,
            beyond: [FramePointer { at: 0, return_address: 0 }; MOST_FRAME_POINTERS],
        }),
    }
}; SLOTS];

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Asks for stacks.
#[derive(Debug)]
pub(super) struct Camera {
    signal: c_int,
    unwinder: Unwinder,
}

/// A stack, leaf first: where the leaf was interrupted; of a caller, the last byte of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) addresses: Vec<u64>,
    /// It goes up to the first function of the thread.
    pub(super) rooted: bool,
}

/// A request under way. Dropped, it is given up.
pub(super) struct Request {
    index: usize,
    number: u64,
    ledger: Arc<Ledger>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing yet: the thread has not run since, or blocks signals.
    Pending,
    /// Its stack.
    Stack(Stack),
    /// The poll ended before the thread could answer.
    TooLate,
}

impl Camera {
    /// Takes a signal.
    ///
    /// # Errors
    /// What this machine or process lacks, in words.
    pub(super) fn new() -> Result<Self, String> {
        if !cfg!(target_arch = "x86_64") {
            return Err("stacks are only taken on x86_64".to_owned());
        }
        if !can_copy() {
            return Err("the kernel refuses process_vm_readv, probably by a filter of system calls".to_owned());
        }
        Ok(Self { signal: signal::take(interrupted)?, unwinder: Unwinder::new() })
    }

    /// Asks the thread that sits at `ledger` for its stack, as long as the poll of that `word` lasts.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub(super) fn ask(&self, ledger: &Arc<Ledger>, word: u64) -> Result<Request, String> {
        let number = REQUESTS.fetch_add(1, Relaxed) << PHASE_BITS;
        let taken = |slot: &Slot| slot.phase.compare_exchange(FREE, number | TAKEN, Acquire, Relaxed).is_ok();
        let Some(index) = ALL.iter().position(taken) else {
            return Err(format!("{SLOTS} other threads had not answered yet"));
        };
        let slot = &ALL[index];
        slot.ledger.store(Arc::as_ptr(ledger).cast_mut(), Relaxed);
        slot.poll.store(word, Relaxed);
        slot.phase.store(number | ASKED, Release);
        let request = Request { index, number, ledger: Arc::clone(ledger) };
        // Below PHASE.
        let value = number | index as u64;
        signal::send(ledger.thread(), self.signal, value)
            .map_err(|error| format!("the thread cannot be sent a signal: {error}"))?;
        Ok(request)
    }

    /// What became of a request; after anything but [`Answer::Pending`] it may be dropped.
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        let slot = &ALL[request.index];
        match slot.phase.load(Acquire) & PHASE {
            COPIED => {
                // SAFETY: copied, and not given back yet: nobody writes.
                let copied = unsafe { &*slot.copy.get() };
                Answer::Stack(walk(&mut self.unwinder, copied))
            }
            TOO_LATE => Answer::TooLate,
            _ => Answer::Pending,
        }
    }
}

fn walk(unwinder: &mut Unwinder, copied: &Copied) -> Stack {
    unwinder.refresh();
    let stack = StackCopy {
        start: copied.registers.sp,
        bytes: &copied.bytes[..copied.length],
        beyond: &copied.beyond[..copied.links],
    };
    let mut addresses = Vec::new();
    let end = unwinder.walk(copied.registers, &stack, &mut addresses);
    Stack { addresses, rooted: end == End::Root }
}

impl Drop for Request {
    fn drop(&mut self) {
        let phase = &ALL[self.index].phase;
        if phase.compare_exchange(self.number | ASKED, FREE, Relaxed, Relaxed).is_ok() {
            return;
        }
        // A handler at work ends soon; but it may be off the CPU, or have met its end in the midst of it.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(1);
        while phase.load(Acquire) & PHASE == COPYING {
            if std::time::Instant::now() > patience {
                // Neither slot nor ledger are ever used again.
                std::mem::forget(Arc::clone(&self.ledger));
                return;
            }
            std::thread::yield_now();
        }
        phase.store(FREE, Release);
    }
}

extern "C" fn interrupted(_signal: c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: `errno` is the thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: these are the arguments of a handler that runs.
    unsafe { copy(information, context) };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// # Safety
/// The arguments are those of a signal handler that runs.
unsafe fn copy(information: *const libc::siginfo_t, context: *const c_void) {
    // SAFETY: by this function's contract.
    let Some(value) = (unsafe { signal::value(information) }) else { return };
    let (number, index) = (value & !PHASE, (value & PHASE) as usize);
    let Some(slot) = ALL.get(index) else { return };
    if slot.phase.compare_exchange(number | ASKED, number | COPYING, Acquire, Relaxed).is_err() {
        return;
    }
    // SAFETY: whoever asked keeps the ledger alive while the phase is COPYING.
    let ledger = unsafe { &*slot.ledger.load(Relaxed) };
    // SAFETY: only asks.
    let here = unsafe { libc::syscall(libc::SYS_gettid) } == i64::from(ledger.thread());
    // SAFETY: by this function's contract.
    let registers = unsafe { Registers::interrupted(context) };
    let Some(registers) = registers.filter(|_| here && ledger.is_in(slot.poll.load(Relaxed))) else {
        slot.phase.store(number | TOO_LATE, Release);
        return;
    };
    // SAFETY: COPYING was entered above, by this handler alone.
    let copied = unsafe { &mut *slot.copy.get() };
    copied.registers = registers;
    copied.length = 0;
    for piece in copied.bytes.chunks_mut(PIECE) {
        let length = copy_stack(registers.sp + copied.length as u64, piece);
        copied.length += length;
        if length < piece.len() {
            break;
        }
    }
    let stack = StackCopy { start: registers.sp, bytes: &copied.bytes[..copied.length], beyond: &[] };
    copied.links = walk_frame_pointers(registers.fp, &stack, &mut copied.beyond);
    slot.phase.store(number | COPIED, Release);
}
