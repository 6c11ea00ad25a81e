//! What describes a span: metadata, places, fields.

use serde::{Deserialize, Serialize};

/// `Metadata` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Number by which tasks and resources refer to it.
    pub id: u64,
    /// Text: name of the span.
    pub name: u32,
    /// Text: target.
    pub target: u32,
    /// Text: module path.
    pub module: u32,
    /// Where the span is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// `Metadata.Kind`: 0 span, 1 event.
    pub kind: i32,
    /// `Metadata.Level`: 0 error to 4 trace.
    pub level: i32,
    /// Texts: names of its fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<u32>,
}

/// `Location` of `common.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Text: source file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// Text: module path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<u32>,
    /// Line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// `Field` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FieldName>,
    /// Its value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Metadata of the span that it came from.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
}

/// How a field is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldName {
    /// By a text.
    #[serde(rename = "s")]
    Text(u32),
    /// By its position in the metadata.
    #[serde(rename = "i")]
    Index(u64),
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Text: something formatted for debugging.
    #[serde(rename = "d")]
    Debug(u32),
    /// Text.
    #[serde(rename = "s")]
    Text(u32),
    /// Unsigned.
    #[serde(rename = "u")]
    U64(u64),
    /// Signed.
    #[serde(rename = "i")]
    I64(i64),
    /// True or false.
    #[serde(rename = "b")]
    Bool(bool),
}

/// `Attribute` of `common.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Name and value.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// Text: unit.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
}
