//! Heap evidence: the profile as pprof in Go's shape, flamegraphs of what was allocated by bytes and by blocks; and the
//! same of the moment of most live memory.

use std::path::Path;

use anyhow::Context;
use flamegraphs::profile::{Builder, Label, Profile, ValueType};
use flamegraphs::{names, svg};
use probe::heap::{Moment, Sample};
use probe::jemalloc::profiling::Dump;
use reports::run::writer::RunWriter;
use reports::run::{HeapPeak, ProfileSummary};

use super::{frames, kept};

/// Raw profile, within the evidence folder of a variant.
const HEAP_PROFILE: &str = "heap.pb.gz";
/// Flamegraph by bytes allocated.
const HEAP_FLAMEGRAPH: &str = "heap.svg";
/// Flamegraph by blocks allocated.
const OBJECTS_FLAMEGRAPH: &str = "heap-objects.svg";
/// Raw profile of the moment of most live memory.
const PEAK_PROFILE: &str = "heap-peak.pb.gz";
/// Flamegraph by bytes in use then.
const PEAK_FLAMEGRAPH: &str = "heap-peak.svg";
/// What the comment that dates the peak begins with.
const PEAK: &str = "peak: ";
/// Position of `alloc_objects` in [`sample_types`].
const ALLOC_OBJECTS: usize = 0;
/// Position of `alloc_space` in [`sample_types`].
const ALLOC_SPACE: usize = 1;
/// Position of `inuse_space` in [`sample_types`].
const INUSE_SPACE: usize = 3;

/// Go's four, in Go's order.
fn sample_types() -> [ValueType; 4] {
    [
        ValueType::new("alloc_objects", "count"),
        ValueType::new("alloc_space", "bytes"),
        ValueType::new("inuse_objects", "count"),
        ValueType::new("inuse_space", "bytes"),
    ]
}

/// Writes `heap.pb.gz`, `heap.svg` and `heap-objects.svg` of a variant; and, where live memory rose above what it was at
/// the start, `heap-peak.pb.gz` and `heap-peak.svg`.
///
/// # Errors
/// A profile without samples, or files that cannot be written.
pub fn write(writer: &mut RunWriter, variant: &str, recorded: &probe::heap::Profile) -> anyhow::Result<()> {
    let profile = convert(recorded, variant).context("the heap profile")?;
    writer.evidence(variant, HEAP_PROFILE, &flamegraphs::write::pprof(&profile))?;
    draw_allocated(writer, variant, &profile, &source(recorded))?;
    if let Some((peak, profile)) = convert_peak(recorded, variant).context("the heap profile of the peak")? {
        let title = format!("Bytes in use by {variant} when most memory was live");
        let subtitle = format!(
            "{} bytes live, {:.2} s after the profile began; one byte in {}",
            peak.live_bytes, peak.at_s, recorded.rate
        );
        let drawing = Drawing { file: PEAK_FLAMEGRAPH, index: INUSE_SPACE, title, subtitle };
        draw(writer, variant, &profile, drawing)?;
        writer.evidence(variant, PEAK_PROFILE, &flamegraphs::write::pprof(&profile))?;
    }
    Ok(())
}

/// The same of a dump of jemalloc's own profiler, which keeps no peak.
///
/// # Errors
/// A dump that cannot be read or holds no sample, or files that cannot be written.
pub fn write_dump(writer: &mut RunWriter, variant: &str, dump: &Dump) -> anyhow::Result<()> {
    let (profile, source) = read_dump(dump, variant).context("jemalloc's heap profile")?;
    writer.evidence(variant, HEAP_PROFILE, &flamegraphs::write::pprof(&profile))?;
    draw_allocated(writer, variant, &profile, &source)
}

/// A dump in our profile model, with names, and who sampled.
fn read_dump(dump: &Dump, variant: &str) -> anyhow::Result<(Profile, String)> {
    let read = flamegraphs::read::jemalloc(&dump.text)?;
    anyhow::ensure!(
        read.sampled > 0,
        "it took no sample: fewer than about {} bytes were allocated in {:.1} s",
        read.rate,
        dump.wall_s
    );
    let mut profile = flamegraphs::capture::symbolized(&read.profile);
    profile.label(&Label::text("variant", variant));
    // As with our own sampler, the question is where allocation comes from.
    profile.meta.default_sample_type = "alloc_space".to_owned();
    #[allow(clippy::cast_possible_truncation, reason = "seconds of one trial")]
    let duration_nanos = (dump.wall_s * 1e9) as i64;
    profile.meta.duration_nanos = duration_nanos;
    let source =
        format!("jemalloc's own profiler, one byte in {}, in a build of its own that has it compiled in", read.rate);
    kept::remember(&mut profile.meta, &source, read.sampled);
    Ok((profile, source))
}

