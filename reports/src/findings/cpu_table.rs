//! Where CPU time went, by functions of the program itself.

use std::collections::BTreeMap;

use super::Culprit;
use super::guilty::same;
use crate::run::TraceFrame;

/// Where CPU time went, by functions of the program itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CpuTable {
    /// CPU seconds that were sampled.
    pub total_s: f64,
    /// By function, the most first.
    pub rows: Vec<CpuRow>,
    /// Functions of the program that a library called which another of its functions had called, with the time within them.
    pub called_back: Vec<CalledBack>,
    /// Samples in the program's own file of which a function there has a name ÷ all in it: without symbols nothing can be
    /// said. 1 where there are none.
    pub named: f64,
}

impl CpuTable {
    /// Functions of the program in its stacks.
    pub fn own_frames(&self) -> impl Iterator<Item = &TraceFrame> {
        self.rows.iter().flat_map(|row| &row.path)
    }

    /// Who puts bytes into a socket within the innermost function of a stack in which anybody does.
    pub(super) fn writer_within(&self, own: &[TraceFrame]) -> Option<&CpuRow> {
        own.iter().find_map(|frame| {
            let here = |row: &&CpuRow| row.writing_s() > 0.0 && row.path.iter().any(|one| same(one, frame));
            self.rows.iter().filter(here).max_by(|a, b| a.writing_s().total_cmp(&b.writing_s()))
        })
    }
}

/// A function of the program that gave a library something to call back: what is compared, hashed or formatted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalledBack {
    /// Who called the library; its line is not looked at.
    pub by: TraceFrame,
    /// CPU seconds within what the library called back for it, and what that called.
    pub total_s: f64,
}

/// CPU seconds held against the innermost function of the program itself, whatever it called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CpuRow {
    /// Function; empty where no function of the program is in the stacks.
    pub function: String,
    /// Source file; may be empty.
    pub file: String,
    /// The line with most of it; 0 where unknown.
    pub line: u32,
    /// Name of the threads, without a number.
    pub thread: String,
    /// All.
    pub total_s: f64,
    /// Of it, in the kernel, by system call (or `page fault`).
    pub calls: BTreeMap<String, f64>,
    /// Of it, in the allocator.
    pub allocator_s: f64,
    /// Of that, where memory is given back: somebody else may have asked for it.
    pub freed_s: f64,
    /// Of it, in copies of memory, and nothing but these.
    pub copied_s: f64,
    /// Of it, in filling memory with one value, and nothing but that.
    pub filled_s: f64,
    /// Of it, below a library's function that called the program: a server's, which hands it an operation.
    pub served_s: f64,
    /// Functions of the program in the stack with most of it, innermost first.
    pub path: Vec<TraceFrame>,
    /// Who keeps what it asks memory for, as far as sources tell.
    pub kept_by: Option<Keeper>,
}

/// Calls that put bytes into a socket.
const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg"];

impl CpuRow {
    /// The function, on the line with most of it.
    pub(super) fn place(&self) -> Culprit {
        Culprit { function: self.function.clone(), file: self.file.clone(), line: self.line }
    }

    /// Of it, in calls that put bytes into a socket.
    pub(super) fn writing_s(&self) -> f64 {
        WRITES.iter().filter_map(|call| self.calls.get(*call)).sum()
    }
}

/// A function that adds what another one made to something that outlives the operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keeper {
    /// It, and the line on which it does.
    pub by: TraceFrame,
    /// What it calls for that: `insert`.
    pub call: String,
    /// The way of the value to it is known; otherwise it is sent away, and this is who adds to something meanwhile.
    pub followed: bool,
}

/// In [`CpuRow::calls`]: within the kernel by a system call, but before or after the call itself.
pub const ENTERING: &str = "entry and exit of system calls";
