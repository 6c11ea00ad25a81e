//! Tests of the pprof reader, and of the writer through it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::profile::Frame;
use crate::{Folded, names, write};

const GO_CPU: &[u8] = include_bytes!("../../../fixtures/go-cpu.pb.gz");

fn small() -> Profile {
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    builder.mapping(Mapping {
        start: 0x1000,
        limit: 0x9000,
        file: "/srv/app".into(),
        build_id: "beef".into(),
        ..Default::default()
    });
    let frame = |function, line| Frame { function, system_name: "_Rx", file: "src/main.rs", line };
    let leaf = builder.location(0x2000, &[frame("inlined", 5), frame("work", 9)]);
    let other = builder.location(0x2008, &[frame("work", 11)]);
    let main = builder.location(0x3000, &[frame("main", 2)]);
    let trial = Label::number("trial", NonZeroI64::MIN, "count");
    builder.sample(&[leaf, main], &[2, 20], &[Label::text("thread", "w-1"), trial]).unwrap();
    builder.sample(&[other, main], &[1, 10], &[]).unwrap();
    builder.meta().default_sample_type = "cpu".to_owned();
    builder.meta().period_type = Some(ValueType::new("cpu", "nanoseconds"));
    builder.meta().period = 10_101_010;
    builder.meta().time_nanos = 1_700_000_000_000_000_000;
    builder.meta().duration_nanos = 5_000_000_000;
    builder.meta().comments = vec!["one".to_owned(), "two".to_owned()];
    builder.meta().drop_frames = names::DROP_FRAMES.to_owned();
    builder.finish()
}

/// The message of [`small`], to be damaged.
fn message() -> proto::Profile {
    proto::Profile::decode(write::pprof_raw(&small()).as_slice()).unwrap()
}

fn error(damage: impl FnOnce(&mut proto::Profile)) -> PprofError {
    let mut message = message();
    damage(&mut message);
    pprof(&message.encode_to_vec()).unwrap_err()
}

#[test]
fn everything_survives_the_file() {
    let profile = small();
    let packed = write::pprof(&profile);
    assert!(packed.starts_with(&[0x1f, 0x8b]));
    assert_eq!(pprof(&packed).unwrap(), profile);
    assert_eq!(pprof(&write::pprof_raw(&profile)).unwrap(), profile);
    assert_eq!(write::pprof(&small()), packed, "equal profiles give equal files");
}

