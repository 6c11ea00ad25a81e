//! What says nothing and is left out of a line.

pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn is_false(flag: &bool) -> bool {
    !*flag
}
