use flamegraphs::profile::{Builder, Frame, Label, ValueType};

use super::*;

/// Six trials of a hundred operations: `stacks` in samples of a millisecond, a little different from trial to trial.
fn side(variant: &str, sampler: &str, trials: u32, stacks: &[(&[&str], i64)]) -> Side {
    let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
    builder.meta().period = 1_000_000;
    kept::remember(builder.meta(), sampler, 1);
    for trial in 1..=trials {
        kept::remember_operations(builder.meta(), trial, 100);
        for (stack, samples) in stacks {
            let frames: Vec<_> = stack
                .iter()
                .enumerate()
                .map(|(at, function)| {
                    let file = "src/app.rs";
                    builder.location(at as u64 + 1, &[Frame { function, file, line: 7, ..Frame::default() }])
                })
                .collect();
            let samples = samples + i64::from(trial % 3);
            let labels = [Label::text(cpu::TRIAL, trial.to_string())];
            builder.sample(&frames, &[samples, samples * 1_000_000], &labels).unwrap();
        }
    }
    Side::of(variant, builder.finish()).unwrap()
}

const BASE: [(&[&str], i64); 3] = [
    (&["lib::hash", "app::login", "app::main"], 2000),
    (&["app::price", "app::main"], 3000),
    (&["app::old", "app::main"], 400),
];
const CANDIDATE: [(&[&str], i64); 3] = [
    (&["lib::hash", "app::login", "app::main"], 6000),
    (&["app::price", "app::main"], 3000),
    (&["app::new", "app::main"], 500),
];

#[test]
fn what_grew_what_shrank_and_what_stayed_are_told_apart() {
    let (base, candidate) = (side("a", "perf", 6, &BASE), side("b", "perf; 3 lost", 6, &CANDIDATE));
    let (movers, picture) = compared(&base, &candidate);
    assert_eq!((movers.refused.as_deref(), movers.pairs), (None, 6));
    let of = |name: &str| movers.functions.iter().find(|row| row.name == name).unwrap();
    assert_eq!(of("lib::hash").exclusive.change, MoveKind::Grew);
    assert!((of("lib::hash").exclusive.difference() - 0.04).abs() < 0.001, "{:?}", of("lib::hash"));
    assert_eq!(
        (of("app::login").exclusive.change, of("app::login").inclusive.change),
        (MoveKind::Unsure, MoveKind::Grew)
    );
    assert_eq!(of("app::price").inclusive.change, MoveKind::Unsure);
    assert!(of("app::old").exclusive.is_gone() && of("app::old").exclusive.change == MoveKind::Shrank);
    assert!(of("app::new").exclusive.is_new() && of("app::new").exclusive.change == MoveKind::Grew);
    let first: Vec<_> = movers.functions.iter().take(2).map(|row| row.name.as_str()).collect();
    assert!(first.contains(&"lib::hash") || first.contains(&"app::main"), "{first:?}");
    assert!(movers.crates.iter().any(|row| row.name == "lib" && row.moved()));
    assert_eq!(movers.all.change, MoveKind::Grew);
    let picture = picture.unwrap();
    assert!(picture.contains("class=\"grew\"><title>lib::hash: "), "{picture}");
    assert!(picture.contains("class=\"unsure\"><title>app::price: "));
    assert!(picture.contains("class=\"shrank new\"><title>app::old: "));
}

#[test]
fn the_same_twice_shows_nothing_and_one_trial_nothing_either() {
    let (movers, picture) = compared(&side("a", "perf", 6, &BASE), &side("b", "perf", 6, &BASE));
    assert!(movers.functions.iter().chain(&movers.crates).all(|row| !row.moved()));
    let picture = picture.unwrap();
    assert!(!picture.contains("class=\"grew\"><title>") && !picture.contains("class=\"shrank\"><title>"));
    let (movers, picture) = compared(&side("a", "perf", 1, &BASE), &side("b", "perf", 1, &CANDIDATE));
    assert!(movers.functions.iter().all(|row| !row.moved()) && movers.doubts[0].contains("--evidence-trials"));
    assert!(picture.unwrap().contains("one trial a side"));
}

#[test]
fn how_often_signals_came_makes_no_other_sampler() {
    let told = |signals: u32| {
        format!("sampler at 999 Hz in the process, {signals} signals a second of CPU; 3 samples were lost")
    };
    let (movers, _) = compared(&side("a", &told(248), 6, &BASE), &side("b", &told(251), 6, &CANDIDATE));
    assert_eq!(movers.refused, None);
    assert_eq!(
        sampler("perf events at 999 Hz from outside, without the kernel's side; 2 records were lost"),
        "perf events at 999 Hz from outside, without the kernel's side"
    );
}

#[test]
fn other_samplers_are_refused() {
    let (movers, picture) = compared(&side("a", "perf", 2, &BASE), &side("b", "pprof", 2, &BASE));
    assert!(movers.refused.unwrap().contains("the first was sampled by perf, the second by pprof"));
    assert!(picture.is_none() && movers.functions.is_empty());
}
