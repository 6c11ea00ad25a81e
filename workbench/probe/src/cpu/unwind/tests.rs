//! Walks of copies of this very thread's stack.

use std::hint::black_box;

use proptest::prelude::*;

use super::*;
use crate::cpu::Symbols;

fn walked(registers: Registers, bytes: usize, follow: bool) -> (Vec<u64>, End) {
    let mut copy = vec![0; bytes];
    let copied = copy_stack(registers.sp, &mut copy);
    let mut links = [FramePointer::default(); MOST_FRAME_POINTERS];
    let mut stack = StackCopy { start: registers.sp, bytes: &copy[..copied], beyond: &[] };
    if follow {
        let kept = walk_frame_pointers(registers.fp, &stack, &mut links);
        stack.beyond = &links[..kept];
    }
    let mut addresses = Vec::new();
    let end = Unwinder::new().walk(registers, &stack, &mut addresses);
    (addresses, end)
}

fn names(addresses: &[u64]) -> Vec<String> {
    let mut symbols = Symbols::default();
    let frames = addresses.iter().map(|address| symbols.exact_one(*address));
    frames.flat_map(|frame| frame.symbols).map(|symbol| symbol.name).collect()
}

/// Calls itself so many times, then walks.
#[inline(never)]
fn nested(depth: u32, bytes: usize, follow: bool) -> (Vec<u64>, End) {
    let filling = black_box([depth; 64]);
    let result = if depth == 0 { walked(Registers::here(), bytes, follow) } else { nested(depth - 1, bytes, follow) };
    black_box(filling);
    result
}

#[test]
fn every_caller_is_found_up_to_the_root_of_the_thread() {
    let (addresses, end) = std::thread::spawn(|| nested(20, 64 << 10, false)).join().unwrap();
    let names = names(&addresses);
    assert_eq!(end, End::Root, "{names:#?}");
    assert_eq!(names.iter().filter(|name| name.ends_with("nested")).count(), 21, "{names:#?}");
    assert!(names.iter().any(|name| name.contains("thread_start")), "{names:#?}");
}

#[test]
fn a_stack_larger_than_the_copy_goes_on_by_frame_pointers() {
    let short = || nested(60, 4096, false);
    let (addresses, end) = std::thread::spawn(short).join().unwrap();
    assert_eq!(end, End::EndOfCopy);
    assert!(addresses.len() < 40);
    let (addresses, end) = std::thread::spawn(|| nested(60, 4096, true)).join().unwrap();
    let names = names(&addresses);
    assert_eq!(end, End::Root, "{names:#?}");
    assert!(names.iter().any(|name| name.contains("thread_start")), "{names:#?}");
    assert_eq!(names.iter().filter(|name| name.ends_with("nested")).count(), 61, "{names:#?}");
}

#[test]
fn no_stack_is_endless() {
    // A frame that returns to itself.
    let words = [0x1000_u64; 4096];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let mut addresses = Vec::new();
    let stack = StackCopy { start: 0x1000, bytes: &bytes, beyond: &[] };
    let end = Unwinder::new().walk(Registers { ip: 0x1000, sp: 0x1000, fp: 0x1000 }, &stack, &mut addresses);
    assert_ne!(end, End::Root);
    assert!(addresses.len() <= MOST_FRAMES);
}

proptest! {
    #[test]
    fn any_registers_and_bytes_are_survived(
        offset in 0_u64..4096, sp in any::<u64>(), fp in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..512)
    ) {
        // Somewhere in code that has call frame information, so that its rules are tried on nonsense.
        let ip = nested as *const () as u64 + offset;
        for (sp, fp) in [(sp, fp), (sp, sp.wrapping_add(fp % 512)), (u64::MAX - fp % 600, fp), (fp % 64, fp)] {
            let mut addresses = Vec::new();
            let stack = StackCopy { start: sp, bytes: &bytes, beyond: &[] };
            Unwinder::new().walk(Registers { ip, sp, fp }, &stack, &mut addresses);
        }
    }
}