#[test]
fn the_file_is_laid_out_as_go_expects_it() {
    let message = message();
    assert_eq!(message.string_table[0], b"");
    assert_eq!(message.location.iter().map(|location| location.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(message.location[0].line.iter().map(|line| line.line).collect::<Vec<_>>(), [5, 9]);
    assert_eq!(message.location[1].line[0].line, 11);
    assert_eq!(message.location[0].line[1].function_id, message.location[1].line[0].function_id);
    assert!(message.location.iter().all(|location| location.mapping_id == 1));
    assert_eq!(message.sample[0].location_id, [1, 3]);
    assert_eq!(message.string_table[message.default_sample_type as usize], b"cpu");
}

#[test]
fn a_real_go_profile_is_read_and_written_back() {
    let profile = pprof(GO_CPU).unwrap();
    let kinds: Vec<&str> = profile.sample_types().iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["samples", "cpu"]);
    // What `go tool pprof -top` says of the file: 1.21 s at 10 ms.
    assert_eq!((profile.total(0), profile.total(1)), (Some(121), Some(1_210_000_000)));
    assert_eq!(profile.meta.period, 10_000_000);
    assert!(profile.samples().iter().any(|sample| sample.label("phase") == Some("measure")));
    assert_eq!(pprof(&write::pprof(&profile)).unwrap(), profile);
    let readable = names::fold(&profile, 0, &names::Options::default()).unwrap();
    assert_eq!(readable.total(), 121);
    let begin = ["runtime.main", "main.main", "runtime/pprof.Do", "main.main.func1", "main.worker"];
    assert!(readable.iter().any(|(stack, _)| stack.starts_with(&begin)), "{}", write::folded_stacks(&readable));
}

#[test]
fn empty_and_cut_files_are_told_apart() {
    assert_eq!(pprof(b""), Err(PprofError::Empty));
    let packed = write::pprof(&small());
    for length in 2..packed.len() {
        assert_eq!(pprof(&packed[..length]), Err(PprofError::Truncated), "{length} of {}", packed.len());
    }
    let mut damaged = packed;
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert!(matches!(pprof(&damaged), Err(PprofError::Gzip(_))));
    assert!(matches!(pprof(b"<html>not found</html>"), Err(PprofError::Protobuf(_))));
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let profile = small();
    let size = write::pprof_raw(&profile).len() as u64;
    for bytes in [write::pprof(&profile), write::pprof_raw(&profile)] {
        assert_eq!(within(&bytes, size - 1), Err(PprofError::TooLarge));
        assert_eq!(within(&bytes, size).as_ref(), Ok(&profile));
    }
}

#[test]
fn inconsistent_files_are_refused_with_what_is_wrong() {
    insta::assert_snapshot!(error(|m| m.string_table.clear()), @"the string table does not begin with the empty string");
    insta::assert_snapshot!(error(|m| m.string_table[0] = b"x".to_vec()), @"the string table does not begin with the empty string");
    insta::assert_snapshot!(error(|m| m.function[0].name = 999), @"function name refers to string 999, the table has 18");
    insta::assert_snapshot!(error(|m| m.comment[0] = -1), @"comment refers to string -1, the table has 18");
    insta::assert_snapshot!(error(|m| m.location[0].id = 0), @"a location has the reserved id 0");
    insta::assert_snapshot!(error(|m| m.function[1].id = 1), @"two functions have the id 1");
    insta::assert_snapshot!(error(|m| m.location[0].line[0].function_id = 77), @"line refers to the function 77, which is not in the file");
    insta::assert_snapshot!(error(|m| m.location[0].mapping_id = 77), @"location refers to the mapping 77, which is not in the file");
    insta::assert_snapshot!(error(|m| m.sample[0].location_id[0] = 77), @"sample refers to the location 77, which is not in the file");
    insta::assert_snapshot!(error(|m| m.sample[1].value.truncate(1)), @"sample 2: a sample has 1 values, the profile has 2 sample types");
    insta::assert_snapshot!(error(|m| m.sample_type.clear()), @"there are samples but no sample types");
}

#[test]
fn numeric_labels_of_zero_read_as_absent_as_in_go() {
    let mut message = message();
    message.sample[0].label.iter_mut().for_each(|label| (label.str, label.num) = (0, 0));
    assert!(pprof(&message.encode_to_vec()).unwrap().samples()[0].labels.is_empty());
}

#[test]
fn names_that_are_not_text_get_replacement_characters() {
    let mut message = message();
    let at = message.function[0].name as usize;
    message.string_table[at] = b"w\xffrk".to_vec();
    assert_eq!(pprof(&message.encode_to_vec()).unwrap().functions()[0].name, "w\u{fffd}rk");
}

/// Any profile: few distinct names, so that things are shared.
fn profiles() -> impl Strategy<Value = Profile> {
    let name = prop_oneof![Just(String::new()), "[a-c]", any::<String>()];
    let frame = (name.clone(), name.clone(), name.clone(), any::<i64>());
    let mappings = vec((0_u64..64, 0_u64..64, name.clone(), name.clone(), any::<bool>()), 0..3);
    let locations = vec((0_u64..64, vec(frame, 0..3)), 0..8);
    let label = (name.clone(), name.clone(), any::<i64>());
    let samples = vec((vec(0_usize..8, 0..5), any::<[i64; 2]>(), vec(label, 0..3)), 0..12);
    let numbers = any::<(i64, i64, i64)>();
    (mappings, locations, samples, vec(name, 4), numbers).prop_map(|(mappings, locations, samples, texts, numbers)| {
        let mut builder = Builder::new([ValueType::new("a", &texts[0]), ValueType::new("b", &texts[1])]);
        for (start, limit, file, build_id, inlined) in mappings {
            let symbols = Symbols { inlined, ..Symbols::default() };
            builder.mapping(Mapping { start, limit, offset: start, file, build_id, symbols });
        }
        let ids: Vec<LocationId> = locations
            .iter()
            .map(|(address, frames)| {
                let frame = |(function, system_name, file, line): &'_ (String, String, String, i64)| Frame {
                    function: leak(function),
                    system_name: leak(system_name),
                    file: leak(file),
                    line: *line,
                };
                builder.location(*address, &frames.iter().map(frame).collect::<Vec<_>>())
            })
            .collect();
        for (stack, values, labels) in samples {
            let stack: Vec<LocationId> = stack.iter().filter_map(|at| ids.get(*at).copied()).collect();
            let labels: Vec<Label> = labels
                .into_iter()
                .map(|(key, text, number)| match NonZeroI64::new(number) {
                    Some(value) if number % 2 == 0 => Label::number(key, value, text),
                    _ => Label::text(key, text),
                })
                .collect();
            builder.sample(&stack, &values, &labels).unwrap();
        }
        let meta = builder.meta();
        (meta.period, meta.time_nanos, meta.duration_nanos) = numbers;
        meta.comments = texts[2..].to_vec();
        meta.doc_url.clone_from(&texts[0]);
        builder.finish()
    })
}

/// The frames of [`Builder::location`] borrow; a test may leak a few bytes.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

proptest! {
    #[test]
    fn any_profile_survives_the_file(profile in profiles()) {
        prop_assert_eq!(pprof(&write::pprof(&profile)).unwrap(), profile);
    }

    #[test]
    fn any_profile_merged_with_itself_has_twice_the_total(profile in profiles()) {
        let twice = crate::profile::merge(&[profile.clone(), profile.clone()]).unwrap();
        prop_assert_eq!(twice.samples().len(), profile.samples().len());
        for (double, single) in twice.samples().iter().zip(profile.samples()) {
            prop_assert_eq!(double.values[0], single.values[0].saturating_mul(2));
        }
    }

    #[test]
    fn any_profile_folds_or_says_why_not(profile in profiles()) {
        let negative = profile.samples().iter().any(|sample| sample.values[0] < 0);
        prop_assert_eq!(Folded::raw(&profile, 0).is_err(), negative);
        prop_assert_eq!(names::fold(&profile, 0, &names::Options::default()).is_err(), negative);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = pprof(&bytes);
    }

    #[test]
    fn any_cut_or_changed_file_is_read_without_panic(cut in 0_usize..400, at in 0_usize..400, byte: u8) {
        let mut raw = write::pprof_raw(&small());
        raw.truncate(cut.max(1));
        let at = at % raw.len();
        raw[at] = byte;
        let _ = pprof(&raw);
    }
}
