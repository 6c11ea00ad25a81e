//! The functions of Go's runtime to stop at, and its names for why a goroutine waits.

use std::fs::File;

use object::read::ReadCache;
use object::{Object, ObjectSymbol};

use crate::capture::elf;

/// What a hit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The goroutine of this thread begins to wait: `gopark(unlockf, lock, reason, …)`.
    Parks,
    /// This thread goes on with a goroutine: `execute(gp, …)`.
    Runs,
    /// A goroutine ended: `goexit0(gp)`.
    Ends,
    /// The goroutine of this thread starts another: `newproc(fn)`.
    Starts,
}

impl Role {
    /// Whether where it happens is told by the stack.
    pub(super) fn has_stack(self) -> bool {
        matches!(self, Self::Parks | Self::Starts)
    }
}

const FUNCTIONS: &[(&str, Role)] = &[
    ("runtime.gopark", Role::Parks),
    ("runtime.execute", Role::Runs),
    ("runtime.goexit0", Role::Ends),
    ("runtime.newproc", Role::Starts),
];
/// `[...]string` by number of `waitReason` (`runtime/runtime2.go`).
const REASONS: &str = "runtime.waitReasonStrings";

/// Those of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Functions {
    /// Each with the offset of its first instruction in the file, bytes.
    pub(super) found: Vec<(Role, u64)>,
    /// The file's own address of the table of reasons, and its size, bytes.
    pub(super) reasons: Option<(u64, u64)>,
}

/// Looks for the functions in an executable; `None` where one of them is not there.
pub(super) fn find(file: File) -> Option<Functions> {
    let cache = ReadCache::new(file);
    let object = object::File::parse(&cache).ok()?;
    let offset_of = elf::offsets(&object);
    let mut functions = Functions::default();
    for symbol in object.symbols() {
        let Ok(name) = symbol.name() else { continue };
        if name == REASONS {
            functions.reasons = Some((symbol.address(), symbol.size()));
        }
        let role = FUNCTIONS.iter().find(|(function, _)| *function == name).map(|(_, role)| *role);
        functions.found.extend(role.and_then(|role| Some((role, offset_of(symbol.address())?))));
    }
    (functions.found.len() == FUNCTIONS.len()).then_some(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_another_language_has_none() {
        assert_eq!(find(File::open("/proc/self/exe").unwrap()), None);
    }
}
