//! Words that tell what an iterator goes round for, in a source.

/// Methods that only iterators and collections have, and that call what they are given again and again.
pub(super) const ITERATES: &[&str] = &[
    "for_each",
    "try_for_each",
    "fold",
    "try_fold",
    "scan",
    "flat_map",
    "take_while",
    "skip_while",
    "map_while",
    "retain",
    "sort_by",
    "sort_by_key",
    "sort_unstable_by",
    "sort_unstable_by_key",
    "max_by_key",
    "min_by_key",
    "partition",
    "position",
    "par_for_each",
];
/// Methods that options have, too.
pub(super) const MAY_ITERATE: &[&str] =
    &["map", "filter", "filter_map", "any", "all", "inspect", "find", "find_map", "count"];
/// Words before such a method, or after it, that make it an iterator's.
pub(super) const SOURCES: &[&str] = &[
    "iter",
    "iter_mut",
    "into_iter",
    "enumerate",
    "zip",
    "rev",
    "chunks",
    "chunks_exact",
    "windows",
    "lines",
    "chars",
    "bytes",
    "split",
    "drain",
    "keys",
    "values",
    "repeat_with",
    "step_by",
    "par_iter",
    "into_par_iter",
    "..",
    "..=",
];
pub(super) const SINKS: &[&str] =
    &["collect", "sum", "product", "count", "last", "for_each", "fold", "max", "min", "reduce", "enumerate", "rev"];
