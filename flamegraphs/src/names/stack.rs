//! One stack of frames as one readable stack.

use std::borrow::Cow;

use super::kind::Kind;
use super::parse::Parsed;
use super::task::{self, Task};
use super::{Options, RUNTIME, WEB};

/// Neighbouring frames of plumbing.
#[derive(Default)]
struct Run<'a> {
    frames: usize,
    web: bool,
    /// The function of std or tokio that was called first: what the time was spent in, if the stack ends here.
    entry: Option<&'a str>,
}

impl<'a> Run<'a> {
    fn add(&mut self, frame: &'a Parsed) {
        self.frames += 1;
        self.web |= frame.kind == Kind::Web;
        if frame.kind == Kind::Api && self.entry.is_none() {
            self.entry = Some(&frame.text);
        }
    }
}

/// A readable stack, root first, in the making.
struct Stack<'a> {
    out: Vec<Cow<'a, str>>,
    run: Run<'a>,
    /// Name of the task whose poll is the last frame.
    task: Option<Cow<'a, str>>,
    /// A poll was seen that does not tell its future: the next frame of the program does.
    unknown_task: bool,
    /// Nothing but the thread and `[runtime]` so far.
    at_root: bool,
}

/// Frames root first to names root first.
pub(super) fn readable<'a>(root_first: &[&'a Parsed], thread: Option<&'a str>, options: &Options) -> Vec<Cow<'a, str>> {
    let frames = without_profiler(root_first, options);
    let out = thread.map(Cow::Borrowed).into_iter().collect();
    let mut stack = Stack { out, run: Run::default(), task: None, unknown_task: false, at_root: true };
    for (at, &frame) in frames.iter().enumerate() {
        stack.poll(frame, options);
        if options.fold_runtime && (is_plumbing(&frames[at..]) || (stack.at_root && is_start(&frames[at..]))) {
            stack.plumbing(frame);
        } else {
            stack.own(frame);
        }
    }
    stack.end();
    stack.out
}

/// Cuts the leaf frames that exist only because of the profiler (and the allocator, where asked).
fn without_profiler<'f, 'a>(root_first: &'f [&'a Parsed], options: &Options) -> &'f [&'a Parsed] {
    let mut frames = root_first;
    if let Some(at) = frames.iter().position(|frame| frame.signal) {
        frames = &frames[..at];
    }
    // jemalloc's own profiler records what it does itself, in functions whose names tell nothing.
    if let Some(at) = frames.iter().position(|frame| options.drop_allocator && frame.allocator_entry) {
        frames = &frames[..at];
    }
    while let Some((last, rest)) = frames.split_last() {
        if last.kind == Kind::Profiler || (options.drop_allocator && last.allocator) {
            frames = rest;
        } else {
            break;
        }
    }
    frames
}

/// The C `main` that Rust's runtime provides is plumbing, anyone else's is not.
fn is_plumbing(leafward: &[&Parsed]) -> bool {
    match leafward {
        [main, next, ..] if main.text == "main" => next.text.starts_with("std::rt::"),
        [frame, ..] => matches!(frame.kind, Kind::Glue | Kind::Api | Kind::Web),
        [] => false,
    }
}

/// A library function without a name at the root of a thread: libc, which starts threads and keeps the names of how
/// to itself.
fn is_start(leafward: &[&Parsed]) -> bool {
    matches!(leafward, [frame, _, ..] if frame.text.starts_with('[') && frame.text.contains(".so"))
}

impl<'a> Stack<'a> {
    /// Opens a task where the frame polls one and this poll was not seen yet.
    fn poll(&mut self, frame: &'a Parsed, options: &Options) {
        match (&frame.task, options.task_root) {
            (Some(Task::Named(name)), true) if self.task.as_deref() != Some(name) => {
                if options.fold_runtime {
                    self.pass();
                }
                self.open(Cow::Borrowed(name));
            }
            (Some(Task::Unknown), true) => self.unknown_task = true,
            _ => {}
        }
    }

    fn open(&mut self, name: Cow<'a, str>) {
        let frame = format!("task {name}");
        if self.out.last().is_none_or(|last| *last != frame) {
            self.out.push(Cow::Owned(frame));
        }
        self.task = Some(name);
        self.unknown_task = false;
        self.at_root = false;
    }

    fn plumbing(&mut self, frame: &'a Parsed) {
        let known = task::known(&frame.text);
        if self.unknown_task && frame.kind == Kind::Web && known != frame.text {
            self.pass();
            self.open(Cow::Owned(known));
        }
        self.run.add(frame);
    }

    /// A frame that is shown: all are, where plumbing is not folded.
    fn own(&mut self, frame: &'a Parsed) {
        self.pass();
        if frame.kind != Kind::Own {
            self.push(&frame.text);
            return;
        }
        if self.unknown_task {
            self.open(Cow::Borrowed(&frame.text));
        }
        // The future of `task app::serve` is `app::serve` itself.
        let last = self.out.last().and_then(|last| last.strip_prefix("task "));
        let is_task = self
            .task
            .take()
            .is_some_and(|name| last == Some(&*name) && name.strip_prefix("blocking ").unwrap_or(&name) == frame.text);
        if !is_task {
            self.push(&frame.text);
        }
        self.at_root = false;
    }

    /// Plumbing that led to something else: what called the program, or the web server between task and handler.
    fn pass(&mut self) {
        let run = std::mem::take(&mut self.run);
        if run.web {
            self.push(WEB);
        } else if run.frames > 0 && self.at_root {
            self.push(RUNTIME);
        }
    }

    /// Plumbing in which the time was spent.
    fn end(&mut self) {
        let run = std::mem::take(&mut self.run);
        match run.entry {
            _ if run.frames == 0 => {}
            _ if run.web => self.push(WEB),
            Some(entry) if !self.at_root && self.task.is_none() => self.push(entry),
            _ => self.push(RUNTIME),
        }
    }

    fn push(&mut self, name: &'a str) {
        if self.out.last().is_none_or(|last| last != name) {
            self.out.push(Cow::Borrowed(name));
        }
    }
}
