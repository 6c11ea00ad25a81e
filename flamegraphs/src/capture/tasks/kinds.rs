//! Types of tasks by name, from where a poll was begun.
//!
//! The function that begins a poll is generic over the task's type: with the v0 mangling its symbol carries the type.
//! With the legacy mangling (rustc's default up to now) it does not, but it or a function it calls drops the task, and
//! the name of that drop glue does (`drop_in_place<Cell<T, …>>`).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;

use object::read::ReadCache;
use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

use crate::names::{TaskType, type_of};
use crate::tasks::{KindId, Kinds};

/// Code of one function that is searched for calls.
const MOST_CODE: u64 = 256 * 1024;
/// Calls followed from where the poll began.
const MOST_DEPTH: u32 = 3;

/// A function that has to do with tasks.
#[derive(Debug)]
struct Function {
    size: u64,
    name: String,
}

/// Types by number.
#[derive(Debug)]
pub(super) struct TypeNames {
    file: File,
    segments: Vec<(u64, u64, u64)>,
    /// By the file's own address.
    functions: BTreeMap<u64, Function>,
    by_function: HashMap<u64, Option<KindId>>,
    by_type: HashMap<String, KindId>,
    all: Vec<(String, Kinds)>,
}

impl TypeNames {
    /// Reads the symbols of an executable.
    pub(super) fn read(file: File) -> Option<Self> {
        let cache = ReadCache::new(file.try_clone().ok()?);
        let object = object::File::parse(&cache).ok()?;
        let segments = object
            .segments()
            .map(|segment| (segment.address(), segment.file_range().0, segment.file_range().1))
            .collect();
        let mut functions = BTreeMap::new();
        for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition()) {
            let Ok(name) = symbol.name() else { continue };
            if name.contains("tokio") && name.contains("task") {
                functions.insert(symbol.address(), Function { size: symbol.size(), name: name.to_owned() });
            }
        }
        let (by_function, by_type) = (HashMap::new(), HashMap::new());
        Some(Self { file, segments, functions, by_function, by_type, all: Vec::new() })
    }

    /// The type of the task whose function contains an address of the file's own; the second is set where it is new.
    pub(super) fn at(&mut self, address: u64) -> (Option<KindId>, Option<Kinds>) {
        let Some((start, function)) = self.functions.range(..=address).next_back() else { return (None, None) };
        let start = *start;
        if address >= start + function.size.max(1) {
            return (None, None);
        }
        if let Some(known) = self.by_function.get(&start) {
            return (*known, None);
        }
        let found = self.search(start, 0);
        let (kind, new) = match found {
            None => (None, None),
            Some((found, full)) => {
                let (name, what) = match found {
                    TaskType::Task(name) => (name, Kinds::Task),
                    TaskType::Blocking(name) => (name, Kinds::Blocking),
                    TaskType::Worker => ("[worker loop]".to_owned(), Kinds::Worker),
                };
                let key = if what == Kinds::Worker { String::new() } else { full };
                match self.by_type.get(&key) {
                    Some(kind) => (Some(*kind), None),
                    None => {
                        let kind = KindId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
                        let name = self.told_apart(name, what);
                        self.all.push((name, what));
                        self.by_type.insert(key, kind);
                        (Some(kind), Some(what))
                    }
                }
            }
        };
        self.by_function.insert(start, kind);
        (kind, new)
    }

    /// Two closures of one function have one name: the second gets a number.
    fn told_apart(&self, name: String, what: Kinds) -> String {
        let numbered = |number: usize| if number == 1 { name.clone() } else { format!("{name} ({number})") };
        let taken = |name: &String| self.all.iter().any(|(known, kind)| known == name && *kind == what);
        (1..).map(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    /// What a function's name says, or the names of what it calls.
    fn search(&self, start: u64, depth: u32) -> Option<(TaskType, String)> {
        let function = self.functions.get(&start)?;
        let name = format!("{:#}", rustc_demangle::demangle(&function.name));
        if let Some((found, full)) = type_of(&name) {
            return Some((found, full.to_owned()));
        }
        if depth == MOST_DEPTH {
            return None;
        }
        let calls = self.calls(start, function.size);
        let glue = |to: &&u64| self.functions.get(to).is_some_and(|to| to.name.contains("drop_in_place"));
        // What drops the task is nearest to the truth: other calls may be shared by many types.
        calls
            .iter()
            .filter(glue)
            .chain(calls.iter().filter(|to| !glue(to) && is_generic(&self.functions[to].name)))
            .find_map(|to| self.search(*to, depth + 1))
    }

    /// Functions known here that the code of one calls or jumps to (x86-64: `e8` and `e9` with a 32-bit distance).
    fn calls(&self, start: u64, size: u64) -> Vec<u64> {
        let Some(code) = self.code(start, size.min(MOST_CODE)) else { return Vec::new() };
        let mut calls = Vec::new();
        for (at, window) in code.windows(5).enumerate() {
            let [0xe8 | 0xe9, distance @ ..] = window else { continue };
            let Ok(distance) = <[u8; 4]>::try_from(distance) else { continue };
            let next = start + at as u64 + 5;
            let to = next.wrapping_add_signed(i64::from(i32::from_le_bytes(distance)));
            if to != start && self.functions.contains_key(&to) && !calls.contains(&to) {
                calls.push(to);
            }
        }
        calls
    }

    fn code(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let within = |(start, _, length): &&(u64, u64, u64)| (*start..*start + *length).contains(&address);
        let (start, offset, _) = self.segments.iter().find(within)?;
        let mut code = vec![0; usize::try_from(size).ok()?];
        self.file.read_exact_at(&mut code, address - start + offset).ok()?;
        Some(code)
    }

    /// Name of a type, and what it is.
    pub(super) fn name(&self, kind: KindId) -> Option<&(String, Kinds)> {
        self.all.get(kind.0 as usize)
    }
}

/// Whether a mangled name is of a function generic over the task's type.
fn is_generic(name: &str) -> bool {
    name.contains("harness") || name.contains("4task3raw")
}
