//! Stacks of wakes and waker clones as places: what is waited for, and which line of the program waits.

use std::collections::HashMap;
use std::path::Path;

use super::causes::{cause, of_a_thread};
use crate::capture::address_space::AddressSpace;
use crate::capture::recording::{Recording, seen_by};
use crate::capture::symbols::{Place, Symbols};
use crate::names::{self, Callers, Owners};

/// Frames of a site that are kept, leaf first.
const MOST_FRAMES: usize = 24;
/// Functions of the program that are kept.
const MOST_OWN: usize = 8;
/// Addresses from here on are the kernel's (the upper half of the address space).
const KERNEL: u64 = 1 << 63;

/// What somebody waits for, or was woken by, as far as the stack tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A time.
    Timer,
    /// Bytes, connections: the network, pipes.
    Socket,
    /// A mutex, semaphore, read-write lock or barrier of tokio.
    Lock,
    /// A message, or room for one.
    Channel,
    /// A `Notify`.
    Notify,
    /// The end of another task.
    Join,
    /// A job of the blocking pool, a file among them.
    BlockingPool,
    /// A child process, a signal.
    Process,
    /// It gave way and asked to be polled again.
    Yield,
    /// Anything else: another thread, a library of its own.
    Other,
}

/// A function of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// For people.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// From 1; 0 where unknown.
    pub line: u32,
}

impl From<Place> for Frame {
    fn from(place: Place) -> Self {
        Self { line: u32::try_from(place.line).unwrap_or(0), function: place.function, file: place.file }
    }
}

/// A stack as a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What it is about.
    pub cause: Cause,
    /// The function of tokio that the program called: `tokio::sync::Mutex::lock`.
    pub resource: String,
    /// The line of the program; of its HTTP server where there is none of its own.
    pub place: Option<Frame>,
    /// The outermost function of the program within the task: what a boxed future is; empty where there is none.
    pub root: String,
    /// The program's functions, innermost first.
    pub own: Vec<Frame>,
    /// The system call that the thread was in, or `page fault`; empty where it was in none.
    pub call: String,
    /// Leaf first, tokio's plumbing included.
    pub frames: Vec<Frame>,
}

/// All stacks, by number.
pub(super) fn of(stacks: &[(u32, Vec<u64>)], spaces: &HashMap<u32, AddressSpace>) -> Vec<Site> {
    let frames = named(stacks, spaces);
    classified(frames, spaces.values().filter_map(|space| Some(space.areas.first()?.path.as_path())))
}

/// Functions of stacks, each of a process.
pub(in crate::capture) fn named(stacks: &[(u32, Vec<u64>)], spaces: &HashMap<u32, AddressSpace>) -> Vec<Vec<Frame>> {
    let mut symbols = Symbols::default();
    let mut known: HashMap<(u32, u64), Vec<Place>> = HashMap::new();
    let mut files = HashMap::new();
    let frames = |(pid, addresses): &(u32, Vec<u64>)| {
        let mut frames = Vec::new();
        for address in addresses {
            let places = known.entry((*pid, *address)).or_insert_with(|| {
                if *address >= KERNEL {
                    return symbols.in_kernel(*address);
                }
                let Some((path, at)) = spaces.get(pid).and_then(|space| space.place_of(*address)) else {
                    return Vec::new();
                };
                let file = files.entry((*pid, path)).or_insert_with(|| seen_by(*pid, path));
                symbols.at(file, at)
            });
            frames.extend(places.iter().map(|place| Frame {
                function: place.function.clone(),
                file: place.file.clone(),
                line: u32::try_from(place.line).unwrap_or(0),
            }));
        }
        frames
    };
    stacks.iter().map(frames).collect()
}

/// Stacks of a recording, by their positions there.
pub(super) fn of_recording(recording: &Recording, stacks: &[u32]) -> Vec<Site> {
    of_named(recording, recording.named(stacks))
}

/// The same of stacks whose functions are known.
pub(super) fn of_named(recording: &Recording, named: Vec<Vec<Place>>) -> Vec<Site> {
    let frames = named.into_iter().map(|places| places.into_iter().map(Frame::from).collect()).collect();
    // A program's file is mapped before the libraries that it loads.
    classified(frames, recording.areas.values().filter_map(|areas| Some(areas.first()?.path.as_path())))
}

