//! Run directories: the only code that knows their file names.
//!
//! [`writer`] makes them, [`reader`] loads them, [`store`] finds them, [`hlog`] keeps the histograms in between. The
//! format is that of [`record`](self); other major versions are refused by name.

mod base64;
mod error;
mod files;
pub mod hlog;
mod journal;
mod paths;
pub mod reader;
mod record;
mod slug;
pub mod store;
mod version;
pub mod writer;

pub use error::RunError;
pub use reader::{LoadedRun, load};
pub use record::*;
pub use slug::slugs;
