//! A program that forgot to install the allocator.

use probe::allocator::{Counters, GuardError, counters, verify};

#[test]
fn the_guard_says_so_and_nothing_is_counted() {
    assert!(matches!(verify(), Err(GuardError::NotInstalled)));
    assert_eq!(counters(), Counters::default());
}
