//! The frames of each sample by readable name, with the lines they were seen at.

use std::collections::HashMap;

use crate::names::{self, Owners, Whose};
use crate::profile::Profile;

/// Addresses from here on are the kernel's (the upper half of the address space).
const KERNEL: u64 = 1 << 63;

/// A frame by the position of its readable name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'p> {
    /// Position in [`Functions::name`].
    pub(crate) name: u32,
    /// Source file; may be empty.
    pub(crate) file: &'p str,
    /// 0 where unknown.
    pub(crate) line: i64,
}

/// Frames of each sample of a profile, leaf first, inlined ones included. They are made out when they are asked for: of
/// stacks that are deep and hardly ever the same, all of them would take more memory than the profile.
pub(crate) struct Functions<'p> {
    profile: &'p Profile,
    names: Vec<(String, bool)>,
    /// By name: of the program itself, or of a library where nothing is.
    written_here: Vec<bool>,
    /// By function of the profile: its name.
    functions: Vec<u32>,
    /// By location: what stands for an address without a symbol.
    addresses: Vec<Option<u32>>,
}

impl<'p> Functions<'p> {
    pub(crate) fn new(profile: &'p Profile) -> Self {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut names = Vec::new();
        let mut id = |(name, own): (String, bool)| {
            *known.entry(name.clone()).or_insert_with(|| {
                names.push((name, own));
                u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let functions: Vec<u32> = profile.functions().iter().map(|function| id(names::told(function))).collect();
        let addresses: Vec<Option<u32>> = profile
            .locations()
            .iter()
            .map(|at| at.lines.is_empty().then(|| id((crate::folded::unsymbolised(profile, at), false))))
            .collect();
        let mut whose = whose(profile, &functions, names.len());
        for location in profile.locations().iter().filter(|location| location.address >= KERNEL) {
            for line in &location.lines {
                let name = functions[line.function.index()] as usize;
                names[name].1 = false;
                whose[name] = Whose::Language;
            }
        }
        let wanted = if whose.contains(&Whose::Program) { Whose::Program } else { Whose::Dependency };
        let written_here = whose.iter().zip(&names).map(|(whose, (_, own))| *own && *whose == wanted).collect();
        Self { profile, names, written_here, functions, addresses }
    }

    /// Names that there are.
    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    /// Whether a function is of the program itself; where nothing in the profile is, of a library.
    pub(crate) fn is_written_here(&self, name: u32) -> bool {
        self.written_here.get(name as usize).copied().unwrap_or(false)
    }

    /// Of a sample by its position; leaf first.
    pub(crate) fn of(&self, sample: usize) -> impl Iterator<Item = Frame<'p>> + '_ {
        let stack = self.profile.samples().get(sample).map(|sample| sample.stack.as_slice()).unwrap_or_default();
        stack.iter().flat_map(|at| {
            let unknown = self.addresses[at.index()].map(|name| Frame { name, file: "", line: 0 });
            let lines = self.profile.location(*at).lines.iter().map(|line| Frame {
                name: self.functions[line.function.index()],
                file: &self.profile.function(line.function).file,
                line: line.line,
            });
            unknown.into_iter().chain(lines)
        })
    }

    /// A readable name, and whether it is the program's own or a library's that it chose.
    pub(crate) fn name(&self, name: u32) -> (&str, bool) {
        self.names.get(name as usize).map_or(("", false), |(name, own)| (name, *own))
    }
}

/// Whose functions are, by the position of their readable name.
fn whose(profile: &Profile, functions: &[u32], names: usize) -> Vec<Whose> {
    let owners = Owners::of_profile(profile);
    let mut whose = vec![Whose::Language; names];
    for (function, name) in profile.functions().iter().zip(functions) {
        let told = owners.whose(&names::clean_name(&function.name), &function.file);
        whose[*name as usize] = whose[*name as usize].min(told);
    }
    whose
}
