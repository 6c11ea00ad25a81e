//! Variants against the first, and runs against each other.
