//! Heap evidence: the profile as pprof in Go's shape, flamegraphs of what was allocated by bytes and by blocks.

use std::path::Path;

use anyhow::Context;
use flamegraphs::profile::{Builder, Label, Profile, ValueType};
use flamegraphs::{names, svg};
use reports::run::ProfileSummary;
use reports::run::writer::RunWriter;

use super::{frames, kept};

/// Raw profile, within the evidence folder of a variant.
const HEAP_PROFILE: &str = "heap.pb.gz";
/// Flamegraph by bytes allocated.
const HEAP_FLAMEGRAPH: &str = "heap.svg";
/// Flamegraph by blocks allocated.
const OBJECTS_FLAMEGRAPH: &str = "heap-objects.svg";
/// Position of `alloc_objects` in [`sample_types`].
const ALLOC_OBJECTS: usize = 0;
/// Position of `alloc_space` in [`sample_types`].
const ALLOC_SPACE: usize = 1;

/// Go's four, in Go's order.
fn sample_types() -> [ValueType; 4] {
    [
        ValueType::new("alloc_objects", "count"),
        ValueType::new("alloc_space", "bytes"),
        ValueType::new("inuse_objects", "count"),
        ValueType::new("inuse_space", "bytes"),
    ]
}

/// Writes `heap.pb.gz`, `heap.svg` and `heap-objects.svg` of a variant.
///
/// # Errors
/// A profile without samples, or files that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &probe::heap::Profile) -> anyhow::Result<()> {
    let profile = convert(recorded, variant).context("the heap profile")?;
    writer.evidence(variant, HEAP_PROFILE, &flamegraphs::write::pprof(&profile))?;
    let subtitle = source(recorded);
    for (file, index, what, unit) in
        [(HEAP_FLAMEGRAPH, ALLOC_SPACE, "Bytes", "bytes"), (OBJECTS_FLAMEGRAPH, ALLOC_OBJECTS, "Blocks", "blocks")]
    {
        let stacks = names::fold(&profile, index, &names::Options::heap())?;
        let options = svg::Options {
            title: format!("{what} allocated by {variant}"),
            subtitle: subtitle.clone(),
            unit: unit.to_owned(),
            ..svg::Options::default()
        };
        writer.evidence(variant, file, svg::render(&stacks, &options)?.as_bytes())?;
    }
    Ok(())
}

/// The probe's plain data in our profile model.
///
/// # Errors
/// A profile that does not hold together, or holds nothing.
pub fn convert(recorded: &probe::heap::Profile, variant: &str) -> anyhow::Result<Profile> {
    let sampled = recorded.sampled();
    anyhow::ensure!(
        sampled > 0,
        "the sampler took no sample: fewer than about {} bytes were allocated in {:.1} s",
        recorded.rate,
        recorded.wall_s
    );
    let mut builder = Builder::new(sample_types());
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    for sample in &recorded.samples {
        let stack = frames::stack(&mut builder, &sample.frames);
        let (allocated, in_use) = (sample.allocated, sample.in_use);
        let values = [allocated.objects, allocated.bytes, in_use.objects, in_use.bytes]
            .map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        builder.sample(&stack, &values, &[Label::text("variant", variant)])?;
    }
    let meta = builder.meta();
    // Go shows what is in use first; here the question is where allocation comes from.
    meta.default_sample_type = "alloc_space".to_owned();
    meta.drop_frames = names::DROP_ALLOCATOR_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("space", "bytes"));
    meta.period = i64::try_from(recorded.rate).unwrap_or(i64::MAX);
    #[allow(clippy::cast_possible_truncation, reason = "seconds of one trial")]
    let duration_nanos = (recorded.wall_s * 1e9) as i64;
    meta.duration_nanos = duration_nanos;
    kept::remember(meta, &source(recorded), sampled);
    Ok(builder.finish())
}

/// How the profile came about, and what it lost.
fn source(recorded: &probe::heap::Profile) -> String {
    let mut source = format!(
        "one byte in {} in the allocator, stacks by {}; a resize counts as a new block",
        recorded.rate, recorded.walked_by
    );
    for (count, loss) in [
        (recorded.lost_stacks, "samples have no stack, the table was full"),
        (recorded.untracked, "samples are missing from what is in use, the table was full"),
    ] {
        if count > 0 {
            source.push_str(&format!("; {count} {loss}"));
        }
    }
    source
}

/// What `run.json` says of a variant's heap evidence, read back from the file itself.
pub fn summary(
    run: &Path,
    folder: &str,
    variant: &str,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let files = kept::Files { kind: "heap", profile: HEAP_PROFILE, flamegraph: HEAP_FLAMEGRAPH };
    kept::summary(&files, run, folder, variant, missing, overhead)
}

#[cfg(test)]
mod tests {
    use probe::cpu::{Frame, Mapping, Symbol};
    use probe::heap::{Sample, Values};

    use super::*;

    fn recorded() -> probe::heap::Profile {
        let symbol =
            |name: &str, line| Symbol { name: name.to_owned(), file: Some("src/app.rs".into()), line: Some(line) };
        probe::heap::Profile {
            rate: 4096,
            wall_s: 2.0,
            samples: vec![
                Sample {
                    frames: vec![
                        Frame {
                            address: 0x1010,
                            symbols: vec![symbol("alloc::raw_vec::finish_grow", 3), symbol("app::fill", 9)],
                        },
                        Frame { address: 0x1100, symbols: vec![symbol("app::main", 20)] },
                    ],
                    sampled: 3,
                    allocated: Values { objects: 30, bytes: 3000 },
                    in_use: Values { objects: 10, bytes: 1000 },
                },
                Sample {
                    frames: vec![],
                    sampled: 1,
                    allocated: Values { objects: 1, bytes: 5000 },
                    in_use: Values::default(),
                },
            ],
            lost_stacks: 1,
            untracked: 0,
            walked_by: "frame pointers".into(),
            build_id: Some("abcd".into()),
            mappings: vec![Mapping { path: "/bin/app".into(), start: 0x1000, end: 0x2000, offset: 0 }],
        }
    }

    #[test]
    fn the_profile_has_gos_shape_and_every_value() {
        let profile = convert(&recorded(), "broken").unwrap();
        let types: Vec<_> = profile.sample_types().iter().map(|t| format!("{}/{}", t.kind, t.unit)).collect();
        assert_eq!(types, ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"]);
        assert_eq!([0, 1, 2, 3].map(|index| profile.total(index).unwrap()), [31, 8000, 10, 1000]);
        assert_eq!((profile.meta.period, profile.meta.period_type.as_ref().unwrap().unit.as_str()), (4096, "bytes"));
        assert_eq!(profile.mappings()[0].build_id, "abcd");
        assert_eq!(profile.meta.drop_frames, names::DROP_ALLOCATOR_FRAMES);
        assert!(profile.meta.comments[0].contains("1 samples have no stack"), "{:?}", profile.meta.comments);
        let stacks = names::fold(&profile, ALLOC_SPACE, &names::Options::heap()).unwrap();
        insta::assert_snapshot!(flamegraphs::write::folded_stacks(&stacks), @r"
        [no stack] 5000
        app::main;app::fill 3000
        ");
    }

    #[test]
    fn a_profile_without_samples_is_refused() {
        let empty = probe::heap::Profile { samples: vec![], ..recorded() };
        assert!(convert(&empty, "x").unwrap_err().to_string().contains("no sample"));
    }
}
