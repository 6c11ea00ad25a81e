//! Writers.

mod folded;
mod pprof;

pub use folded::{folded, folded_stacks};
pub use pprof::{pprof, pprof_raw};
