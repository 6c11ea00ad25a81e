//! Stacks from registers and a copy of the stack, outside of the thread that they belong to.
//!
//! Whoever interrupts a thread copies its registers ([`Registers::interrupted`]) and the upper end of its stack
//! ([`copy_stack`]), both async-signal-safe; any ordinary thread then walks that copy with an [`Unwinder`]. Nothing is
//! read but the copy and the call frame information of the loaded objects, so that neither a corrupt stack nor a thread
//! that is itself unwinding a panic can bring the process down.
//!
//! Frames are found by DWARF call frame information (the `framehop` crate), by frame pointers where there is none: a
//! walk of frame pointers alone loses the caller of every function that has no frame (yet), and everything above a
//! library that was built without them, such as Debian's glibc.

mod objects;
mod registers;
mod stack;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{Error, FrameAddress, Unwinder as _};

use self::objects::{Objects, Section};
pub use self::registers::Registers;
pub use self::stack::{FramePointer, MOST_FRAME_POINTERS, StackCopy, can_copy, copy_stack, walk_frame_pointers};

/// Frames of the longest stack; the roots of longer ones are lost.
pub const MOST_FRAMES: usize = 512;

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At the first function of the thread.
    Root,
    /// After [`MOST_FRAMES`].
    TooDeep,
    /// At the end of the copy.
    EndOfCopy,
    /// Where the stack made no sense any more.
    Broken,
}

/// Walks copies of stacks of this process.
pub struct Unwinder {
    objects: Objects,
    inner: UnwinderX86_64<Section>,
    cache: Box<CacheX86_64>,
}

impl std::fmt::Debug for Unwinder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unwinder").field("objects", &self.objects).finish_non_exhaustive()
    }
}

impl Default for Unwinder {
    fn default() -> Self {
        Self::new()
    }
}

impl Unwinder {
    /// Reads which objects are loaded. Takes the loader's lock: not for signal handlers.
    pub fn new() -> Self {
        let mut unwinder =
            Self { objects: Objects::default(), inner: UnwinderX86_64::new(), cache: Box::new(CacheX86_64::new()) };
        unwinder.refresh();
        unwinder
    }

    /// Looks again where objects have come or gone (`dlopen`) since the last look.
    pub fn refresh(&mut self) {
        if let Some(objects) = Objects::changed_since(&self.objects) {
            self.inner = UnwinderX86_64::new();
            for module in objects.modules() {
                self.inner.add_module(module);
            }
            self.objects = objects;
        }
    }

    /// Appends the addresses of a stack, leaf first: where the leaf was interrupted; of a caller, the last byte of its
    /// call.
    pub fn walk(&mut self, registers: Registers, stack: &StackCopy<'_>, addresses: &mut Vec<u64>) -> End {
        self.walk_to_top(registers, stack, addresses).0
    }

    /// The same; also gives the stack pointer of the last frame that the walk came to.
    pub(super) fn walk_to_top(
        &mut self,
        registers: Registers,
        stack: &StackCopy<'_>,
        addresses: &mut Vec<u64>,
    ) -> (End, u64) {
        let most = addresses.len() + MOST_FRAMES;
        let mut read = |address: u64| stack.word(address).ok_or(());
        let mut state = UnwindRegsX86_64::new(registers.ip, registers.sp, registers.fp);
        let mut frame = FrameAddress::from_instruction_pointer(registers.ip);
        loop {
            if addresses.len() == most {
                return (End::TooDeep, state.sp());
            }
            addresses.push(frame.address_for_lookup());
            let caller = match self.inner.unwind_frame(frame, &mut state, &mut self.cache, &mut read) {
                Ok(caller) => caller.and_then(FrameAddress::from_return_address),
                Err(Error::CouldNotReadStack(at)) if at >= stack.end() => break,
                Err(_) => return (End::Broken, state.sp()),
            };
            let Some(caller) = caller else { return (End::Root, state.sp()) };
            frame = caller;
        }
        // Beyond the copy, the frame pointers that were followed on the spot are all there is.
        for beyond in stack.beyond.iter().filter(|pair| pair.at >= stack.end().saturating_sub(8)) {
            if addresses.len() == most {
                return (End::TooDeep, state.sp());
            }
            match FrameAddress::from_return_address(beyond.return_address) {
                Some(frame) => addresses.push(frame.address_for_lookup()),
                None => return (End::Root, state.sp()),
            }
        }
        match stack.beyond.last() {
            Some(last) if self.finish_live(last, addresses, most) => (End::Root, state.sp()),
            _ => (End::EndOfCopy, state.sp()),
        }
    }

    /// Follows the last link to the root of the thread by call frame information, which the C library has and frame
    /// pointers it has not. The words come from the stack as it is now: the first functions of a thread stay where they
    /// are as long as it runs. Whatever does not lead to the root within a few frames is taken back.
    fn finish_live(&mut self, last: &FramePointer, addresses: &mut Vec<u64>, most: usize) -> bool {
        const ROOT_FRAMES: usize = 8;
        let mut read = |address: u64| {
            let mut word = [0; 8];
            if copy_stack(address, &mut word) == 8 { Ok(u64::from_ne_bytes(word)) } else { Err(()) }
        };
        let found = addresses.len();
        let Ok(fp) = read(last.at) else { return false };
        let Some(mut frame) = FrameAddress::from_return_address(last.return_address) else { return false };
        let mut state = UnwindRegsX86_64::new(last.return_address, last.at.saturating_add(16), fp);
        for _ in 0..ROOT_FRAMES {
            match self.inner.unwind_frame(frame, &mut state, &mut self.cache, &mut read) {
                Ok(Some(address)) if addresses.len() < most => {
                    let Some(caller) = FrameAddress::from_return_address(address) else { return true };
                    addresses.push(caller.address_for_lookup());
                    frame = caller;
                }
                Ok(None) => return true,
                _ => break,
            }
        }
        addresses.truncate(found);
        false
    }
}

#[cfg(test)]
mod tests;