/// All stacks as places, told by what all of them say of whose code is whose.
fn classified<'a>(stacks: Vec<Vec<Frame>>, executables: impl Iterator<Item = &'a Path>) -> Vec<Site> {
    let executables: Vec<_> = executables.map(Path::to_string_lossy).collect();
    let executables: Vec<&str> = executables.iter().map(AsRef::as_ref).collect();
    let all = stacks.iter().flatten().map(|frame| (frame.function.as_str(), frame.file.as_str()));
    let owners = Owners::of(all, &executables);
    let owned = |frames: &[Frame]| -> Vec<(String, Option<names::Whose>)> {
        let known = |frame: &Frame| match whose(&owners, frame) {
            Whose::Program => Some(names::Whose::Program),
            Whose::Library => Some(names::Whose::Dependency),
            Whose::Tokio | Whose::Standard => None,
        };
        frames.iter().map(|frame| (frame.function.clone(), known(frame))).collect()
    };
    let mut callers = Callers::default();
    for (number, frames) in stacks.iter().enumerate() {
        callers.learn(number, &borrowed(&owned(frames)), 1);
    }
    // A stack that broke off in a library goes on with who calls that.
    let rest = |frames: &[Frame]| -> Vec<Frame> {
        let found = callers.of(&borrowed(&owned(frames)));
        found.map(|(number, at)| stacks[number][at..].to_vec()).unwrap_or_default()
    };
    let whole = stacks.iter().map(|frames| [frames.as_slice(), &rest(frames)].concat());
    whole.map(|frames| classify(&owners, frames)).collect()
}

fn borrowed(frames: &[(String, Option<names::Whose>)]) -> Vec<(&str, Option<names::Whose>)> {
    frames.iter().map(|(function, whose)| (function.as_str(), *whose)).collect()
}

/// What a stack of frames, leaf first, is about.
fn classify(owners: &Owners, mut frames: Vec<Frame>) -> Site {
    // What runs the task is no part of where it waits.
    let poll = frames.iter().position(|frame| is_poll(&frame.function)).unwrap_or(frames.len());
    let inner = &frames[..poll];
    let whose: Vec<Whose> = inner.iter().map(|frame| whose(owners, frame)).collect();
    let own = whose.iter().position(|whose| *whose == Whose::Program);
    let place = own.or_else(|| whose.iter().position(|whose| *whose == Whose::Library));
    let runtime: Vec<usize> = (0..place.unwrap_or(whose.len())).filter(|at| whose[*at] == Whose::Tokio).collect();
    let told = |at: &&usize| cause(&path(&inner[**at])) != Cause::Other;
    // What the program called is outermost; without a program, what happened is innermost.
    // Within a timeout it is the time, or what the time is for.
    let within: Vec<usize> =
        runtime.iter().copied().filter(|at| !path(&inner[*at]).trim_start_matches('<').starts_with(TIMEOUT)).collect();
    let outermost = place.and(within.last()).filter(told);
    let decisive = outermost.or_else(|| within.iter().find(told)).or_else(|| runtime.iter().find(told));
    let (cause, resource) = match decisive.map(|at| path(&inner[*at])) {
        Some(path) => (cause(&path), names::clean_name(&path)),
        None => (Cause::Other, String::new()),
    };
    let place = place.map(|at| Frame { function: names::clean_name(&inner[at].function), ..inner[at].clone() });
    let root = (0..whose.len()).rev().find(|at| whose[*at] == Whose::Program);
    let root = root.map(|at| names::clean_name(&inner[at].function)).unwrap_or_default();
    let mut own: Vec<Frame> = Vec::new();
    for (frame, _) in inner.iter().zip(&whose).filter(|(_, whose)| **whose == Whose::Program) {
        let function = names::clean_name(&frame.function);
        // An async function and its future are one.
        if own.len() < MOST_OWN && own.last().is_none_or(|last| last.function != function) {
            own.push(Frame { function, ..frame.clone() });
        }
    }
    let call = system_call(inner.iter().map(|frame| frame.function.as_str()));
    let cause = match cause {
        Cause::Other if call == "futex" => of_a_thread(inner, &whose),
        cause => cause,
    };
    frames.truncate(MOST_FRAMES);
    Site { cause, resource, place, root, own, call, frames }
}

/// What a stack, leaf first, is in of the kernel: a system call by its name, or a page fault; empty where it is in neither.
pub fn system_call<'a>(functions: impl Iterator<Item = &'a str> + Clone) -> String {
    // Names of entry functions: arch/x86/include/asm/syscall_wrapper.h and its kin; the last where the others were inlined.
    let entries = ["__x64_sys_", "__ia32_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_"];
    let call = functions.clone().find_map(|name| entries.iter().find_map(|entry| name.strip_prefix(entry)));
    // An entry that only jumps on leaves no frame: what it jumps to is named so (fs/read_write.c).
    match call.or_else(|| functions.clone().find_map(|name| name.strip_prefix("ksys_"))) {
        Some(call) => call.to_owned(),
        None if functions.clone().any(|name| name.contains("page_fault") || name == "do_mem_abort") => {
            "page fault".into()
        }
        None => String::new(),
    }
}

