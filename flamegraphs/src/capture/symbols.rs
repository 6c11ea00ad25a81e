//! From addresses to functions and lines, after the recording: nothing of this runs while the subject is watched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use addr2line::Loader;

use super::qualified::{Program, Sources};
use crate::profile::Frame;

/// One function at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// For people.
    pub(super) function: String,
    /// As the linker knows it.
    pub(super) system_name: String,
    pub(super) file: String,
    /// From 1; 0 where unknown.
    pub(super) line: i64,
}

impl Place {
    /// As a profile takes it.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame { function: &self.function, system_name: &self.system_name, file: &self.file, line: self.line }
    }
}

/// Debug information and symbol tables, each file read once.
#[derive(Default)]
pub(super) struct Symbols {
    files: HashMap<PathBuf, Option<(Loader, Program)>>,
    sources: Sources,
    kernel: Option<Vec<(u64, String)>>,
}

impl Symbols {
    /// Functions at a file's own address, innermost first: what was inlined, then what it was inlined into.
    pub(super) fn at(&mut self, path: &Path, address: u64) -> Vec<Place> {
        let read = || Some((Loader::new(path).ok()?, Program::of(path)));
        let Some((loader, program)) = self.files.entry(path.to_owned()).or_insert_with(read) else { return Vec::new() };
        let mut places = Vec::new();
        if let Ok(mut frames) = loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let raw = frame.function.as_ref().and_then(|function| function.raw_name().ok());
                let (file, line) = frame.location.map(|at| (at.file, at.line)).unwrap_or_default();
                let line = line.filter(|line| *line > 0).or_else(|| line_before(loader, address, raw.as_deref()?));
                let mut place = named(raw.as_deref().unwrap_or_default());
                file.unwrap_or_default().clone_into(&mut place.file);
                place.line = i64::from(line.unwrap_or(0));
                places.push(place);
            }
        }
        // The symbol table has whole paths where poor debug information has only the last word.
        if let Some(symbol) = loader.find_symbol(address) {
            let outer = named(symbol);
            match places.last_mut() {
                Some(last) => (last.function, last.system_name) = (outer.function, outer.system_name),
                None => places.push(outer),
            }
        }
        for place in &mut places {
            let line = u32::try_from(place.line).unwrap_or(0);
            if let Some(path) = self.sources.qualified(&place.function, &place.file, line, program) {
                place.function = path;
            }
        }
        places.retain(|place| !place.function.is_empty());
        places
    }

    /// The kernel's function at an address, where `/proc/kallsyms` tells (kernel.kptr_restrict).
    pub(super) fn in_kernel(&mut self, address: u64) -> Vec<Place> {
        let table = self.kernel.get_or_insert_with(|| {
            let text = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
            kernel_symbols(&text)
        });
        let after = table.partition_point(|(start, _)| *start <= address);
        let Some((_, name)) = after.checked_sub(1).and_then(|at| table.get(at)) else { return Vec::new() };
        vec![Place { function: name.clone(), system_name: String::new(), file: String::new(), line: 0 }]
    }
}

/// Bytes of code before an address in which the line of its function is looked for.
const MOST_BEFORE: u64 = 64;

/// The line of a function where the code before an address has one: what the compiler adds, as drops at the end of a scope,
/// often has none of its own (line 0).
fn line_before(loader: &Loader, address: u64, function: &str) -> Option<u32> {
    (1..=MOST_BEFORE).find_map(|back| {
        let mut frames = loader.find_frames(address.checked_sub(back)?).ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let is_it = frame.function.as_ref().is_some_and(|one| one.raw_name().is_ok_and(|name| name == function));
            let line = frame.location.and_then(|at| at.line).filter(|line| *line > 0);
            if let (true, Some(line)) = (is_it, line) {
                return Some(line);
            }
        }
        None
    })
}

fn named(raw: &str) -> Place {
    // The alternate form leaves out the hash of legacy mangling.
    let function = format!("{:#}", rustc_demangle::demangle(raw));
    let system_name = if function == raw { String::new() } else { raw.to_owned() };
    Place { function, system_name, file: String::new(), line: 0 }
}

/// Addresses and names of functions, sorted. Where addresses are hidden they read as zero: no table at all.
fn kernel_symbols(text: &str) -> Vec<(u64, String)> {
    let mut table: Vec<(u64, String)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let address = u64::from_str_radix(fields.next()?, 16).ok()?;
            let kind = fields.next()?;
            let name = fields.next()?;
            (address != 0 && matches!(kind, "t" | "T" | "w" | "W")).then(|| (address, name.to_owned()))
        })
        .collect();
    table.sort_unstable();
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_searched_by_range() {
        let text =
            "ffff1000 T do_work\nffff2000 t helper\t[module]\nffff1800 D data\n0000000000000000 T hidden\njunk\n";
        let mut symbols = Symbols { kernel: Some(kernel_symbols(text)), ..Symbols::default() };
        let mut name = |address| symbols.in_kernel(address).pop().map(|place| place.function);
        assert_eq!(name(0xffff_1fff).as_deref(), Some("do_work"));
        assert_eq!(name(0xffff_2000).as_deref(), Some("helper"));
        assert_eq!(name(0xffff_0fff), None);
    }

    #[test]
    fn names_are_for_people_and_the_linkers_is_kept() {
        let place = named("_ZN3app4work17h0123456789abcdefE");
        assert_eq!(
            (place.function.as_str(), place.system_name.as_str()),
            ("app::work", "_ZN3app4work17h0123456789abcdefE")
        );
        assert_eq!(named("main.handler").system_name, "");
    }

    #[test]
    fn a_file_that_is_not_there_has_no_symbols() {
        assert_eq!(Symbols::default().at(Path::new("/no/such/file"), 0x1000), []);
    }
}
