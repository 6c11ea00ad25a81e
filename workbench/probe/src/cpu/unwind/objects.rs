//! Call frame information of the loaded objects.

use std::borrow::Cow;
use std::ffi::{c_int, c_void};
use std::ops::Range;

use framehop::{ExplicitModuleSectionInfo, Module};

/// Bytes of a section: the executable's where they lie, those of libraries, which may be unloaded, copied.
pub(super) type Section = Cow<'static, [u8]>;

/// `.eh_frame_hdr` begins with its version and three encodings; the linkers of Linux give the address of `.eh_frame`
/// as a signed offset of 4 bytes from where it stands (LSB Core, `DW_EH_PE_pcrel | DW_EH_PE_sdata4`).
const VERSION: u8 = 1;
const PCREL_SDATA4: u8 = 0x1b;

/// Objects that were loaded at one moment.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Loads and unloads that the loader counts; `None` before the first look.
    generation: Option<(u64, u64)>,
    found: Vec<Object>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Object {
    code: Range<u64>,
    base: u64,
    header: (Range<u64>, Section),
    frames: (Range<u64>, Section),
}

/// What the callback of one look knows.
struct Look {
    before: Option<(u64, u64)>,
    objects: Objects,
    first: bool,
}

impl Objects {
    /// A new look, unless nothing was loaded or unloaded since the last.
    pub(super) fn changed_since(last: &Self) -> Option<Self> {
        let mut look = Look { before: last.generation, objects: Self::default(), first: true };
        // SAFETY: the callback only uses the data pointer as what it is: `look`, which outlives the call.
        let unchanged = unsafe { libc::dl_iterate_phdr(Some(next_object), (&raw mut look).cast()) } != 0;
        (!unchanged).then_some(look.objects)
    }

    /// In the shape that the unwinder wants.
    pub(super) fn modules(&self) -> impl Iterator<Item = Module<Section>> {
        self.found.iter().map(|object| {
            let sections = ExplicitModuleSectionInfo {
                eh_frame_hdr_svma: Some(object.header.0.clone()),
                eh_frame_hdr: Some(object.header.1.clone()),
                eh_frame_svma: Some(object.frames.0.clone()),
                eh_frame: Some(object.frames.1.clone()),
                ..ExplicitModuleSectionInfo::default()
            };
            Module::new(String::new(), object.code.clone(), object.base, sections)
        })
    }
}

unsafe extern "C" fn next_object(info: *mut libc::dl_phdr_info, _size: usize, look: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid description, and `look` is what `changed_since` passed.
    let (info, look) = unsafe { (&*info, &mut *look.cast::<Look>()) };
    let generation = Some((info.dlpi_adds, info.dlpi_subs));
    if look.first && generation == look.before {
        return 1;
    }
    look.objects.generation = generation;
    // SAFETY: the loader holds its lock, so that the object stays where it is during this call.
    look.objects.found.extend(unsafe { object(info, look.first) });
    look.first = false;
    0
}

/// # Safety
/// `info` describes an object that stays loaded during the call; for good where it is the `executable`.
unsafe fn object(info: &libc::dl_phdr_info, executable: bool) -> Option<Object> {
    // SAFETY: the loader's table has that many headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let header = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let header = header.p_vaddr..header.p_vaddr.checked_add(header.p_memsz)?;
    // Both lie within a segment: what the loader mapped is readable up to there.
    let segment = |at: u64| {
        loaded().map(|load| load.p_vaddr..load.p_vaddr.saturating_add(load.p_filesz)).find(|load| load.contains(&at))
    };
    let header = header.start..header.end.min(segment(header.start)?.end);
    let section = |range: &Range<u64>| {
        let start = info.dlpi_addr.wrapping_add(range.start) as *const u8;
        // SAFETY: within a segment that is loaded.
        let bytes: &'static [u8] = unsafe { std::slice::from_raw_parts(start, (range.end - range.start) as usize) };
        if executable { Cow::Borrowed(bytes) } else { Cow::Owned(bytes.to_vec()) }
    };
    let header_bytes = section(&header);
    let frames = header.start.checked_add_signed(start_of_frames(&header_bytes)?)?;
    let frames = frames..segment(frames)?.end;
    let frames_bytes = section(&frames);
    let code = loaded()
        .map(|load| load.p_vaddr..load.p_vaddr.saturating_add(load.p_memsz))
        .reduce(|all, load| all.start.min(load.start)..all.end.max(load.end))?;
    let placed = |address: u64| info.dlpi_addr.wrapping_add(address);
    Some(Object {
        code: placed(code.start)..placed(code.end),
        base: info.dlpi_addr,
        header: (header, header_bytes),
        frames: (frames, frames_bytes),
    })
}

/// Distance of `.eh_frame` from the beginning of `.eh_frame_hdr`.
fn start_of_frames(header: &[u8]) -> Option<i64> {
    if header.first() != Some(&VERSION) || header.get(1) != Some(&PCREL_SDATA4) {
        return None;
    }
    Some(i64::from(i32::from_ne_bytes(header.get(4..8)?.try_into().ok()?)) + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_and_libraries_are_found_once() {
        let objects = Objects::changed_since(&Objects::default()).unwrap();
        let here = start_of_frames as *const () as u64;
        let libc = libc::getpid as *const () as u64;
        for address in [here, libc] {
            assert_eq!(objects.found.iter().filter(|object| object.code.contains(&address)).count(), 1);
        }
        assert!(matches!(objects.found[0].frames.1, Cow::Borrowed(_)), "the executable's stays where it is");
        assert!(Objects::changed_since(&objects).is_none(), "nothing was loaded meanwhile");
    }

    #[test]
    fn headers_of_other_encodings_are_left_alone() {
        assert_eq!(start_of_frames(&[1, 0x1b, 3, 0x3b, 0xfc, 0xff, 0xff, 0xff]), Some(0));
        for odd in [&[][..], &[1], &[2, 0x1b, 3, 0x3b, 0, 0, 0, 0], &[1, 0x03, 3, 0x3b, 0, 0, 0, 0], &[1, 0x1b, 3]] {
            assert_eq!(start_of_frames(odd), None);
        }
    }
}
