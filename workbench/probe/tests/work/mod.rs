//! Work whose CPU time is known, because the thread that does it reads its own clock.

use std::hint::black_box;

use probe::usage::thread_cpu_s;

/// Arithmetic without a frame: no calls, no locals on the stack, so that compilers give it neither `push rbp` nor room.
#[inline(never)]
pub(crate) fn frameless_leaf(rounds: u64) -> u64 {
    let mut sum = rounds | 1;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: arithmetic in three registers.
    unsafe {
        std::arch::asm!(
            "2:", "imul {sum}, {odd}", "rol {sum}, 7", "xor {sum}, {rounds}", "dec {rounds}", "jnz 2b",
            sum = inout(reg) sum, odd = in(reg) 0x9E37_79B9_7F4A_7C15_u64, rounds = inout(reg) rounds.max(1) => _,
            options(nomem, nostack)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    for round in 0..rounds {
        sum = (sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7)) ^ black_box(round);
    }
    sum
}

/// Burns so many seconds of this thread's CPU.
#[inline(never)]
pub(crate) fn burn(seconds: f64) -> u64 {
    let begin = thread_cpu_s().unwrap();
    let mut sum = 0;
    while thread_cpu_s().unwrap() - begin < seconds {
        sum ^= frameless_leaf(black_box(20_000));
    }
    sum
}

macro_rules! worker {
    ($name:ident, $parts:expr) => {
        #[inline(never)]
        fn $name(seconds: f64) -> f64 {
            let begin = thread_cpu_s().unwrap();
            let mut now = begin;
            while now - begin < seconds * $parts {
                black_box(frameless_leaf(black_box(200_000)));
                now = thread_cpu_s().unwrap();
            }
            now - begin
        }
    };
}

worker!(work_three, 3.0);
worker!(work_two, 2.0);
worker!(work_one, 1.0);

/// So many seconds of CPU in three functions, many times in turn; gives the CPU seconds of each.
pub(crate) fn three_two_one(seconds: f64) -> [f64; 3] {
    const TURNS: u32 = 25;
    let unit = seconds / 6.0 / f64::from(TURNS);
    let mut spent = [0.0; 3];
    for _ in 0..TURNS {
        for (sum, worker) in spent.iter_mut().zip([work_three, work_two, work_one]) {
            *sum += worker(unit);
        }
    }
    spent
}

/// Panics (by what it is given) below so many frames, each with something to drop.
#[inline(never)]
pub(crate) fn deep_panic(depth: u32, panic: &dyn Fn()) {
    let dropped = black_box(vec![depth; 8]);
    if depth == 0 {
        panic()
    } else {
        deep_panic(depth - 1, panic)
    }
    black_box(&dropped);
}