fn draw_allocated(writer: &mut RunWriter, variant: &str, profile: &Profile, source: &str) -> anyhow::Result<()> {
    let subtitle = source.to_owned();
    let title = format!("Bytes allocated by {variant}");
    draw(
        writer,
        variant,
        profile,
        Drawing { file: HEAP_FLAMEGRAPH, index: ALLOC_SPACE, title, subtitle: subtitle.clone() },
    )?;
    let title = format!("Blocks allocated by {variant}");
    draw(writer, variant, profile, Drawing { file: OBJECTS_FLAMEGRAPH, index: ALLOC_OBJECTS, title, subtitle })
}

/// One flamegraph.
struct Drawing {
    file: &'static str,
    /// Position in [`sample_types`].
    index: usize,
    title: String,
    subtitle: String,
}

fn draw(writer: &mut RunWriter, variant: &str, profile: &Profile, drawing: Drawing) -> anyhow::Result<()> {
    let Drawing { file, index, title, subtitle } = drawing;
    let stacks = names::fold(profile, index, &names::Options::heap())?;
    let unit = if index == ALLOC_OBJECTS { "blocks" } else { "bytes" };
    let options = svg::Options { title, subtitle, unit: unit.to_owned(), ..svg::Options::default() };
    let drawn = svg::render(&stacks, &options)?;
    writer.evidence(variant, file, drawn.as_bytes())?;
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
    let at_stop = |sample: &Sample| Moment { allocated: sample.allocated, in_use: sample.in_use };
    // Go shows what is in use first; here the question is where allocation comes from.
    build(recorded, variant, at_stop, "alloc_space", recorded.wall_s)
}

/// The moment of most live memory in our profile model; `None` where there was none, or it is older than the profile.
///
/// # Errors
/// A profile that does not hold together.
pub fn convert_peak(
    recorded: &probe::heap::Profile,
    variant: &str,
) -> anyhow::Result<Option<(probe::heap::Peak, Profile)>> {
    let Some(peak) = recorded.peak.filter(|_| recorded.in_use_at_peak().bytes > 0) else { return Ok(None) };
    let mut profile = build(recorded, variant, |sample| sample.at_peak, "inuse_space", peak.at_s)?;
    profile
        .meta
        .comments
        .push(format!("{PEAK}{} bytes live, {} s after the profile began", peak.live_bytes, peak.at_s));
    Ok(Some((peak, profile)))
}

fn build(
    recorded: &probe::heap::Profile,
    variant: &str,
    of: impl Fn(&Sample) -> Moment,
    first_shown: &str,
    duration_s: f64,
) -> anyhow::Result<Profile> {
    let mut builder = Builder::new(sample_types());
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    for sample in &recorded.samples {
        let Moment { allocated, in_use } = of(sample);
        if allocated.objects == 0 {
            continue;
        }
        let stack = frames::stack(&mut builder, &sample.frames);
        let values = [allocated.objects, allocated.bytes, in_use.objects, in_use.bytes]
            .map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        builder.sample(&stack, &values, &[Label::text("variant", variant)])?;
    }
    let meta = builder.meta();
    meta.default_sample_type = first_shown.to_owned();
    meta.drop_frames = names::DROP_ALLOCATOR_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("space", "bytes"));
    meta.period = i64::try_from(recorded.rate).unwrap_or(i64::MAX);
    #[allow(clippy::cast_possible_truncation, reason = "seconds of one trial")]
    let duration_nanos = (duration_s * 1e9) as i64;
    meta.duration_nanos = duration_nanos;
    kept::remember(meta, &source(recorded), recorded.sampled());
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
    let mut summary = kept::summary(&files, run, folder, variant, missing, overhead);
    if summary.missing.is_none() {
        summary.peak = peak(run, folder);
    }
    summary
}

/// The peak, where its profile was kept and can be read: that of the whole trial stands without it.
fn peak(run: &Path, folder: &str) -> Option<HeapPeak> {
    let path = format!("{folder}/{PEAK_PROFILE}");
    let profile = flamegraphs::read::pprof(&std::fs::read(run.join(&path)).ok()?).ok()?;
    let (live_bytes, at_s) = profile.meta.comments.iter().find_map(|comment| dated(comment))?;
    let svg = format!("{folder}/{PEAK_FLAMEGRAPH}");
    let svg = if run.join(&svg).exists() { svg } else { String::new() };
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    let coverage = profile.total(INUSE_SPACE)? as f64 / live_bytes.max(1) as f64;
    Some(HeapPeak { path, svg, at_s, live_bytes, coverage })
}

