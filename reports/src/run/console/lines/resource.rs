//! What is told of resources.

use serde::{Deserialize, Serialize};

use super::absent::is_false;
use super::span::{Attribute, Place};

/// `Resource` of `resources.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Number, unique among those alive.
    pub id: u64,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Text: concrete type, `Mutex`.
    pub concrete_type: u32,
    /// Text: kind, `Sync`; absent where it is [`Self::known_kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<u32>,
    /// `Resource.Kind.Known`: 0 timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_kind: Option<i32>,
    /// Where it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The resource that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// Part of another.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
}

/// `Stats` of `resources.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceStats {
    /// Of which resource.
    pub id: u64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// When it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<i64>,
    /// `permits`, `locked`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// Equal `PollOp`s of `resources.proto` in one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PollOps {
    /// Metadata.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Resource polled.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<u64>,
    /// Text: name of the operation, `poll_acquire`.
    #[serde(rename = "n")]
    pub name: u32,
    /// By which task.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Within which async operation.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub op: Option<u64>,
    /// Ready or pending.
    #[serde(rename = "y", default, skip_serializing_if = "is_false")]
    pub ready: bool,
    /// How many.
    #[serde(rename = "c")]
    pub count: u64,
}
