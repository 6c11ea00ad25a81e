//! What is told of async operations.

use serde::{Deserialize, Serialize};

use super::span::Attribute;
use super::task::PollStats;

/// `AsyncOp` of `async_ops.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncOp {
    /// Number, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Text: what it does, `Mutex::lock`.
    pub source: u32,
    /// The operation that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// On which resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,
}

/// `Stats` of `async_ops.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpStats {
    /// Of which operation.
    pub id: u64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// Which task awaits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<PollStats>,
    /// `permits_requested`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}