/// Live bytes and seconds of the comment that [`convert_peak`] left.
fn dated(comment: &str) -> Option<(u64, f64)> {
    let (live_bytes, when) = comment.strip_prefix(PEAK)?.split_once(" bytes live, ")?;
    let at_s: f64 = when.split_once(" s ")?.0.parse().ok()?;
    Some((live_bytes.parse().ok()?, at_s)).filter(|_| at_s.is_finite())
}

#[cfg(test)]
mod tests {
    use probe::cpu::{Frame, Mapping, Symbol};
    use probe::heap::{Peak, Values};

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
                    at_peak: Moment {
                        allocated: Values { objects: 25, bytes: 2500 },
                        in_use: Values { objects: 20, bytes: 2000 },
                    },
                },
                Sample {
                    frames: vec![],
                    sampled: 1,
                    allocated: Values { objects: 1, bytes: 5000 },
                    in_use: Values::default(),
                    at_peak: Moment::default(),
                },
            ],
            peak: Some(Peak { at_s: 0.75, live_bytes: 8000 }),
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
    fn a_dump_of_jemallocs_profiler_becomes_the_same_files() {
        let here = convert as *const () as u64 + 1;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let text = format!(
            "heap_v2/524288\n  t*: 1: 1048576 [3: 3145728]\n@ {here:#x}\n  t*: 1: 1048576 [3: 3145728]\n\nMAPPED_LIBRARIES:\n{maps}"
        );
        let (profile, source) = read_dump(&Dump { text, wall_s: 1.5 }, "broken").unwrap();
        assert_eq!(profile.sample_types(), sample_types());
        // 1 MiB at one byte in 512 KiB: each stands for 1/(1 − e^−2) = 1.157.
        assert_eq!([0, 1, 2, 3].map(|index| profile.total(index).unwrap()), [3, 3_638_090, 1, 1_212_697]);
        assert_eq!(
            (profile.samples()[0].label("variant"), profile.meta.duration_nanos),
            (Some("broken"), 1_500_000_000)
        );
        assert_eq!(profile.meta.default_sample_type, "alloc_space");
        assert!(profile.meta.comments.contains(&"samples: 3".to_owned()) && source.contains("one byte in 524288"));
        let stacks = names::fold(&profile, ALLOC_SPACE, &names::Options::heap()).unwrap();
        assert!(flamegraphs::write::folded_stacks(&stacks).contains("heap::convert 3638090"), "{stacks:?}");

        let empty = Dump { text: "heap_v2/524288\n  t*: 0: 0 [0: 0]\n".into(), wall_s: 1.0 };
        let refused = read_dump(&empty, "x").unwrap_err().to_string();
        assert!(refused.contains("it took no sample"), "{refused}");
        let torn = Dump { text: "heap_v2/".into(), wall_s: 1.0 };
        assert!(read_dump(&torn, "x").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn the_peak_is_kept_beside_the_whole_and_read_back() {
        let (peak, profile) = convert_peak(&recorded(), "broken").unwrap().unwrap();
        assert_eq!([0, 1, 2, 3].map(|index| profile.total(index).unwrap()), [25, 2500, 20, 2000]);
        assert_eq!((profile.samples().len(), profile.meta.default_sample_type.as_str()), (1, "inuse_space"));
        assert_eq!((peak.at_s, profile.meta.duration_nanos), (0.75, 750_000_000));

        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(run.path().join("evidence/x")).unwrap();
        let keep = |name: &str, bytes: &[u8]| std::fs::write(run.path().join("evidence/x").join(name), bytes).unwrap();
        keep(HEAP_PROFILE, &flamegraphs::write::pprof(&convert(&recorded(), "x").unwrap()));
        let read = || summary(run.path(), "evidence/x", "x", None, None);
        assert_eq!((read().missing, read().peak), (None, None));
        keep(PEAK_PROFILE, &flamegraphs::write::pprof(&profile));
        let expected = HeapPeak {
            path: "evidence/x/heap-peak.pb.gz".into(),
            svg: String::new(),
            at_s: 0.75,
            live_bytes: 8000,
            coverage: 0.25,
        };
        assert_eq!(read().peak, Some(expected));
        keep(PEAK_PROFILE, b"torn");
        assert_eq!((read().missing, read().peak), (None, None), "the whole stands without it");
        // Where memory never rose above what was there at the start, or nothing of it was sampled, there is none.
        assert!(convert_peak(&probe::heap::Profile { peak: None, ..recorded() }, "x").unwrap().is_none());
    }

    #[test]
    fn a_profile_without_samples_is_refused() {
        let empty = probe::heap::Profile { samples: vec![], ..recorded() };
        assert!(convert(&empty, "x").unwrap_err().to_string().contains("no sample"));
    }
}
