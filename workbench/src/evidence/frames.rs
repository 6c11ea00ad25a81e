//! The probe's frames and mappings in our profile model: every frame kept, addresses and inlined functions included.

use flamegraphs::profile::{Builder, Frame, LocationId, Mapping, Symbols};

/// Adds mappings; the build id belongs to the executable, whose mapping is the first.
pub(super) fn mappings(builder: &mut Builder, mappings: &[probe::cpu::Mapping], build_id: Option<&str>) {
    for mapping in mappings {
        let executable = mappings.first().is_some_and(|first| first.path == mapping.path);
        builder.mapping(Mapping {
            start: mapping.start,
            limit: mapping.end,
            offset: mapping.offset,
            file: mapping.path.clone(),
            build_id: build_id.filter(|_| executable).unwrap_or_default().to_owned(),
            symbols: Symbols::ALL,
        });
    }
}

/// Adds the locations of a stack, leaf first.
pub(super) fn stack(builder: &mut Builder, frames: &[probe::cpu::Frame]) -> Vec<LocationId> {
    // Unwinders end a stack with address 0, which is no frame.
    let frames = frames.iter().filter(|frame| frame.address != 0);
    frames.map(|frame| location(builder, frame)).collect()
}

/// Adds the locations of a whole CPU profile, by position; `None` for address 0, which is no frame.
pub(super) fn locations(builder: &mut Builder, frames: &[probe::cpu::Frame]) -> Vec<Option<LocationId>> {
    frames.iter().map(|frame| (frame.address != 0).then(|| location(builder, frame))).collect()
}

/// The stack of one of its samples, leaf first.
pub(super) fn sampled(locations: &[Option<LocationId>], sample: &probe::cpu::Sample) -> Vec<LocationId> {
    sample.frames.iter().filter_map(|position| locations.get(*position as usize).copied().flatten()).collect()
}

fn location(builder: &mut Builder, frame: &probe::cpu::Frame) -> LocationId {
    let files: Vec<String> =
        frame.symbols.iter().map(|s| s.file.as_ref().map(|f| f.display().to_string()).unwrap_or_default()).collect();
    let lines: Vec<Frame<'_>> = frame
        .symbols
        .iter()
        .zip(&files)
        .map(|(symbol, file)| Frame {
            function: &symbol.name,
            system_name: "",
            file,
            line: symbol.line.map_or(0, i64::from),
        })
        .collect();
    builder.location(frame.address, &lines)
}
