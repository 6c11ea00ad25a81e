//! Colour, or none.

use crate::run::{Status, Verdict};

/// Writes text with or without SGR codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    /// False leaves text as it is.
    pub(super) color: bool,
}

/// How a text should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
}

impl Ink {
    /// `text` in the given look.
    pub(super) fn paint(self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Plain => return text.into(),
            Look::Bold => "1",
            Look::Dim => "2",
            Look::Good => "32",
            Look::Bad => "31",
            Look::Warn => "33",
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// How a verdict looks.
pub(super) fn of_verdict(verdict: Verdict) -> Look {
    match verdict {
        Verdict::Improved => Look::Good,
        Verdict::Regressed => Look::Bad,
        Verdict::Same => Look::Plain,
        Verdict::CannotTell | Verdict::NotComparable => Look::Dim,
    }
}

/// How a status looks.
pub(super) fn of_status(status: Status) -> Look {
    match status {
        Status::Complete => Look::Plain,
        Status::Interrupted => Look::Warn,
        Status::Failed => Look::Bad,
    }
}
