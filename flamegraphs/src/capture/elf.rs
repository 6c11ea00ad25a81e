//! Executables and libraries: where their segments lie, how their frames are unwound, which build they are.

use std::fmt::Write as _;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use framehop::ExplicitModuleSectionInfo;
use object::elf::PF_X;
use object::{Object, ObjectSection, ObjectSegment, ReadCache, ReadRef, SegmentFlags};

/// Sections as framehop keeps them.
pub(super) type Bytes = Arc<[u8]>;

/// Segments are mapped by whole pages of at least this size.
const PAGE: u64 = 4096;

/// What an ELF file says about itself. Addresses are the file's own ("stated virtual memory addresses").
#[derive(Debug)]
pub(super) struct Image {
    /// Those that hold code.
    segments: Vec<Segment>,
    /// Hex; empty where the file has none.
    pub(super) build_id: String,
    text: Option<(Range<u64>, Option<Bytes>)>,
    eh_frame: Option<(Range<u64>, Option<Bytes>)>,
    eh_frame_hdr: Option<(Range<u64>, Option<Bytes>)>,
    debug_frame: Option<Bytes>,
    got: Option<Range<u64>>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

/// Where addresses of a file's own lie in it, bytes from its begin; `None` of those that no segment has.
pub(super) fn offsets<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> impl Fn(u64) -> Option<u64> + use<'a, R> {
    let segments: Vec<(u64, u64, u64)> =
        file.segments().map(|segment| (segment.address(), segment.file_range().0, segment.file_range().1)).collect();
    move |address| {
        let within = segments.iter().find(|(start, _, size)| (*start..*start + *size).contains(&address));
        within.map(|(start, offset, _)| address - start + offset)
    }
}

impl Image {
    /// Reads a file; `None` for what is no ELF file.
    pub(super) fn read(file: File) -> Option<Self> {
        let cache = ReadCache::new(file);
        Self::parse(&object::File::parse(&cache).ok()?)
    }

    /// Reads an ELF image that lies in memory.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::parse(&object::File::parse(bytes).ok()?)
    }

    fn parse<'a, R: ReadRef<'a>>(file: &object::File<'a, R>) -> Option<Self> {
        let segments = file
            .segments()
            // Segments share pages of the file: only the executable ones are asked for, and they do not overlap.
            .filter(|segment| matches!(segment.flags(), SegmentFlags::Elf { p_flags, .. } if (p_flags & PF_X).0 != 0))
            .map(|segment| {
                let (offset, size) = segment.file_range();
                Segment { offset, size, address: segment.address() }
            })
            .collect();
        let range = |name: &str| {
            let section = file.section_by_name(name)?;
            Some(section.address()..section.address() + section.size())
        };
        let data = |name: &str| {
            let section = file.section_by_name(name)?;
            // `.debug_frame` may be compressed.
            section.uncompressed_data().ok().filter(|data| !data.is_empty()).map(|data| Bytes::from(data.as_ref()))
        };
        let both = |name: &str| range(name).map(|range| (range, data(name)));
        Some(Self {
            segments,
            build_id: file.build_id().ok().flatten().map(hex).unwrap_or_default(),
            text: both(".text"),
            eh_frame: both(".eh_frame"),
            eh_frame_hdr: both(".eh_frame_hdr"),
            debug_frame: data(".debug_frame"),
            got: range(".got"),
        })
    }

    /// The file's own address of code that lies at an offset of the file, by its executable segments.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        self.segments
            .iter()
            .find(|segment| (segment.offset & !(PAGE - 1)..segment.offset + segment.size).contains(&offset))
            .map(|segment| segment.address.wrapping_add(offset).wrapping_sub(segment.offset))
    }

    /// What framehop wants to know.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "stacks are unwound on x86-64 alone"))]
    pub(super) fn sections(&self) -> ExplicitModuleSectionInfo<Bytes> {
        let range = |section: &Option<(Range<u64>, Option<Bytes>)>| section.as_ref().map(|(range, _)| range.clone());
        let data = |section: &Option<(Range<u64>, Option<Bytes>)>| section.as_ref()?.1.clone();
        ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: range(&self.text),
            text: data(&self.text),
            eh_frame_svma: range(&self.eh_frame),
            eh_frame: data(&self.eh_frame),
            eh_frame_hdr_svma: range(&self.eh_frame_hdr),
            eh_frame_hdr: data(&self.eh_frame_hdr),
            debug_frame: self.debug_frame.clone(),
            got_svma: self.got.clone(),
            ..Default::default()
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_executable_can_be_unwound() {
        let image = Image::read(File::open("/proc/self/exe").unwrap()).unwrap();
        assert!(image.eh_frame.as_ref().is_some_and(|(_, data)| data.is_some()));
        let text = image.text.as_ref().unwrap().0.clone();
        // Not the first segment: its place in the file and its address differ.
        let segment = image.segments.iter().find(|s| (s.address..s.address + s.size).contains(&text.start)).unwrap();
        assert_eq!(image.address_of(segment.offset), Some(segment.address));
        assert_eq!(image.address_of(segment.offset + 5), Some(segment.address + 5));
        assert_eq!(image.address_of(u64::MAX), None);
    }

    #[test]
    fn what_is_no_executable_is_none() {
        assert!(Image::of_bytes(b"#!/bin/sh\n").is_none());
        assert!(Image::of_bytes(b"\x7fELF").is_none());
        assert!(Image::read(File::open("/proc/self/status").unwrap()).is_none());
    }
}
