//! From addresses of a recording to functions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::limits::{NO_CALLERS, NO_CALLERS_NAME, call_at};
use super::parking::{Mark, mark};
use super::recording::{Recording, seen_by};
use super::standing;
use super::symbols::{Place, Symbols};
use crate::profile::{Builder, LocationId};

/// Addresses from here on are the kernel's (the upper half of the address space).
const KERNEL: u64 = 1 << 63;

/// Each address of a process is resolved once.
pub(super) struct Resolver<'a> {
    recording: &'a Recording,
    symbols: Symbols,
    known: HashMap<(u32, u64), LocationId>,
    /// What the functions at an address say of waits, the innermost that says anything.
    marks: HashMap<(u32, u64), Mark>,
    /// Where the file of an area is found, by the area's process and start.
    files: HashMap<(u32, u64), PathBuf>,
}

impl<'a> Resolver<'a> {
    pub(super) fn of(recording: &'a Recording) -> Self {
        Self {
            recording,
            symbols: Symbols::default(),
            known: HashMap::new(),
            marks: HashMap::new(),
            files: HashMap::new(),
        }
    }

    /// What the functions at an address that has a location say of waits.
    pub(super) fn mark(&self, pid: u32, address: u64) -> Option<Mark> {
        self.marks.get(&(pid, address)).copied()
    }

    pub(super) fn location(&mut self, builder: &mut Builder, pid: u32, address: u64) -> LocationId {
        if let Some(known) = self.known.get(&(pid, address)) {
            return *known;
        }
        let places = self.places(pid, address);
        if let Some(mark) = places.iter().find_map(|place| mark(&place.function)) {
            self.marks.insert((pid, address), mark);
        }
        let frames: Vec<_> = places.iter().map(Place::frame).collect();
        let location = builder.location(address, &frames);
        self.known.insert((pid, address), location);
        location
    }

    pub(super) fn places(&mut self, pid: u32, address: u64) -> Vec<Place> {
        let named = |name: &str| {
            vec![Place { function: name.into(), system_name: String::new(), file: String::new(), line: 0 }]
        };
        if address == NO_CALLERS {
            return named(NO_CALLERS_NAME);
        }
        if let Some(call) = call_at(address) {
            return named(&standing::entry(call));
        }
        if address >= KERNEL {
            return self.symbols.in_kernel(address);
        }
        let areas = self.recording.areas.get(&pid).map(Vec::as_slice).unwrap_or_default();
        let Some(area) = areas.iter().find(|area| (area.start..area.end).contains(&address)) else {
            return Vec::new();
        };
        let found = match area.bias {
            Some(bias) => {
                let path = self.files.entry((pid, area.start)).or_insert_with(|| seen_by(pid, &area.path));
                self.symbols.at(path, address.wrapping_sub(bias))
            }
            None => Vec::new(),
        };
        if found.is_empty() && area.path == Path::new("[vdso]") {
            return named("[vdso]");
        }
        found
    }
}
