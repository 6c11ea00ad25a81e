//! Every task of a running tokio program, from outside: nothing of ours is in it, nothing is restarted.
//!
//! A handful of tokio's functions see every task (see `functions`). Uprobes stop at each for about a
//! microsecond and say which thread, which task, when; at wakes and waker clones, now and then, also where. What this
//! adds up to is [`crate::tasks`].

mod causes;
mod error;
mod functions;
mod kinds;
mod polls;
mod sites;
mod spent;
mod standing;
mod stream;
mod target;
mod threads;
mod tracer;

pub use error::TraceError;
pub use polls::{Holder, PollShare, kept};
pub(super) use sites::named;
pub use sites::system_call;
pub use sites::{Cause, Frame, Site};
pub use spent::{Doing, Spent, Window, window};
pub use standing::{Standing, standing, stayed};
pub use target::{traceable, traceable_among};
pub(super) use threads::Threads;
pub(super) use tracer::{Failure, now_ns};
pub use tracer::{Options, TaskTrace, TaskTracer};
