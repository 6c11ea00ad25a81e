use probe::cpu::{Sample, Symbol};

use super::*;

fn recorded() -> CpuProfile {
    let symbol = |name: &str, line| Symbol { name: name.to_owned(), file: Some("src/app.rs".into()), line: Some(line) };
    CpuProfile {
        hz: 50,
        wall_s: 2.0,
        kernel_cpu_s: 0.1,
        locations: vec![
            probe::cpu::Frame { address: 0x1010, symbols: vec![symbol("app::inner", 3), symbol("app::outer", 9)] },
            probe::cpu::Frame { address: 0x1100, symbols: vec![symbol("app::main", 20)] },
            probe::cpu::Frame { address: 0, symbols: vec![] },
        ],
        samples: vec![Sample { thread: "worker-1".into(), frames: vec![0, 1, 2], count: 4 }],
        lost: 1,
        build_id: Some("abcd".into()),
        mappings: vec![probe::cpu::Mapping { path: "/bin/app".into(), start: 0x1000, end: 0x2000, offset: 0 }],
        ..CpuProfile::default()
    }
}

const OF: Gathered<'_> = Gathered { variant: "broken", trial: 7, operations: 100, late: None };

fn writer(folder: &Path) -> RunWriter {
    let wish = crate::session::Wish { scenario: "http-service".into(), seed: Some(1), ..Default::default() };
    let plan = crate::session::prepare(&wish, &crate::Catalog::builtin()).unwrap().plan;
    let name = reports::run::writer::RunName { stamp: "20260102-030405", letters: "abcd" };
    RunWriter::create(folder, name, &plan, "", &crate::machine::read()).unwrap()
}

#[test]
fn a_recording_beyond_its_limits_is_kept_and_says_until_when_it_is_whole() {
    use flamegraphs::capture::{Coarser, Thread};

    let mut recording = Recording::default();
    (recording.period_ns, recording.wall_s, recording.ended_ns) = (1_000_000, 2.0, 5_000_000_000);
    recording.threads = vec![Thread { pid: 1, tid: 7, name: "worker".into(), samples: 4, ended_ns: None }];
    (recording.stacks, recording.counts) = (vec![(1, vec![1 << 63])], vec![(0, 0, 4)]);
    recording.excess.callers = Coarser { count: 3, from_ns: 4_000_000_000 };
    let record = CpuRecord::of(recording);
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    write_recording(&mut writer, &OF, &record).unwrap();
    let within = reports::run::load(writer.path()).unwrap().evidence_folder("broken");
    let kept = summary(writer.path(), &within, "broken", None, None);
    assert_eq!((kept.samples, kept.missing), (4, None));
    let said = "from 1.0 s on there were too many different stacks";
    assert!(kept.source.contains(said), "{}", kept.source);
    let notice = crate::evidence::notice(&crate::evidence::Recorded::CpuFromOutside(Box::new(record)));
    assert!(notice.is_some_and(|notice| notice.starts_with(said)));
}

#[test]
fn trials_of_a_variant_are_one_profile_that_tells_them_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    for trial in [7, 9, 9] {
        let of = Gathered { trial, operations: 10 * u64::from(trial), ..OF };
        write(&mut writer, &of, &FromInside::of(recorded())).unwrap();
    }
    let bytes = writer.read_evidence("broken", CPU_PROFILE).unwrap().unwrap();
    let profile = flamegraphs::read::pprof(&bytes).unwrap();
    // The ninth was done again, and nothing is counted twice.
    assert_eq!(kept::operations(&profile.meta), [("7".to_owned(), 70.0), ("9".to_owned(), 90.0)]);
    assert_eq!(profile.total(0), Some(8));
    assert_eq!(profile.samples().iter().filter_map(|sample| sample.label(TRIAL)).collect::<Vec<_>>(), ["7", "9"]);
    let folder = reports::run::load(writer.path()).unwrap().evidence_folder("broken");
    assert_eq!(summary(writer.path(), &folder, "broken", None, None).samples, 8);
}

#[test]
fn nothing_of_the_recording_is_lost() {
    let profile = convert(&recorded(), &OF).unwrap();
    assert_eq!(profile.total(0), Some(4));
    assert_eq!(profile.total(1), Some(80_000_000));
    assert_eq!(profile.samples()[0].label("thread"), Some("worker-1"));
    assert_eq!(profile.samples()[0].label("variant"), Some("broken"));
    assert_eq!(profile.samples()[0].stack.len(), 2, "the end of the stack is no frame");
    let leaf = profile.location(profile.samples()[0].stack[0]);
    let lines: Vec<_> = leaf.lines.iter().map(|l| (profile.function(l.function).name.as_str(), l.line)).collect();
    assert_eq!(lines, [("app::inner", 3), ("app::outer", 9)]);
    assert_eq!(profile.mappings()[0].build_id, "abcd");
    let coverage = profile.coverage().unwrap();
    assert!((coverage.ratio().unwrap() - 0.8).abs() < 1e-9, "{coverage}");
    assert_eq!(coverage.lost, 1);
    assert!(profile.meta.comments.iter().any(|comment| comment.contains("sampler at 50 Hz")));
}

#[test]
fn samples_of_our_own_sampler_keep_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    let seen = |at_ms: u64, weight| probe::cpu::Moment { at_ns: at_ms * 1_000_000, thread: 0, sample: 0, weight };
    // Operations at 0.5 s and 1 s of the phase, which begins with the recording; the second is late by far.
    let each = EachOperation {
        at_ns: vec![500_000_000, 1_000_000_000],
        took_ns: vec![1_000_000, 300_000_000],
        total: 2,
        ..EachOperation::default()
    };
    let open = OpenPhase { started_ns: 7_000_000_000, length_ns: 2_000_000_000, each, latency: None };
    let late = reports::run::Late { limit_s: 0.05, from: "a limit".into() };
    let record = FromInside {
        profile: CpuProfile { started_ns: 7_000_000_000, moments: vec![seen(1100, 3), seen(100, 1)], ..recorded() },
        open: Some(open),
    };
    write(&mut writer, &Gathered { late: Some(&late), ..OF }, &record).unwrap();
    let read = reports::run::load(writer.path()).unwrap();
    let samples = &read.samples["broken"];
    assert_eq!(samples.taken.after_us, [100_000, 1_000_000, 0, 0], "a signal that stands for three is three");
    assert_eq!((samples.forgotten, samples.open_at_s), (0, Some(0.0)));
    assert_eq!(samples.tags[0]["thread"], "worker-1");
    let breach = &read.breaches["broken"].record;
    assert_eq!((breach.late, breach.within, breach.outside, breach.limit_from.as_str()), (1, 3, 1, "a limit"));
}

#[test]
fn without_times_stacks_are_counted_and_nothing_is_shown_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    write(&mut writer, &OF, &FromInside::of(recorded())).unwrap();
    let read = reports::run::load(writer.path()).unwrap();
    assert!(read.flamegraphs.contains_key("broken") && read.breaches.is_empty());
    let kept = &read.samples["broken"];
    assert!(kept.timeless && kept.taken.kind.len() == 4, "{kept:?}");
}

#[test]
fn a_profile_without_samples_is_refused() {
    let empty = CpuProfile { samples: vec![], ..recorded() };
    assert!(convert(&empty, &OF).unwrap_err().to_string().contains("no sample"));
}
