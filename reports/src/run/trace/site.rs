//! A line of a program: who was there, and about what.

use serde::{Deserialize, Serialize};

/// What somebody waits for, or was woken by.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceCause {
    /// A time.
    Timer,
    /// Bytes, connections.
    Socket,
    /// A mutex, semaphore, read-write lock or barrier.
    Lock,
    /// A message, or room for one.
    Channel,
    /// A `Notify`.
    Notify,
    /// The end of another task.
    Join,
    /// A job of the blocking pool, files among them.
    BlockingPool,
    /// A child process, a signal.
    Process,
    /// It gave way.
    Yield,
    /// Unknown, or something of another library.
    #[default]
    Other,
}

/// A line of a program.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TraceSite {
    /// What it is about.
    pub cause: TraceCause,
    /// The function of tokio that was called; may be empty.
    pub resource: String,
    /// The function of the program; may be empty.
    pub function: String,
    /// Source file; may be empty.
    pub file: String,
    /// From 1; 0 where unknown.
    pub line: u32,
    /// Something else was awaited in the same poll: a branch of a `select!`, or the work that a timeout is for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside_others: bool,
    /// The system call, or `page fault`, that the thread was in; empty where it was in none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call: String,
    /// Functions of the program, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<TraceFrame>,
}

/// A function of the program in a stack.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceFrame {
    /// Function.
    pub function: String,
    /// Source file; may be empty.
    pub file: String,
    /// From 1; 0 where unknown.
    pub line: u32,
}

impl TraceFrame {
    /// What its source calls the function, without where that is: `assign` of `main.(*room).assign`, of `shop::Room::assign`, and of a
    /// literal of Go's that stands in it, `main.(*room).assign.func1`.
    pub(crate) fn name(&self) -> &str {
        let is_literal = |part: &&str| {
            let number = ["func", "gowrap", "deferwrap"].iter().find_map(|of| part.strip_prefix(of)).unwrap_or(part);
            number.starts_with(|c: char| c.is_ascii_digit())
        };
        self.function.rsplit(['.', ':']).find(|part| !is_literal(part)).unwrap_or_default()
    }
}

impl TraceSite {
    /// What a thread in that system call waits for, as far as the call alone tells.
    pub fn waits_for(&self) -> Option<&'static str> {
        Some(match self.call.as_str() {
            "fsync" | "fdatasync" | "sync_file_range" | "syncfs" | "msync" | "page fault" => "the disk",
            "read" | "pread64" | "preadv" | "readv" | "write" | "pwrite64" | "pwritev" | "writev" => "a file or a pipe",
            "recvfrom" | "recvmsg" | "sendto" | "sendmsg" | "connect" | "accept" | "accept4" => "the network",
            "nanosleep" | "clock_nanosleep" => "a timer",
            "futex" => "another thread",
            "flock" | "fcntl" => "the lock of a file",
            "wait4" | "waitid" => "a process",
            _ => return None,
        })
    }
}
