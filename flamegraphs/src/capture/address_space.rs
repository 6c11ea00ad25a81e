//! What is mapped into a process, and how to walk its stacks.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::elf::Image;
use super::perf::Sample;
use super::standing::Snapshot;

/// Deeper stacks are cut at the root.
const MOST_FRAMES: usize = 512;

/// Entries that the kernel puts into a call chain at most (kernel.perf_event_max_stack).
const MOST_CHAIN: usize = 127;

/// A base pointer that leads nowhere. Zero would be the end of a chain.
const NO_BASE: u64 = 1;

/// Executables that were read, by path: most processes share most of them.
#[derive(Debug, Default)]
pub(super) struct Images {
    known: HashMap<PathBuf, Option<Arc<Image>>>,
    walker: walker::Cache,
}

/// Executable memory of a process.
#[derive(Debug, Clone)]
pub(super) struct Area {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Of `start` in the file, bytes.
    pub(super) offset: u64,
    pub(super) path: PathBuf,
    /// What to subtract from an address to get the file's own, where it is known.
    pub(super) bias: Option<u64>,
    pub(super) build_id: String,
}

/// The executable memory of one process.
#[derive(Default)]
pub(super) struct AddressSpace {
    pub(super) areas: Vec<Area>,
    walker: walker::Walker,
}

/// How a walk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// Up to the thread's first function.
    Whole,
    /// It broke off: the root is missing.
    Cut,
}

impl AddressSpace {
    /// Reads `/proc/PID/maps` (proc(5)).
    pub(super) fn of(pid: u32, images: &mut Images) -> std::io::Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let mut space = Self::default();
        for (start, end, offset, path) in maps.lines().filter_map(executable) {
            space.add(pid, start, end, offset, path, images);
        }
        Ok(space)
    }

    /// Executable memory appeared. Whatever it overlaps is gone.
    pub(super) fn add(&mut self, pid: u32, start: u64, end: u64, offset: u64, path: &str, images: &mut Images) {
        self.areas.retain(|area| {
            let stays = area.end <= start || end <= area.start;
            if !stays {
                self.walker.remove(area.start);
            }
            stays
        });
        let image = images.at(pid, path);
        let bias = image.as_ref().and_then(|image| Some(start.wrapping_sub(image.address_of(offset)?)));
        if let Some((image, bias)) = image.as_ref().zip(bias) {
            self.walker.add(path, start..end, bias, image);
        }
        let build_id = image.map(|image| image.build_id.clone()).unwrap_or_default();
        self.areas.push(Area { start, end, offset, path: PathBuf::from(path), bias, build_id });
    }

    /// The file's own address of one of the process's, with the path of the file; `None` where nothing known is mapped.
    pub(super) fn place_of(&self, address: u64) -> Option<(&Path, u64)> {
        let area = self.areas.iter().find(|area| (area.start..area.end).contains(&address))?;
        Some((&area.path, address.wrapping_sub(area.bias?)))
    }

    /// Frames from registers (base, stack, instruction pointer) and a piece of stack alone, as [`AddressSpace::walk`].
    pub(super) fn walk_stack(
        &self,
        registers: [u64; 3],
        stack: &[u8],
        images: &mut Images,
        into: &mut Vec<u64>,
    ) -> Walk {
        self.walker.walk(registers, stack, &mut images.walker, into)
    }

    /// User frames of a thread as it stands. The base pointer of one that was not halted is not known: from where it is needed on,
    /// nothing is.
    pub(super) fn walk_standing(&self, seen: &Snapshot, images: &mut Images, into: &mut Vec<u64>) {
        let [stack, at] = seen.at;
        let base = seen.kept.map_or(NO_BASE, |(base, _)| base);
        self.walk_stack([base, stack, at], &seen.stack, images, into);
    }

    /// User frames of a sample, leaf first, as addresses within the call (one less than where it returns to).
    pub(super) fn walk(&self, sample: &Sample<'_>, images: &mut Images, into: &mut Vec<u64>) -> Walk {
        let Some(registers) = sample.registers else { return Walk::Whole };
        let before = into.len();
        let mut walk = self.walker.walk(registers, sample.stack, &mut images.walker, into);
        if walk == Walk::Cut && go_on(sample, before, into) {
            walk = Walk::Whole;
        }
        into.truncate(before + MOST_FRAMES);
        walk
    }
}

/// Where the piece of stack ends, the kernel's chain of frame pointers may go on; true where it goes on to its end.
fn go_on(sample: &Sample<'_>, before: usize, into: &mut Vec<u64>) -> bool {
    let within = |(index, address): (usize, u64)| if index == 0 { address } else { address.saturating_sub(1) };
    let chain: Vec<u64> = sample.user().enumerate().map(within).collect();
    let last = into[before..].last().copied();
    let walked = into.len() - before;
    match chain.iter().position(|address| Some(*address) == last) {
        Some(at) => into.extend(&chain[at + 1..]),
        None if walked <= 1 && walked < chain.len() => {
            into.truncate(before);
            into.extend(&chain);
        }
        None => return false,
    }
    into.len() - before > walked && chain.len() < MOST_CHAIN
}

impl Images {
    fn at(&mut self, pid: u32, path: &str) -> Option<Arc<Image>> {
        if let Some(known) = self.known.get(Path::new(path)) {
            return known.clone();
        }
        let image = match path {
            "[vdso]" => vdso(),
            path if path.starts_with('/') => open(pid, path).and_then(Image::read),
            _ => None,
        };
        let image = image.map(Arc::new);
        self.known.insert(PathBuf::from(path), image.clone());
        image
    }
}

