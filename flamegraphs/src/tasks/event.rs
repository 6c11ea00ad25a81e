//! What is told of tasks, one hit of a function at a time.

/// A task for the length of a recording; addresses are reused, these are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// A type of future, by number; whoever records knows its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindId(pub u32);

/// A stack, by number; whoever records knows its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(pub u32);

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was put into its runtime's list: from now on it is ready.
    Spawned,
    /// Somebody woke it; by value, if that used the waker up.
    Woken {
        /// The waker is gone with it.
        by_value: bool,
    },
    /// Somebody keeps another waker of it. On the task's own stack this is where it waits.
    Cloned,
    /// A kept waker was thrown away.
    Dropped,
    /// A worker begins to poll it, if nobody else does.
    Polling {
        /// Its type, where the recorder knows.
        kind: Option<KindId>,
        /// The thread's stack pointer: a poll within a poll lies below it, the next one of a worker does not.
        stack_pointer: u64,
    },
    /// The poll ended without an end of the task.
    Pending,
    /// What a thread polled last, of what lies below this stack pointer, returned: its address is not known.
    Returned {
        /// The thread's stack pointer after it.
        stack_pointer: u64,
    },
    /// The task ended, within a poll or by being shut down.
    Complete {
        /// Its type, where the recorder knows.
        kind: Option<KindId>,
    },
}

/// One hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds of a monotonic clock.
    pub time_ns: u64,
    /// The thread that did it.
    pub tid: u32,
    /// The task, by its address.
    pub address: u64,
    /// What it did.
    pub what: What,
    /// Where it did it, where that was recorded.
    pub stack: Option<StackId>,
}

/// Who woke or spawned a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The task whose poll ran on that thread.
    Task {
        /// Which.
        task: TaskId,
        /// Its type.
        kind: Option<KindId>,
        /// Where, where that was recorded.
        stack: Option<StackId>,
    },
    /// No task: the runtime's driver (timers, sockets), another thread.
    Outside {
        /// The thread.
        tid: u32,
        /// Where, where that was recorded.
        stack: Option<StackId>,
    },
}

/// What kinds are: jobs of the blocking pool are polled once, on a thread of their own, and run no other task meanwhile;
/// the loop of a worker is such a job, and runs all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kinds {
    /// A task.
    #[default]
    Task,
    /// A job of the blocking pool.
    Blocking,
    /// The loop of a worker: neither a task nor a job to anybody.
    Worker,
}
