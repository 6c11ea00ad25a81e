//! Pure statistics for paired, blocked comparisons.
