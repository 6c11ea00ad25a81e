//! Panics that are being told: with a backtrace that takes seconds, longer than whoever waits for the operation may wait.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Panics whose message is being printed.
static BEING_TOLD: AtomicUsize = AtomicUsize::new(0);

/// Longer than any backtrace takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the end of the message to where the panic is caught.
const UNWINDING: Duration = Duration::from_millis(200);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(1);

/// Counts them from now on, whatever else the process does about panics.
pub(super) fn count() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            BEING_TOLD.fetch_add(1, SeqCst);
            tell(panic);
            BEING_TOLD.fetch_sub(1, SeqCst);
        }));
    });
}

/// Waits until those that are being told now have been, and had time to be caught. At once where there are none.
pub(super) fn wait_until_told() {
    if BEING_TOLD.load(SeqCst) == 0 {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    while BEING_TOLD.load(SeqCst) > 0 && Instant::now() < deadline {
        std::thread::sleep(GLANCE);
    }
    std::thread::sleep(UNWINDING);
}
