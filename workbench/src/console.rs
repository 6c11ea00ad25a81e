//! tokio-console, live: the subject is a program with tokio's instrumentation compiled in, the viewer is the stock
//! `tokio-console`.
//!
//! Instrumentation costs every poll, so it is in no program that measures: it is in a second one beside it, the console
//! child. A crate with workloads of its own has one too, by the same `main` in a second binary (the example
//! `own-workload` does it):
//!
//! ```toml
//! [features]
//! console = ["workbench/console"]
//!
//! [[bin]]
//! name = "own-workload"
//! path = "src/main.rs"
//!
//! [[bin]]
//! name = "own-workload-console"
//! path = "src/console.rs"
//! required-features = ["console"]
//! ```
//!
//! ```ignore
//! // src/console.rs; in main.rs it is `pub(crate) fn main`
//! #[path = "main.rs"]
//! mod program;
//!
//! fn main() -> std::process::ExitCode {
//!     program::main()
//! }
//! ```
//!
//! `own-workload console SCENARIO` then finds `own-workload-console` beside itself, or builds it.

pub mod live;
pub(crate) mod viewer;

pub use self::viewer::{INSTALL, PROGRAM, find as find_viewer};
