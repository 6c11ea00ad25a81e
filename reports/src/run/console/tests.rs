use std::path::Path;

use proptest::prelude::*;

use super::fixture::{HOOKS, faulty};
use super::*;
use crate::run::RunError;

const FILE: &str = "evidence/a/console.jsonl";

fn read(bytes: &[u8]) -> Result<Recording, RunError> {
    parse(bytes, Path::new(FILE))
}

#[test]
fn what_is_written_is_read() {
    let bytes = faulty().file(10, Some(HOOKS));
    let recording = read(&bytes).unwrap();
    assert_eq!(recording.entries.len(), 3);
    let end = recording.end().unwrap();
    assert_eq!((end.updates, end.details, end.hooks), (3, 0, Some(HOOKS)));
    let Entry::Update(first) = &recording.entries[0] else { panic!("an update comes first") };
    assert_eq!(recording.place(first.tasks[1].place.as_ref()), "src/app.rs:20:9");
    // A text is stated once.
    assert_eq!(String::from_utf8(bytes).unwrap().matches("src/parked.rs").count(), 1);
}

#[test]
fn a_line_that_does_not_fit_is_not_written_and_the_end_still_is() {
    let whole = faulty().file(10, None);
    let lines: Vec<Line> =
        whole.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    let header = Header { format: FORMAT, started_ns: 0, cap_bytes: 18 << 10 };
    let mut writer = Writer::begin(Vec::new(), header).unwrap();
    let written: Vec<Written> = lines[1..4].iter().map(|line| writer.line(line).unwrap()).collect();
    assert_eq!(written, [Written::Full, Written::Yes, Written::Yes], "{} bytes", whole.len());
    let end = End { at: 7, reason: EndReason::Cap, updates: 0, details: 0, without_details: 0, hooks: None };
    let bytes = writer.end(end).unwrap();
    assert!(bytes.len() <= 18 << 10);
    let recording = read(&bytes).unwrap();
    assert_eq!(recording.end().map(|end| (end.updates, &end.reason)), Some((2, &EndReason::Cap)));
}

#[test]
fn an_end_fits_whatever_its_reason() {
    let header = Header { format: FORMAT, started_ns: 0, cap_bytes: 5000 };
    let writer = Writer::begin(Vec::new(), header).unwrap();
    let reason = EndReason::CutOff { because: "é".repeat(100_000) };
    let end = End { at: 0, reason, updates: 0, details: 0, without_details: 0, hooks: None };
    assert!(writer.end(end).unwrap().len() < 5000);
}

#[test]
fn damage_names_file_line_and_fix() {
    let bytes = faulty().file(10, Some(HOOKS));
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let spoilt = |line: usize, with: &str| {
        let mut lines = lines.clone();
        lines[line] = with;
        let error = read((lines.join("\n") + "\n").as_bytes()).unwrap_err();
        error.to_string().split("; delete it").next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(spoilt(0, "nonsense"), @"evidence/a/console.jsonl:1: expected value (column 1)");
    insta::assert_snapshot!(spoilt(0, lines[1]), @"evidence/a/console.jsonl:1: a recording begins with its header");
    insta::assert_snapshot!(spoilt(2, "{\"update\":7}"), @"evidence/a/console.jsonl:3: invalid type: integer `7`, expected struct Update (column 11)");
    insta::assert_snapshot!(spoilt(2, lines[0]), @"evidence/a/console.jsonl:3: a second header");
    insta::assert_snapshot!(spoilt(3, lines[4]), @"evidence/a/console.jsonl:5: there is more after the end of the recording");
    let error = read(b"").unwrap_err().to_string();
    assert!(error.contains("--evidence console"), "{error}");
    let other = text.replacen("\"format\":1", "\"format\":2", 1);
    assert!(matches!(read(other.as_bytes()), Err(RunError::OtherFormat { found: 2, .. })));
}

#[test]
fn a_torn_recording_is_read_up_to_its_last_whole_line() {
    let bytes = faulty().file(10, Some(HOOKS));
    let header = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let mut seen = std::collections::BTreeSet::new();
    for cut in (header..bytes.len()).step_by(37) {
        let recording = read(&bytes[..cut]).unwrap();
        assert!(matches!(recording.ending, Ending::Torn { .. }), "cut at {cut}");
        seen.insert(recording.entries.len());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_or_the_model_panic(at in 0usize..4000, byte: u8) {
        let mut bytes = faulty().file(10, Some(HOOKS));
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(recording) = read(&bytes) {
            let _ = crate::console::view(&recording, None);
        }
    }
}