/// A file as the process sees it: in a container its root is another, and a file that was replaced is only still there
/// as the executable of the process.
fn open(pid: u32, path: &str) -> Option<File> {
    let deleted = path.strip_suffix(" (deleted)");
    let of_process = || {
        let exe = format!("/proc/{pid}/exe");
        (fs::read_link(&exe).ok()? == Path::new(path)).then(|| File::open(exe).ok())?
    };
    match deleted {
        Some(_) => of_process(),
        None => File::open(format!("/proc/{pid}/root{path}")).or_else(|_| File::open(path)).ok(),
    }
}

/// The kernel maps the same little library into every process; ours is at hand.
fn vdso() -> Option<Image> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let (start, end, ..) = maps.lines().filter_map(executable).find(|(.., path)| *path == "[vdso]")?;
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    File::open("/proc/self/mem").ok()?.read_exact_at(&mut bytes, start).ok()?;
    Image::of_bytes(&bytes)
}

/// Start, end, offset and path of an executable line of `/proc/PID/maps`.
fn executable(line: &str) -> Option<(u64, u64, u64, &str)> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let offset = fields.next()?;
    let path = fields.nth(2)?.trim_start();
    let hex = |text| u64::from_str_radix(text, 16).ok();
    permissions.contains('x').then_some((hex(start)?, hex(end)?, hex(offset)?, path))
}

#[cfg(target_arch = "x86_64")]
mod walker {
    use std::ops::Range;

    use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
    use framehop::{MayAllocateDuringUnwind, Module, Unwinder};

    use super::{MOST_FRAMES, Walk};
    use crate::capture::elf::{Bytes, Image};

    pub(super) struct Cache(CacheX86_64<MayAllocateDuringUnwind>);

    #[derive(Default)]
    pub(super) struct Walker(UnwinderX86_64<Bytes, MayAllocateDuringUnwind>);

    impl Default for Cache {
        fn default() -> Self {
            Self(CacheX86_64::new_in())
        }
    }

    impl std::fmt::Debug for Cache {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Cache")
        }
    }

    impl Walker {
        pub(super) fn add(&mut self, name: &str, range: Range<u64>, bias: u64, image: &Image) {
            self.0.add_module(Module::new(name.to_owned(), range, bias, image.sections()));
        }

        pub(super) fn remove(&mut self, start: u64) {
            self.0.remove_module(start);
        }

        pub(super) fn walk(
            &self,
            [bp, sp, ip]: [u64; 3],
            stack: &[u8],
            cache: &mut Cache,
            into: &mut Vec<u64>,
        ) -> Walk {
            let mut read = |address: u64| {
                let at = usize::try_from(address.checked_sub(sp).ok_or(())?).map_err(|_| ())?;
                let bytes = stack.get(at..).and_then(|rest| rest.first_chunk()).ok_or(())?;
                Ok(u64::from_le_bytes(*bytes))
            };
            let registers = UnwindRegsX86_64::new(ip, sp, bp);
            let mut frames = self.0.iter_frames(ip, registers, &mut cache.0, &mut read);
            for _ in 0..MOST_FRAMES {
                match frames.next() {
                    Ok(Some(frame)) => into.push(frame.address_for_lookup()),
                    Ok(None) => return Walk::Whole,
                    Err(_) => return Walk::Cut,
                }
            }
            Walk::Cut
        }
    }
}

/// Elsewhere the kernel's chain of frame pointers must do.
#[cfg(not(target_arch = "x86_64"))]
mod walker {
    use std::ops::Range;

    use super::Walk;
    use crate::capture::elf::Image;

    #[derive(Debug, Default)]
    pub(super) struct Cache;

    #[derive(Default)]
    pub(super) struct Walker;

    impl Walker {
        pub(super) fn add(&mut self, _: &str, _: Range<u64>, _: u64, _: &Image) {}

        pub(super) fn remove(&mut self, _: u64) {}

        pub(super) fn walk(&self, _: [u64; 3], _: &[u8], _: &mut Cache, _: &mut Vec<u64>) -> Walk {
            Walk::Cut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_line_by_line() {
        let line = "55d0c0a00000-55d0c0b00000 r-xp 00012000 fe:00 1234                       /opt/my app";
        assert_eq!(executable(line), Some((0x55d0_c0a0_0000, 0x55d0_c0b0_0000, 0x12000, "/opt/my app")));
        assert_eq!(executable("55d0c0a00000-55d0c0b00000 rw-p 00012000 fe:00 1234 /opt/app"), None);
        assert_eq!(executable("7f00-7f01 r-xp 00000000 00:00 0 "), Some((0x7f00, 0x7f01, 0, "")));
        assert_eq!(executable("nonsense"), None);
    }

    #[test]
    fn this_process_has_an_executable_with_a_bias_and_a_vdso() {
        let mut images = Images::default();
        let space = AddressSpace::of(std::process::id(), &mut images).unwrap();
        let here = this_process_has_an_executable_with_a_bias_and_a_vdso as *const () as u64;
        let area = space.areas.iter().find(|area| (area.start..area.end).contains(&here)).unwrap();
        assert!(area.bias.is_some(), "{area:?}");
        assert!(space.areas.iter().any(|area| area.path == Path::new("[vdso]") && area.bias.is_some()));
    }

    #[test]
    fn what_is_mapped_over_is_gone() {
        let mut images = Images::default();
        let mut space = AddressSpace::default();
        space.add(1, 0x1000, 0x3000, 0, "/none", &mut images);
        space.add(1, 0x2000, 0x4000, 0, "/other", &mut images);
        assert_eq!(space.areas.iter().map(|a| (a.start, a.end)).collect::<Vec<_>>(), [(0x2000, 0x4000)]);
    }
}
