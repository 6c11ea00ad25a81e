//! What an executable says of itself: how much of it a profile can name.

use std::fs::File;
use std::path::Path;

use object::{Architecture, Object, ObjectSection, ObjectSymbol, ReadCache, ReadRef, SymbolKind};

/// Functions shorter than this say nothing of how the program was built: leaves have no use for a frame.
const TELLING_BYTES: u64 = 96;
/// Functions looked at for frame pointers.
const MOST_LOOKED_AT: usize = 20_000;
/// Bytes of constants searched for the version of tokio.
const MOST_SEARCHED: u64 = 64 << 20;

/// What an ELF file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Binary {
    /// Build id in hex; empty where the file has none.
    pub build_id: String,
    /// Functions in its symbol table.
    pub symbols: usize,
    /// It has line tables (DWARF): functions have files and lines, and those that were inlined are seen.
    pub lines: bool,
    /// It was made by Go, which brings its own tables of functions.
    pub go: bool,
    /// Share of its longer functions that begin by keeping a frame pointer; `None` where that cannot be told.
    pub frame_pointers: Option<f64>,
    /// How its Rust names are written.
    pub mangling: Mangling,
    /// Version of tokio in it, by the paths that its panics carry.
    pub tokio: Option<String>,
    /// Allocators in it, by their symbols.
    pub allocators: Vec<String>,
}

/// How Rust names are written into symbols.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mangling {
    /// There are none.
    #[default]
    None,
    /// `_ZN…17h…E`: without generic arguments.
    Legacy,
    /// `_R…`: with them (RFC 2603).
    V0,
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
        let mut seen = Seen::default();
        let text = file.section_by_name(".text").filter(|_| file.architecture() == Architecture::X86_64);
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition()) {
            seen.name(symbol.name().unwrap_or_default());
            if let Some(text) = &text
                && symbol.size() >= TELLING_BYTES
                && seen.looked_at < MOST_LOOKED_AT
                && let Ok(Some(code)) = text.data_range(symbol.address(), 8)
            {
                seen.code(code);
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let frame_pointers = (seen.looked_at > 0).then(|| seen.kept as f64 / seen.looked_at as f64);
        Some(Self {
            build_id: build_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            symbols: seen.functions,
            lines: has(".debug_line") || has(".zdebug_line"),
            go: has(".gopclntab") || has(".go.buildinfo"),
            frame_pointers,
            mangling: match (seen.v0, seen.legacy) {
                (0, 0) => Mangling::None,
                // std is v0 since some version, whatever the program is; see which of its own there are more of.
                (v0, legacy) if v0 > legacy => Mangling::V0,
                _ => Mangling::Legacy,
            },
            tokio: constants(file).and_then(|bytes| version_of_tokio(&bytes)),
            allocators: seen.allocators(),
        })
    }
}

/// Counts over all functions.
#[derive(Default)]
struct Seen {
    functions: usize,
    v0: usize,
    legacy: usize,
    looked_at: usize,
    kept: usize,
    jemalloc: bool,
    mimalloc: bool,
    tcmalloc: bool,
}

impl Seen {
    fn name(&mut self, name: &str) {
        self.functions += 1;
        self.v0 += usize::from(name.starts_with("_R"));
        self.legacy += usize::from(name.starts_with("_ZN") && name.contains("17h"));
        self.jemalloc |= name.ends_with("je_malloc") || name.ends_with("rjem_malloc") || name == "mallocx";
        self.mimalloc |= name.starts_with("mi_") || name.starts_with("_mi_");
        self.tcmalloc |= name == "tc_malloc";
    }

    /// `push %rbp; mov %rsp,%rbp`, behind `endbr64` where the compiler writes one.
    fn code(&mut self, code: &[u8]) {
        let code = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(code);
        self.looked_at += 1;
        self.kept += usize::from(code.starts_with(&[0x55, 0x48, 0x89, 0xe5]));
    }

    fn allocators(&self) -> Vec<String> {
        let all = [("jemalloc", self.jemalloc), ("mimalloc", self.mimalloc), ("tcmalloc", self.tcmalloc)];
        all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect()
    }
}

/// The constants of a program, as far as they are worth a search.
fn constants<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> Option<std::borrow::Cow<'a, [u8]>> {
    let section = file.section_by_name(".rodata").filter(|section| section.size() <= MOST_SEARCHED)?;
    section.uncompressed_data().ok()
}

/// `1.54.1` of `…/tokio-1.54.1/src/runtime/…`, a path that a panic would show.
fn version_of_tokio(constants: &[u8]) -> Option<String> {
    let mark = b"tokio-";
    let mut rest = constants;
    loop {
        let at = rest.windows(mark.len()).position(|window| window == mark)?;
        rest = &rest[at + mark.len()..];
        let end = rest.iter().take(24).position(|byte| *byte == b'/');
        let version = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        if let Some(version) = version
            && version.starts_with(|c: char| c.is_ascii_digit())
            && version.split('.').count() >= 3
        {
            return Some(version.to_owned());
        }
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
        assert!(own.symbols > 0 && !own.go && own.mangling == Mangling::V0, "{own:?}");
        assert!(own.tokio.as_deref().is_some_and(|version| version.starts_with("1.")), "{:?}", own.tokio);
        assert!(own.allocators.contains(&"mimalloc".to_owned()), "{:?}", own.allocators);
        assert_eq!(Binary::read(Path::new("/proc/self/status")), None);
    }

    #[test]
    fn interpreters_are_known_by_name() {
        assert!(interpreter("python3.11").is_some_and(|told| told.contains("py-spy")));
        assert!(interpreter("java").is_some() && interpreter("node").is_some());
        assert_eq!(interpreter("nodemanager"), None);
        assert_eq!(interpreter("my-service"), None);
    }

    #[test]
    fn the_version_of_tokio_is_that_of_its_paths() {
        let path = b"\0tokio-util\0/r/tokio-macros-2.1.0/src\0/r/tokio-1.54.1/src/runtime/builder.rs\0";
        assert_eq!(version_of_tokio(path).as_deref(), Some("1.54.1"));
        assert_eq!(version_of_tokio(b"tokio-rt-worker tokio-"), None);
    }

    #[test]
    fn frame_pointers_are_told_by_the_first_instructions() {
        let mut seen = Seen::default();
        seen.code(&[0x55, 0x48, 0x89, 0xe5, 0x41, 0x57]);
        seen.code(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5]);
        seen.code(&[0x55, 0x41, 0x57, 0x41, 0x56]);
        assert_eq!((seen.looked_at, seen.kept), (3, 2));
    }
}
