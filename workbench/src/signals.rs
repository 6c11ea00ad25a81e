//! Ctrl-C: once asks to stop, twice insists.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::exit::Exit;

/// A flag that SIGINT, SIGTERM or SIGHUP sets. The second such signal ends the process at once; the guard then kills
/// the subject, and the run directory is as good as after a power cut.
///
/// # Errors
/// Where the handlers cannot be installed.
pub(crate) fn stop_on_interrupt() -> std::io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Order matters: the conditional one looks at the flag before the other sets it.
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
