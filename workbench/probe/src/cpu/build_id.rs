//! GNU build id of this executable, from the note that the linker left in its image.

use std::ffi::{c_int, c_void};

/// Hex digits of the build id; `None` where the program was linked without one.
pub(crate) fn build_id() -> Option<String> {
    let mut found = None;
    // SAFETY: the callback only uses the data pointer as what it is: `found`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(first_object), (&raw mut found).cast()) };
    found
}

/// The loader names the executable first, so the first call decides.
unsafe extern "C" fn first_object(info: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
    // SAFETY: the loader passes a valid description, and `found` is what `build_id` passed.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Option<String>>()) };
    // SAFETY: the loader's table has that many headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_NOTE) {
        let start = (info.dlpi_addr + header.p_vaddr) as *const u8;
        // The sizes of this target's headers are pointer-sized.
        let size = header.p_memsz as usize;
        // SAFETY: a note segment of a loaded object is mapped and readable for its whole size.
        let notes = unsafe { std::slice::from_raw_parts(start, size) };
        if found.is_none() {
            *found = gnu_build_id(notes);
        }
    }
    1
}

/// Walks ELF notes: sizes of name and description and the type, 4 bytes each, then both, padded to 4.
fn gnu_build_id(mut notes: &[u8]) -> Option<String> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    while notes.len() >= 12 {
        let (name_size, id_size) = (word(notes, 0)? as usize, word(notes, 4)? as usize);
        let name = notes.get(12..12_usize.checked_add(name_size)?)?;
        let id_start = 12_usize.checked_add(name_size.checked_next_multiple_of(4)?)?;
        let id = notes.get(id_start..id_start.checked_add(id_size)?)?;
        if word(notes, 8)? == NT_GNU_BUILD_ID && name == b"GNU\0" {
            return Some(id.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = notes.get(id_start.checked_add(id_size.checked_next_multiple_of(4)?)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(kind: u32, name: &[u8], description: &[u8]) -> Vec<u8> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_ne_bytes();
        let mut note = [size(name), size(description), kind.to_ne_bytes()].concat();
        for part in [name, description] {
            note.extend_from_slice(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    #[test]
    fn the_build_id_is_found_behind_other_notes() {
        let notes = [note(1, b"GNU\0", &[0; 16]), note(3, b"XYZ12\0", b"ab"), note(3, b"GNU\0", &[0xab, 0x01, 0xff])];
        assert_eq!(gnu_build_id(&notes.concat()).as_deref(), Some("ab01ff"));
        assert_eq!(gnu_build_id(&notes[..2].concat()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            gnu_build_id(&bytes);
        }
    }
}
