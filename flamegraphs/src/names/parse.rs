//! One frame, understood once and used for every stack it is in.

use super::kind::{self, Kind};
use super::path::{self, Path, is_parameter};
use super::task::{self, Task};

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Clean name.
    pub(super) text: String,
    /// Whose code it is.
    pub(super) kind: Kind,
    /// The task it polls.
    pub(super) task: Option<Task>,
    /// It took the timer's signal.
    pub(super) signal: bool,
    /// It is inside an allocator.
    pub(super) allocator: bool,
    /// An allocator is entered through it.
    pub(super) allocator_entry: bool,
}

impl Parsed {
    /// Understands a name, mangled or not.
    pub(super) fn new(name: &str) -> Self {
        let name = path::demangled(name);
        let Path { text, this, of_trait } = path::clean(&name);
        let (mut text, mut kind) = (text.trim().to_owned(), kind::of(&text));
        if let (Some(this), Some(of_trait)) = (&this, &of_trait) {
            let trait_kind = kind::of(of_trait);
            let foreign = matches!(kind, Kind::Api | Kind::Glue) && !is_parameter(this);
            if foreign && matches!(trait_kind, Kind::Own | Kind::Web) {
                // `<u64 as serde_core::ser::Serialize>::serialize` is serde's work, not the standard library's.
                kind = trait_kind;
                text = text.replacen(this.as_str(), of_trait, 1);
            } else if kind == Kind::Own && of_trait == "axum::handler::Handler" {
                // The future that axum makes of a handler: name it as the handler.
                text.clone_from(this);
            }
        }
        if let Some(dropped) = dropped_type(&name) {
            text = format!("drop {dropped}");
        }
        if text.is_empty() {
            text = if name.trim().is_empty() { "[unnamed]".to_owned() } else { name.trim().to_owned() };
        }
        Self {
            task: task::of(&name),
            signal: kind::is_signal_frame(&text),
            allocator: kind::is_allocator(&text),
            allocator_entry: kind::is_allocator_entry(&text),
            text,
            kind,
        }
    }

    /// Code without a symbol.
    pub(super) fn native(text: String) -> Self {
        Self { text, kind: Kind::Own, task: None, signal: false, allocator: false, allocator_entry: false }
    }
}

/// `T` of `core::ptr::drop_in_place::<T>`.
fn dropped_type(name: &str) -> Option<String> {
    let rest = name.strip_prefix("core::ptr::drop_in_place")?;
    let (inner, _) = path::split_angle(rest.trim_start_matches("::").strip_prefix('<')?)?;
    let dropped = path::type_name(inner, 0);
    (!is_parameter(&dropped)).then_some(dropped)
}
