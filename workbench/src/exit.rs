//! Exit codes: these alone, on every path.

use std::process::ExitCode;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; for `gate`, passed.
    Done = 0,
    /// Our own failure.
    Ours = 1,
    /// Bad flags, scenario, knob or selector.
    Usage = 2,
    /// `gate`: regressed or a limit broken.
    Regressed = 10,
    /// `gate`: cannot tell.
    CannotTell = 11,
    /// The subject crashed, hung, printed garbage or answered wrongly.
    SubjectFailed = 12,
    /// `gate`: the error budget is spent.
    BudgetFrozen = 13,
    /// Interrupted; finished work is saved.
    Interrupted = 130,
}

impl Exit {
    /// The one of this code; our own failure where there is none.
    pub fn of(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Ours,
            Self::Usage,
            Self::Regressed,
            Self::CannotTell,
            Self::SubjectFailed,
            Self::BudgetFrozen,
            Self::Interrupted,
        ];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::Ours)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that knows its exit code. Anything else is [`Exit::Ours`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Exit code.
    pub exit: Exit,
    /// The whole message, several lines where needed.
    pub message: String,
}

impl Refusal {
    /// Bad input: exit code 2.
    pub fn usage(message: impl std::fmt::Display) -> anyhow::Error {
        Self { exit: Exit::Usage, message: message.to_string() }.into()
    }

    /// The subject failed: exit code 12.
    pub fn subject(message: impl std::fmt::Display) -> anyhow::Error {
        Self { exit: Exit::SubjectFailed, message: message.to_string() }.into()
    }
}

/// The exit code of an error chain.
pub fn code_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(|cause| cause.downcast_ref::<Refusal>()).map_or(Exit::Ours, |refusal| refusal.exit)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_under_context() {
        let wrapped = Err::<(), _>(Refusal::usage("no")).context("while reading").unwrap_err();
        assert_eq!(code_of(&wrapped), Exit::Usage);
        assert_eq!(code_of(&anyhow::anyhow!("other")), Exit::Ours);
        assert_eq!(Exit::Interrupted as u8, 130);
    }
}
