//! One profile model, its readers and writers, readable names and flamegraphs.
//!
//! ```
//! use flamegraphs::profile::{Builder, Frame, ValueType};
//!
//! let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
//! let main = builder.location(0x1000, &[Frame { function: "app::main", file: "main.rs", line: 3, ..Frame::default() }]);
//! let work = builder.location(0x2000, &[Frame { function: "app::work::<u8>", file: "main.rs", line: 9, ..Frame::default() }]);
//! builder.sample(&[work, main], &[2, 20_000_000], &[])?;
//! let profile = builder.finish();
//!
//! let bytes = flamegraphs::write::pprof(&profile);
//! assert_eq!(flamegraphs::read::pprof(&bytes)?, profile);
//!
//! let stacks = flamegraphs::names::fold(&profile, 0, &flamegraphs::names::Options::default())?;
//! assert_eq!(flamegraphs::write::folded_stacks(&stacks), "app::main;app::work 2\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With `default-features = false` there is no SVG and no inferno: the model, pprof, folded text and names remain.

#[cfg(feature = "capture")]
pub mod capture;
pub mod coverage;
pub mod diff;
pub mod folded;
mod functions;
pub mod moments;
pub mod names;
pub mod profile;
mod proto;
pub mod read;
#[cfg(feature = "svg")]
pub mod svg;
pub mod tasks;
pub mod trees;
pub mod write;

pub use coverage::Coverage;
pub use folded::{FoldError, Folded};
pub use profile::Profile;
