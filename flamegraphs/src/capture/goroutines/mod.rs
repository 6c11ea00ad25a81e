//! Every goroutine of a running program of Go, from outside: nothing of ours is in it, it need not import anything, and nothing is
//! restarted.
//!
//! Three functions of Go's runtime see every goroutine: `gopark` when it begins to wait, with why, `execute` when a thread goes on
//! with it, `goexit0` when it ends (`runtime/proc.go`); `newproc` tells who starts them. Uprobes stop at each for about a
//! microsecond. Go keeps frame pointers on x86-64, so that the kernel's own chain says where. The probes stop at first
//! instructions only: a return address on a goroutine's stack must not be touched, the runtime moves it.

mod functions;
mod hits;
mod lives;
mod on_cpu;
mod tracer;

pub use lives::{Does, Life, Stretch};
pub use on_cpu::{Ran, on_cpu};
pub use tracer::{GoTrace, GoTracer, Start};