/// Whether a function polls tasks.
fn is_poll(function: &str) -> bool {
    function.contains("tokio::runtime::task::harness::") && function.contains("poll")
}

/// The path of a function of tokio; of its module by the file, where poor debug information has only the last word.
fn path(frame: &Frame) -> String {
    let name = frame.function.as_str();
    if name.trim_start_matches('<').starts_with("tokio::") {
        return name.to_owned();
    }
    let module = frame.file.split_once("/src/").and_then(|_| {
        let (_, inside) = frame.file.rsplit_once("/src/")?;
        Some(inside.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::"))
    });
    let named = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    match module {
        Some(module) if named => format!("tokio::{module}::{name}"),
        Some(module) => format!("tokio::{module}"),
        None => name.to_owned(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Tokio,
    Standard,
    Library,
    Program,
}

/// Tokio is known by its name, everything else by where it lies.
fn whose(owners: &Owners, frame: &Frame) -> Whose {
    let rust = frame.file.ends_with(".rs") || frame.function.contains("::");
    // C of the system's libraries, and the kernel's, has no path in its names.
    if !rust {
        return Whose::Standard;
    }
    match owners.whose(&frame.function, &frame.file) {
        names::Whose::Language => Whose::Standard,
        _ if is_tokio(&frame.function) => Whose::Tokio,
        names::Whose::Program => Whose::Program,
        // Names of what was inlined may lack their path.
        names::Whose::Dependency if lies_in_tokio(&frame.file) => Whose::Tokio,
        names::Whose::Dependency => Whose::Library,
    }
}

/// By the first segment of a path.
fn is_tokio(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '&', '(', '*']);
    path.strip_prefix("mut ").unwrap_or(path).starts_with("tokio::")
}

/// `…/tokio-1.54.1/src/…`, or `…/tokio/src/…` of a copy.
fn lies_in_tokio(file: &str) -> bool {
    file.rsplit_once("/src/").is_some_and(|(before, _)| {
        let package = before.rsplit('/').find(|part| !matches!(*part, "src")).unwrap_or_default();
        package == "tokio" || package.starts_with("tokio-1.") || before.contains("/tokio-1.")
    })
}

/// What waits for something else, or for a time.
const TIMEOUT: &str = "tokio::time::timeout";

#[cfg(test)]
mod tests {
    use super::*;

    fn site(functions: &[&str]) -> Site {
        let frames = functions.iter().map(|name| Frame { function: (*name).to_owned(), ..Frame::default() }).collect();
        classified(vec![frames], [Path::new("/srv/app")].into_iter()).remove(0)
    }

    #[test]
    fn an_entry_that_only_jumps_on_is_named_by_where() {
        assert_eq!(["__x64_sys_mmap", "vfs"].map(|by| system_call(["ksys_write", by].into_iter())), ["mmap", "write"]);
    }

    #[test]
    fn a_lock_is_named_with_the_line_that_wants_it() {
        let lock = site(&[
            "tokio::runtime::task::waker::clone_waker",
            "<tokio::sync::batch_semaphore::Acquire as core::future::future::Future>::poll",
            "tokio::sync::mutex::Mutex<T>::lock::{{closure}}",
            "app::take::{{closure}}",
            "tokio::runtime::task::harness::Harness<T,S>::poll",
            "tokio::runtime::scheduler::multi_thread::worker::run",
        ]);
        assert_eq!((lock.cause, lock.resource.as_str()), (Cause::Lock, "tokio::sync::mutex::Mutex::lock"));
        assert_eq!(lock.place.unwrap().function, "app::take");
    }

    #[test]
    fn a_timeout_is_what_it_is_for_or_the_time() {
        let inside = |functions: [&str; 2]| {
            site(&[
                functions[0],
                functions[1],
                "<tokio::time::timeout::Timeout<T> as core::future::future::Future>::poll",
                "app::newest::{{closure}}",
                "tokio::runtime::task::harness::Harness<T,S>::poll",
            ])
        };
        let news = inside(["tokio::sync::notify::Notified::poll_notified", "tokio::sync::watch::changed_impl"]);
        assert_eq!((news.cause, news.resource.as_str()), (Cause::Channel, "tokio::sync::watch::changed_impl"));
        let time = inside(["tokio::runtime::time::entry::TimerEntry::poll_elapsed", "tokio::time::sleep::Sleep::poll"]);
        assert_eq!((time.cause, time.resource.as_str()), (Cause::Timer, "tokio::time::sleep::Sleep::poll"));
    }

    #[test]
    fn a_thread_that_sleeps_in_a_futex_waits_for_a_lock_or_to_be_told() {
        let asleep = |function: &str| {
            site(&["schedule", "__x64_sys_futex", "syscall", function, "app::answer", "app::serve"]).cause
        };
        assert_eq!(asleep("std::sys::sync::mutex::futex::Mutex::lock_contended"), Cause::Lock);
        assert_eq!(asleep("std::sys::sync::rwlock::futex::RwLock::read_contended"), Cause::Lock);
        assert_eq!(asleep("std::sys::sync::thread_parking::futex::Parker::park"), Cause::Notify);
        assert_eq!(asleep("std::sys::sync::condvar::futex::Condvar::wait"), Cause::Notify);
        assert_eq!(asleep("std::sys::thread::unix::Thread::join"), Cause::Other, "its C has the name");
        assert_eq!(asleep("__pthread_clockjoin_ex"), Cause::Join);
        assert_eq!(asleep("app::lock_slow"), Cause::Other);
        // A lock that a library brings is told by the field's words, and a condition variable goes with a mutex.
        let registry = "/r/registry/src/index-1/acme-1.0.0/src/lib.rs";
        let brought = |names: &[&str]| {
            let frame =
                |name: &str, file: &str| Frame { function: name.to_owned(), file: file.to_owned(), ..Frame::default() };
            let within = names.iter().map(|name| frame(name, registry));
            let frames = [frame("__x64_sys_futex", "")].into_iter().chain(within);
            let frames = frames.chain([frame("app::answer", "/w/src/main.rs")]).collect();
            classified(vec![frames], [Path::new("/srv/app")].into_iter()).remove(0).cause
        };
        assert_eq!(brought(&["acme::park::park", "acme::raw_rwlock::RawRwLock::lock_slow"]), Cause::Lock);
        assert_eq!(
            brought(&["acme::park::park", "acme::condvar::Condvar::wait", "acme::mutex::Mutex::relock"]),
            Cause::Notify
        );
        assert_eq!(brought(&["acme::park::park"]), Cause::Other);
    }

    #[test]
    fn drivers_are_told_apart() {
        let timer = site(&[
            "tokio::runtime::task::waker::wake_by_val",
            "tokio::util::wake_list::WakeList::wake_all",
            "tokio::runtime::time::<impl tokio::runtime::time::handle::Handle>::process_at_time",
            "tokio::runtime::driver::Driver::park_timeout",
        ]);
        assert_eq!(timer.cause, Cause::Timer);
        let socket = site(&[
            "tokio::runtime::task::waker::wake_by_val",
            "tokio::runtime::io::scheduled_io::ScheduledIo::wake",
            "tokio::runtime::io::driver::Driver::turn",
        ]);
        assert_eq!(socket.cause, Cause::Socket);
        assert_eq!(site(&["tokio::runtime::task::waker::wake_by_val", "app::callback"]).cause, Cause::Other);
    }

    #[test]
    fn what_was_inlined_is_known_by_its_file() {
        let frame = |function: &str, file: &str| Frame { function: function.into(), file: file.into(), line: 7 };
        let tokio = "/home/u/.cargo/registry/src/index-1/tokio-1.54.1/src";
        let site = classify(
            &Owners::default(),
            vec![
                frame("tokio::runtime::task::waker::clone_waker", &format!("{tokio}/runtime/task/waker.rs")),
                frame("with_mut<tokio::sync::mpsc::chan::Rx>", &format!("{tokio}/loom/std/unsafe_cell.rs")),
                frame("{async_fn#0}<u32>", &format!("{tokio}/sync/mpsc/bounded.rs")),
                frame("{async_fn#0}", "src/main.rs"),
            ],
        );
        assert_eq!((site.cause, site.resource.as_str()), (Cause::Channel, "tokio::sync::mpsc::bounded"));
        assert_eq!(site.place.map(|place| (place.file, place.line)), Some(("src/main.rs".into(), 7)));
    }

    #[test]
    fn a_server_without_a_line_of_its_own_is_shown_by_its_library() {
        let idle = site(&[
            "tokio::runtime::task::waker::clone_waker",
            "tokio::runtime::io::scheduled_io::ScheduledIo::poll_readiness",
            "<tokio::net::tcp::stream::TcpStream as tokio::io::async_read::AsyncRead>::poll_read",
            "<hyper::proto::h1::conn::Conn<I,B,T>>::poll_read_head",
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
        ]);
        assert_eq!(idle.cause, Cause::Socket);
        assert!(idle.place.unwrap().function.contains("hyper"));
    }
}
