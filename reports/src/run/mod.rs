//! Run directories: the only code that knows their file names.

mod record;

pub use record::*;
