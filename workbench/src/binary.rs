//! What an executable says of itself: how much of it a profile can name.

use std::fs::File;
use std::path::Path;

use object::{Object, ObjectSection, ReadCache, ReadRef};

/// What an ELF file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binary {
    /// Build id in hex; empty where the file has none.
    pub build_id: String,
    /// It has a symbol table: functions have names.
    pub symbols: bool,
    /// It has line tables (DWARF): functions have files and lines, and those that were inlined are seen.
    pub lines: bool,
    /// It was made by Go, which brings its own tables of functions.
    pub go: bool,
}

impl Binary {
    /// Reads a file; `None` for what cannot be read or is no ELF file.
    pub fn read(path: &Path) -> Option<Self> {
        let cache = ReadCache::new(File::open(path).ok()?);
        Self::parse(&object::File::parse(&cache).ok()?)
    }

    fn parse<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> Option<Self> {
        let has = |name: &str| file.section_by_name(name).is_some_and(|section| section.size() > 0);
        let build_id = file.build_id().ok().flatten().unwrap_or_default();
        Some(Self {
            build_id: build_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            symbols: has(".symtab"),
            lines: has(".debug_line") || has(".zdebug_line"),
            go: has(".gopclntab") || has(".go.buildinfo"),
        })
    }
}

/// Programs that run other programs' text: their native frames are their own, not those of the script.
const INTERPRETERS: &[(&str, &str)] = &[
    ("python", "`py-spy` shows the lines of a script"),
    ("pypy", "`py-spy` shows the lines of a script"),
    ("node", "`node --cpu-prof` shows the functions of a script"),
    ("java", "`async-profiler` shows its methods"),
    ("ruby", "`rbspy` shows the lines of a script"),
    ("php", "`phpspy` shows the lines of a script"),
    ("perl", "`perl -d:NYTProf` shows the lines of a script"),
    ("dotnet", "`dotnet-trace` shows its methods"),
    ("beam.smp", "`perf` with `+JPperf true` shows its functions"),
    ("lua", "the debug hooks of Lua show its lines"),
];

/// What an interpreter's frames do not show, by the name of its executable; `None` for other programs.
pub fn interpreter(program: &str) -> Option<String> {
    let named = |name: &str| {
        let rest = program.strip_prefix(name);
        // `python3.11`, but not `nodemanager`.
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-')))
    };
    let (_, instead) = INTERPRETERS.iter().find(|(name, _)| named(name))?;
    Some(format!("{program} runs a program of another language: only its native frames are seen; {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_executable_tells_what_it_holds() {
        let own = Binary::read(Path::new("/proc/self/exe")).unwrap();
        assert!(own.symbols && !own.go, "{own:?}");
        assert_eq!(Binary::read(Path::new("/proc/self/status")), None);
    }

    #[test]
    fn interpreters_are_known_by_name() {
        assert!(interpreter("python3.11").is_some_and(|told| told.contains("py-spy")));
        assert!(interpreter("java").is_some() && interpreter("node").is_some());
        assert_eq!(interpreter("nodemanager"), None);
        assert_eq!(interpreter("my-service"), None);
    }
}
