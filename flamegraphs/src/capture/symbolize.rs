//! Names for the addresses of a profile that somebody else took on this machine, from the files that its mappings name.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::elf::Image;
use super::symbols::{Place, Symbols};
use crate::profile::{Builder, Frame, LocationId, Mapping, Profile, Symbols as Known};

/// The same profile with functions, files and lines where its locations have none yet, and with the build ids of its files.
///
/// The files must be those that were mapped: one that was replaced meanwhile gives wrong names, unless the mapping carries a
/// build id that tells. What has no symbols keeps its bare address.
pub fn symbolized(profile: &Profile) -> Profile {
    let mut builder = Builder::new(profile.sample_types().iter().cloned());
    let mut biases: HashMap<u64, u64> = HashMap::new();
    for mapping in profile.mappings() {
        let image = File::open(&mapping.file).ok().and_then(Image::read);
        let known = image.filter(|image| mapping.build_id.is_empty() || image.build_id == mapping.build_id);
        let mut mapping: Mapping = mapping.clone();
        if let Some(image) = known {
            if let Some(address) = image.address_of(mapping.offset) {
                biases.insert(mapping.start, mapping.start.wrapping_sub(address));
                mapping.symbols = Known::ALL;
            }
            mapping.build_id = image.build_id;
        }
        builder.mapping(mapping);
    }
    let mut symbols = Symbols::default();
    let locations: Vec<LocationId> = profile
        .locations()
        .iter()
        .map(|location| {
            if !location.lines.is_empty() {
                let frames: Vec<Frame<'_>> = location
                    .lines
                    .iter()
                    .map(|line| {
                        let function = profile.function(line.function);
                        let (name, system) = (function.name.as_str(), function.system_name.as_str());
                        Frame { function: name, system_name: system, file: &function.file, line: line.line }
                    })
                    .collect();
                return builder.location(location.address, &frames);
            }
            let holder = location.mapping.map(|id| &profile.mappings()[id.index()]);
            let places = holder
                .and_then(|mapping| Some((mapping, biases.get(&mapping.start)?)))
                .map(|(mapping, bias)| symbols.at(Path::new(&mapping.file), location.address.wrapping_sub(*bias)))
                .unwrap_or_default();
            let frames: Vec<_> = places.iter().map(Place::frame).collect();
            builder.location(location.address, &frames)
        })
        .collect();
    for sample in profile.samples() {
        let stack: Vec<LocationId> = sample.stack.iter().map(|id| locations[id.index()]).collect();
        builder
            .sample(&stack, &sample.values, &sample.labels)
            .expect("as many values as types, and this builder's own locations");
    }
    *builder.meta() = profile.meta.clone();
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ValueType;

    #[test]
    fn an_address_of_this_program_gets_its_function_and_line() {
        let here = symbolized as *const () as u64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let dump = format!("heap_v2/512\n  t*: 1: 64 [1: 64]\n@ {:#x} 0x1\n  t*: 1: 64 [1: 64]\n", here + 1);
        let bare = crate::read::jemalloc(&format!("{dump}\nMAPPED_LIBRARIES:\n{maps}")).unwrap().profile;
        let named = symbolized(&bare);
        assert_eq!(named.sample_types(), bare.sample_types());
        assert_eq!(
            (named.samples()[0].values.as_slice(), &named.meta),
            (bare.samples()[0].values.as_slice(), &bare.meta)
        );
        let leaf = named.location(named.samples()[0].stack[0]);
        assert_eq!(leaf.address, here);
        let function = named.function(leaf.lines.last().unwrap().function);
        assert!(function.name.ends_with("symbolize::symbolized"), "{function:?}");
        assert!(function.file.ends_with("symbolize.rs") && leaf.lines[0].line > 0, "{function:?}");
        assert!(named.location(named.samples()[0].stack[1]).lines.is_empty(), "nothing is mapped there");
        assert_eq!(symbolized(&named), named, "once is enough");
    }

    #[test]
    fn a_file_of_another_build_names_nothing() {
        let mut builder = Builder::new([ValueType::new("inuse_space", "bytes")]);
        let (start, limit) = (0x1000, u64::MAX);
        let file = std::env::current_exe().unwrap().display().to_string();
        builder.mapping(Mapping { start, limit, offset: 0, file, build_id: "00".into(), symbols: Known::default() });
        let location = builder.location(0x2000, &[]);
        builder.sample(&[location], &[1], &[]).unwrap();
        let profile = builder.finish();
        assert_eq!(symbolized(&profile), profile);
    }
}
