//! Evidence from a program that runs already: nothing of it is restarted. A process is watched from outside, a server of
//! debug endpoints is asked; either becomes a run without trials.

pub(crate) mod address;
mod fetch;
mod figures;
pub(crate) mod goroutines;
pub(crate) mod hot;
pub(crate) mod http;
mod listener;
mod process;
mod profiles;
mod run;
mod sites;
mod target;
mod url;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reports::run::RunSummary;
use reports::run::store::Store;

pub use target::{Target, TargetError};

use crate::load::network::Tls;

/// What to look at, and for how long.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whom.
    pub target: Target,
    /// Length of the recording; servers of debug endpoints know whole seconds.
    pub span: Duration,
    /// Samples for each second of CPU of a thread, where the rate can be asked for.
    pub hz: u32,
    /// Also record where threads leave their CPU, where the kernel allows it.
    pub waits: bool,
    /// Whose certificates are taken of a server that speaks TLS.
    pub trust: Tls,
    /// Then, over as much time again, trace the tasks of tokio from outside; of processes only.
    pub tasks: bool,
}

/// Watches or asks until the time is over, the process ends or `stop` is set, and keeps what was seen as a run. `say` gets
/// sentences for a person who waits.
///
/// # Errors
/// A [`Refusal`](crate::exit::Refusal) where there is nobody to watch or to ask; files that cannot be written.
pub fn attach(
    wish: &Wish,
    stop: &Arc<AtomicBool>,
    store: &Store,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<RunSummary> {
    match &wish.target {
        Target::Process(pid) => {
            let watch =
                process::Watch { pid: *pid, span: wish.span, hz: wish.hz, waits: wish.waits, tasks: wish.tasks };
            process::attach(watch, stop, store, say)
        }
        Target::Endpoints(_) if wish.tasks => Err(crate::exit::Refusal::usage(
            "`--tasks` traces a process from outside: give its number or name; a server of endpoints tells its tasks itself",
        )),
        Target::Endpoints(address) => {
            url::attach(address.trusting(wish.trust.clone()), wish.span, wish.hz, stop, store, say)
        }
    }
}
