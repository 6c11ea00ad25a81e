//! Variables of a running program, by the names in its symbol table.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Mutex, PoisonError};

use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, ReadCache};

/// The memory of one process and the symbols of its executable.
#[derive(Debug)]
pub(super) struct Memory {
    pid: i32,
    /// Read when they are first asked for; why they cannot be.
    symbols: Option<Result<Symbols, String>>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// In the process.
    pub(super) address: u64,
    pub(super) bytes: u64,
}

/// Data symbols of an executable that may matter: name to address and size.
#[derive(Debug, Clone, Default)]
struct Symbols {
    data: BTreeMap<String, (u64, u64)>,
    /// The file's own address of its first byte.
    first: u64,
    any: bool,
}

impl Memory {
    pub(super) fn of(pid: i32) -> Self {
        Self { pid, symbols: None }
    }

    /// The first of these variables that the program has.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn named(&mut self, names: &[String]) -> Result<Named, String> {
        let pid = self.pid;
        let symbols = self.symbols.get_or_insert_with(|| read(pid)).as_ref().map_err(Clone::clone)?;
        let found = names.iter().find_map(|name| Some((name, symbols.data.get(name)?)));
        let Some((name, (address, bytes))) = found else {
            let last = names.first().map(String::as_str).unwrap_or_default();
            return Err(if symbols.any {
                format!("the program has no variable {last}: it may be in a library, or in no part of it")
            } else {
                "the program is stripped: it names none of its variables".to_owned()
            });
        };
        let begin = begin(pid).ok_or_else(|| "where the program lies in memory cannot be read".to_owned())?;
        let address = address.wrapping_sub(symbols.first).wrapping_add(begin);
        Ok(Named { name: name.clone(), address, bytes: *bytes })
    }

    /// A signed whole number of 1, 4 or 8 bytes.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn number(&self, address: u64, bytes: u64) -> Result<i64, String> {
        let mut value = [0_u8; 8];
        let length = usize::try_from(bytes).ok().filter(|length| matches!(length, 1 | 4 | 8));
        let length = length.ok_or_else(|| format!("a variable of {bytes} bytes is no number"))?;
        self.read(address, &mut value[..length])?;
        Ok(match length {
            1 => i64::from(value[0]),
            4 => i64::from(i32::from_le_bytes([value[0], value[1], value[2], value[3]])),
            _ => i64::from_le_bytes(value),
        })
    }

    /// Reads as many bytes as there is room for.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) fn read(&self, address: u64, into: &mut [u8]) -> Result<(), String> {
        let file = File::open(format!("/proc/{}/mem", self.pid));
        let read = file.and_then(|file| file.read_exact_at(into, address));
        read.map_err(|error| format!("its memory cannot be read: {error}"))
    }
}

/// The address that the begin of the executable's file is mapped to.
fn begin(pid: i32) -> Option<u64> {
    let exe = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    // `START-END PERMISSIONS OFFSET DEVICE INODE PATH`.
    let line = maps.lines().find(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(5).collect();
        fields.get(2).is_some_and(|offset| offset.bytes().all(|byte| byte == b'0'))
            && fields.get(4).is_some_and(|inode| *inode == exe.ino().to_string())
    })?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}

/// The symbols of a process's executable, read once for each state of the file.
fn read(pid: i32) -> Result<Symbols, String> {
    type Key = (u64, u64, u64, i64);
    static KNOWN: Mutex<BTreeMap<Key, Symbols>> = Mutex::new(BTreeMap::new());
    let failed = |error: std::io::Error| format!("the file it runs cannot be read: {error}");
    let file = File::open(format!("/proc/{pid}/exe")).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let key = (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime_nsec());
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let symbols = parse(file).ok_or_else(|| "the file it runs is no ELF executable".to_owned())?;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, symbols.clone());
    Ok(symbols)
}

fn parse(file: File) -> Option<Symbols> {
    let cache = ReadCache::new(file);
    let file = object::File::parse(&cache).ok()?;
    let first = file.segments().find(|segment| segment.file_range().0 == 0).map_or(0, |segment| segment.address());
    let mut symbols = Symbols { first, ..Symbols::default() };
    for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
        symbols.any = true;
        let Ok(name) = symbol.name() else { continue };
        if name.contains("opt_") || name.starts_with("runtime.g") {
            symbols.data.insert(name.to_owned(), (symbol.address(), symbol.size()));
        }
    }
    Some(symbols)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Named as the filter wants it.
    #[unsafe(no_mangle)]
    #[used]
    static opt_of_the_memory_test: i64 = -4711;

    #[test]
    fn a_variable_of_this_process_is_found_by_its_name() {
        let mut memory = Memory::of(std::process::id().cast_signed());
        let named = memory.named(&["no_opt_".into(), "opt_of_the_memory_test".into()]).unwrap();
        assert_eq!((named.address, named.bytes), (std::ptr::from_ref(&opt_of_the_memory_test) as u64, 8));
        assert_eq!(memory.number(named.address, 8), Ok(-4711));
        assert!(memory.named(&["opt_nobody".into()]).unwrap_err().contains("has no variable opt_nobody"));
        assert!(memory.number(named.address, 3).is_err());
    }

    #[test]
    fn a_stripped_program_says_so() {
        let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
        let refused = Memory::of(sleep.id().cast_signed()).named(&["opt_narenas".into()]).unwrap_err();
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        assert!(refused.contains("stripped"), "{refused}");
    }
}
