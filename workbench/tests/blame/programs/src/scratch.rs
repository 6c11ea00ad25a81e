//! Each request takes a large buffer from the kernel, touches it, and gives it back: every page faults anew.

use std::cell::RefCell;
use std::io;

use crate::Twin;
use crate::http::serve;

const SIZE: usize = 40 * 1024 * 1024;

thread_local! {
    static KEPT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(serve(port, move || async move {
        let sum = match twin {
            Twin::Broken => blend(&mut canvas()),
            Twin::Healthy => KEPT.with_borrow_mut(|kept| {
                kept.resize(SIZE, 0);
                blend(kept)
            }),
        };
        sum.to_string()
    }))
}

fn canvas() -> Vec<u8> {
    vec![0; SIZE] // guilty
}

/// Writes one byte of each page.
fn blend(canvas: &mut [u8]) -> u64 {
    let mut sum = 0;
    for at in (0..canvas.len()).step_by(4096) {
        canvas[at] = canvas[at].wrapping_add(1); // guilty
        sum += u64::from(canvas[at]);
    }
    sum
}
