//! Tests of the model.

use super::*;

fn frame(function: &str, line: i64) -> Frame<'_> {
    Frame { function, file: "main.rs", line, ..Frame::default() }
}

fn builder() -> Builder {
    Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")])
}

/// One sample of `work`, called by `main`, with that many samples and that line.
fn single(address: u64, line: i64, count: i64) -> Profile {
    let mut builder = builder();
    let main = builder.location(1, &[frame("main", 3)]);
    let work = builder.location(address, &[frame("work", line)]);
    builder.sample(&[work, main], &[count, 10 * count], &[Label::text("thread", "main")]).unwrap();
    builder.finish()
}

#[test]
fn equal_stacks_with_equal_labels_add_up_and_others_do_not() {
    let mut builder = builder();
    let a = builder.location(1, &[frame("a", 1)]);
    let b = builder.location(2, &[frame("b", 1)]);
    let (thread, phase) = (Label::text("thread", "one"), Label::text("phase", "measure"));
    builder.sample(&[a, b], &[1, 10], &[thread.clone(), phase.clone()]).unwrap();
    builder.sample(&[a, b], &[2, 20], &[phase, thread.clone()]).unwrap();
    builder.sample(&[a, b], &[4, 40], &[thread]).unwrap();
    builder.sample(&[b, a], &[8, 80], &[]).unwrap();
    let profile = builder.finish();
    let values: Vec<&[i64]> = profile.samples().iter().map(|sample| sample.values.as_slice()).collect();
    assert_eq!(values, [&[3, 30][..], &[4, 40], &[8, 80]]);
    assert_eq!((profile.total(0), profile.total(1), profile.total(2)), (Some(15), Some(150), None));
    assert_eq!(profile.samples()[0].label("thread"), Some("one"));
    assert_eq!(profile.type_index("cpu"), Some(1));
}

#[test]
fn a_function_at_two_addresses_keeps_both_lines() {
    let mut builder = builder();
    let first = builder.location(0x10, &[frame("work", 7)]);
    let second = builder.location(0x20, &[frame("work", 9)]);
    let again = builder.location(0x10, &[frame("work", 7)]);
    assert_eq!(first, again);
    let profile = builder.finish();
    assert_eq!(profile.functions().len(), 1);
    assert_eq!(profile.location(first).lines[0].line, 7);
    assert_eq!(profile.location(second).lines[0].line, 9);
}

#[test]
fn inlined_frames_stay_innermost_first_and_the_mapping_is_found_by_address() {
    let mut builder = builder();
    let file = |start, limit, file: &str| Mapping { start, limit, file: file.to_owned(), ..Mapping::default() };
    builder.mapping(file(0x1000, 0x2000, "app"));
    let library = builder.mapping(file(0x8000, 0x9000, "libc"));
    let inside = builder.location(0x8fff, &[frame("inner", 1), frame("outer", 2)]);
    let outside = builder.location(0x9000, &[]);
    let profile = builder.finish();
    let names: Vec<_> =
        profile.location(inside).lines.iter().map(|line| &profile.function(line.function).name).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(profile.location(inside).mapping, Some(library));
    assert_eq!(profile.location(outside).mapping, None);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let mut larger = builder();
    larger.location(1, &[]);
    let foreign = larger.location(2, &[]);
    let mut builder = builder();
    assert_eq!(builder.sample(&[], &[1], &[]), Err(BuildError::Values { expected: 2, got: 1 }));
    assert_eq!(builder.sample(&[foreign], &[1, 1], &[]), Err(BuildError::UnknownLocation(1)));
    assert!(builder.finish().samples().is_empty());
}

#[test]
fn sums_saturate() {
    let mut builder = builder();
    builder.sample(&[], &[i64::MAX, 1], &[]).unwrap();
    builder.sample(&[], &[1, 1], &[]).unwrap();
    builder.sample(&[], &[5, 0], &[Label::text("k", "v")]).unwrap();
    assert_eq!(builder.finish().total(0), Some(i64::MAX));
}

#[test]
fn merged_profiles_hold_the_sum() {
    let (mut one, mut two) = (single(0x10, 7, 3), single(0x10, 7, 4));
    let three = single(0x20, 9, 5);
    let coverage = |samples| Coverage { sampled_cpu_s: 1.0, kernel_cpu_s: 2.0, samples, lost: 1 };
    for (profile, samples, time) in [(&mut one, 3, 0), (&mut two, 4, 500)] {
        profile.meta.set_coverage(&coverage(samples));
        profile.meta.comments.push("same".to_owned());
        profile.meta.time_nanos = time;
        profile.meta.duration_nanos = 100;
    }
    let both = merge(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(both.samples().len(), 1);
    assert_eq!(both.samples()[0].values, [7, 70]);
    assert_eq!((both.meta.time_nanos, both.meta.duration_nanos), (500, 200));
    let sum = Coverage { sampled_cpu_s: 2.0, kernel_cpu_s: 4.0, samples: 7, lost: 2 };
    assert_eq!(both.coverage(), Some(sum));
    assert_eq!(both.meta.comments.iter().filter(|comment| *comment == "same").count(), 1);

    let all = merge(&[one.clone(), two, three.clone()]).unwrap();
    assert_eq!(all.total(0), Some(12));
    let lines: Vec<i64> = all.samples().iter().map(|sample| all.location(sample.stack[0]).lines[0].line).collect();
    assert_eq!(lines, [7, 9]);
    assert_eq!(all.coverage(), None, "a sum without the third profile's coverage would be wrong");
    assert_eq!(merge(std::slice::from_ref(&three)).unwrap(), three);
}

#[test]
fn profiles_of_different_things_are_not_merged() {
    let heap = Builder::new([ValueType::new("inuse_space", "bytes")]).finish();
    let cpu = single(1, 1, 1);
    assert_eq!(merge(&[]), Err(MergeError::Empty));
    insta::assert_snapshot!(
        merge(&[cpu.clone(), heap]).unwrap_err(),
        @"profile 2 has the sample types inuse_space/bytes, the first has samples/count, cpu/nanoseconds"
    );
    let mut timed = cpu.clone();
    timed.meta.period_type = Some(ValueType::new("wall", "nanoseconds"));
    insta::assert_snapshot!(
        merge(&[cpu, timed]).unwrap_err(),
        @"profile 2 was sampled by wall/nanoseconds, the first by nothing"
    );
}

#[test]
fn a_new_coverage_takes_the_place_of_the_old() {
    let mut meta = Metadata { comments: vec!["hello".to_owned()], ..Metadata::default() };
    assert_eq!(meta.coverage(), None);
    for samples in [1, 2] {
        meta.set_coverage(&Coverage { sampled_cpu_s: 0.5, kernel_cpu_s: 1.0, samples, lost: 0 });
    }
    assert_eq!(meta.comments.len(), 2);
    assert_eq!(meta.coverage().map(|coverage| coverage.samples), Some(2));
}
