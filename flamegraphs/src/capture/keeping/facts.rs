//! What functions of a source do with values: which names are bound to what, what is added to which collection, and what is given
//! to whom.

use std::collections::{BTreeMap, BTreeSet};

/// How long what a name stands for lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// Made in the function, or got as a message.
    #[default]
    Call,
    /// It is lent by whoever calls: as long as that has it.
    Lent,
    /// It is shared, so that it outlives every call.
    Shared,
}

/// Lines from and to.
pub(super) type Lines = (u32, u32);

/// Of which type something is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Of {
    /// That of a field of this name.
    Field(String),
    /// One with these names in it: `Arc`, `Mutex` and `Cache` of `Arc<Mutex<Cache>>`.
    Named(BTreeSet<String>),
    /// Not known.
    #[default]
    Unknown,
}

/// What a function gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Argument {
    /// Names in it.
    pub(super) of: BTreeSet<String>,
    pub(super) life: Life,
    /// The name that it begins with.
    pub(super) root: Option<String>,
}

/// One thing that a function does, in the order of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// Names are bound to what is made of others.
    Bound { lines: Lines, names: Vec<String>, of: BTreeSet<String> },
    /// Something is added to a collection, or sent.
    Added {
        lines: Lines,
        method: String,
        to: Option<String>,
        /// The whole of what it is added to: `self.order`.
        whole: Option<String>,
        life: Life,
        sent: bool,
        awaited: bool,
        of: BTreeSet<String>,
        /// What it is called on.
        on: Of,
        arguments: usize,
    },
    /// Where a collection has so many, some are taken out of it.
    Bounded { whole: String },
    /// A function gets arguments; the first of a method is what it is called on. `on` is `None` of one that is of no type.
    Called { lines: Lines, function: String, on: Option<Of>, arguments: Vec<Argument> },
}

/// A function and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Type and trait that it is of.
    pub(super) of: Vec<String>,
    pub(super) lines: Lines,
    /// Names of each parameter, `self` first.
    pub(super) parameters: Vec<Vec<String>>,
    /// Names in the type of what it returns.
    pub(super) returns: BTreeSet<String>,
    pub(super) facts: Vec<Fact>,
}

/// A source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) functions: Vec<Function>,
    /// Names in the types of fields.
    pub(super) fields: BTreeMap<String, BTreeSet<String>>,
}
