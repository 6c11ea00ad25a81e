use std::path::Path;

use insta::assert_snapshot;

use super::file::Table;
use super::*;

mod noise;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/inter.csv.gz");

/// Few swaps and resamples: the program runs many.
fn few() -> Options {
    Options {
        budgets: vec![12, 32],
        swaps: 150,
        resamples: 40,
        rules: vec![Rule::Gate, Rule::WelchSequential],
        ..Options::default()
    }
}

fn of<'a>(rows: &'a [Row], rule: Rule, subject: &str) -> &'a Row {
    rows.iter().find(|row| row.rule == rule && row.subject == subject).unwrap_or_else(|| panic!("no {subject}"))
}

fn parsed(text: &str, options: &Options) -> Result<Trials, ReplayError> {
    data::trials(&Table::parse("trials.csv".to_owned(), text)?, options)
}

fn said(text: &str) -> String {
    parsed(text, &Options::default()).unwrap_err().to_string()
}

/// Lines of `blocks` blocks in which every label has its value, times 1 to 1.02 from block to block.
fn table(blocks: u32, labels: &[(&str, f64)]) -> String {
    let mut text = "pos,label,cap_cpu_us,block\n".to_owned();
    for block in 0..blocks {
        for (position, (label, value)) in labels.iter().enumerate() {
            let value = value * (1.0 + f64::from((block * 7 + u32::try_from(position).unwrap() * 5) % 11) / 500.0);
            text += &format!("{position},{label},{value:.6},{block}\n");
        }
    }
    text
}

/// The recorded trials of a hostile host: what is promised of the gate, on real data.
#[test]
fn the_gate_keeps_its_promises_on_recorded_trials() {
    let trials = read(Path::new(FIXTURE), &few()).unwrap();
    assert_eq!((trials.layout.trials, trials.layout.blocks, trials.layout.without_value), (567, 81, 0));
    assert_eq!(trials.layout.base, ["A1", "A2"]);
    assert_eq!(trials.layout.candidates, ["B10", "B2", "B5", "TA", "TB"]);
    let found = replay(&trials, &few()).unwrap();
    let gate = of(&found.false_alarms, Rule::Gate, "A1 and A2");
    for cell in gate.cells.iter().flatten() {
        // At most 1 % of 150, as far as 150 can say so.
        assert!(cell.regressed + cell.improved <= 5, "{cell:?}");
        assert_eq!(cell.runs, 150);
    }
    let welch = of(&found.false_alarms, Rule::WelchSequential, "A1 and A2");
    assert!(welch.cells[0].unwrap().flagged > 0.1, "{welch:?}");
    let five = of(&found.found, Rule::Gate, "B5").cells[1].unwrap();
    assert!(five.regressed >= 38 && five.mean_pairs < 28.0, "{five:?}");
    let ten = of(&found.found, Rule::Gate, "B10").cells[0].unwrap();
    assert!(ten.regressed >= 32, "{ten:?}");
    // What it cannot see it says it cannot tell, and never calls better.
    let two = of(&found.found, Rule::Gate, "B2").cells[0].unwrap();
    assert!(two.cannot_tell > 24 && two.improved == 0, "{two:?}");
    let measured: Vec<String> = found
        .effects
        .iter()
        .map(|one| format!("{} {:.3} [{:.3}, {:.3}] {}", one.label, one.ratio, one.low, one.high, one.pairs))
        .collect();
    insta::assert_snapshot!(measured.join("\n"));
    // Wall times of such a host show no such change: never a regression out of nothing.
    let p99 = Options { metric: Some("p99".to_owned()), budgets: vec![32], rules: vec![Rule::Gate], ..few() };
    let found = replay(&read(Path::new(FIXTURE), &p99).unwrap(), &p99).unwrap();
    let five = of(&found.found, Rule::Gate, "B5").cells[0].unwrap();
    assert!(five.cannot_tell >= 30 && five.same == 0, "{five:?}");
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let options = Options { budgets: vec![12], swaps: 20, resamples: 5, ..Options::default() };
    let trials = parsed(&table(14, &[("A1", 20.0), ("A2", 20.0), ("B", 22.0)]), &options).unwrap();
    let json = |options: &Options| serde_json::to_string(&replay(&trials, options).unwrap()).unwrap();
    assert_eq!(json(&options), json(&options));
    let text = text(&replay(&trials, &options).unwrap());
    assert_snapshot!(text);
}

#[test]
fn columns_may_stand_anywhere_and_labels_may_be_any() {
    let shuffled = "label,junk,block,set,cap_ops_s\n".to_owned()
        + &(0..9).map(|block| format!("old,x,{block},1,100\nnew,\"a,b\",{block},1,90\n")).collect::<String>();
    let options = Options { base: vec!["old".to_owned()], ..Options::default() };
    let trials = parsed(&shuffled, &options).unwrap();
    assert!(trials.layout.higher_is_better);
    assert_eq!((trials.layout.blocks, trials.layout.margin), (9, 0.05));
    assert_eq!(trials.layout.candidates, ["new"]);
    // With one label of the base, its trials and the candidate's swap places.
    let few = Options { budgets: vec![8], swaps: 50, resamples: 20, ..options };
    let found = replay(&trials, &few).unwrap();
    assert_eq!(found.false_alarms[0].subject, "old and new swapped");
    let gate = of(&found.found, Rule::Gate, "new").cells[0].unwrap();
    assert_eq!(gate.regressed, 20, "a capacity of 0.9 in every block");
    // Three identical ones, of which every block has some.
    let three = table(10, &[("A1", 1.0), ("A2", 1.0), ("A3", 1.0), ("C", 2.0)]);
    assert_eq!(parsed(&three, &Options::default()).unwrap().layout.base, ["A1", "A2", "A3"]);
    // Sets keep their blocks apart, a label that stands twice in a block makes two.
    let sets = "set,block,label,cap_cpu_us\n".to_owned()
        + &(0..4)
            .map(|block| format!("x,{block},A,1\nx,{block},B,1\ny,{block},A,1\ny,{block},B,1\n"))
            .collect::<String>();
    assert_eq!(parsed(&sets, &Options::default()).unwrap().layout.blocks, 8);
    let twice = "block,label,cap_cpu_us\n".to_owned()
        + &(0..4).map(|block| format!("{block},A,1\n{block},B,1\n{block},A,1\n{block},B,1\n")).collect::<String>();
    assert_eq!(parsed(&twice, &Options::default()).unwrap().layout.blocks, 8);
}

/// Other people's labels, and files that hold one set, no order and nothing beside the metric.
#[test]
fn the_base_is_found_by_what_it_is_called() {
    let base = |labels: &[(&str, f64)]| parsed(&table(9, labels), &Options::default()).unwrap().layout.base;
    assert_eq!(base(&[("main-1", 1.0), ("main-2", 1.0), ("pr", 1.1)]), ["main-1", "main-2"]);
    assert_eq!(base(&[("Baseline", 1.0), ("candidate", 1.1)]), ["Baseline"]);
    assert_eq!(base(&[("new", 1.1), ("old_1", 1.0), ("old_2", 1.0)]), ["old_1", "old_2"]);
    assert_eq!(base(&[("c1", 1.0), ("c2", 1.0), ("d", 1.1)]), ["c1", "c2"]);
    // One letter goes before a word: somebody chose it for this.
    assert_eq!(base(&[("A", 1.0), ("base", 1.0)]), ["A"]);
}

/// As spreadsheets and other people's scripts write them.
#[test]
fn tables_come_in_other_clothes() {
    let plain = table(9, &[("A1", 1.0), ("A2", 1.0), ("B", 0.9)]);
    let layout = |text: &str| {
        let layout = parsed(text, &Options::default()).unwrap().layout;
        (layout.blocks, layout.trials, layout.candidates)
    };
    let expected = (9, 27, vec!["B".to_owned()]);
    for text in [
        plain.replace(',', ";"),
        plain.replace(',', "\t"),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("# of a Tuesday\n\n{plain}"),
        plain.replacen("block", "Block", 1).replacen("label", "LABEL", 1),
        plain.replace(',', " , "),
    ] {
        assert_eq!(layout(&text), expected, "{text}");
    }
    // What is a gain is found as one.
    let options = Options { budgets: vec![8], swaps: 10, resamples: 10, rules: vec![Rule::Gate], ..Options::default() };
    let told = text(&replay(&parsed(&plain, &options).unwrap(), &options).unwrap());
    let gate = told.lines().skip_while(|line| !line.contains("B, as better")).nth(1).unwrap();
    assert!(gate.contains("100.0 (8)"), "{told}");
}

#[test]
fn missing_values_cost_their_pair() {
    let mut text = table(10, &[("A1", 1.0), ("A2", 1.0)]);
    text += "0,A1,,10\n1,A2,1.0,10\n0,A1,nan,11\n1,A2,-3,11\n";
    let trials = parsed(&text, &Options::default()).unwrap();
    assert_eq!((trials.layout.trials, trials.layout.without_value, trials.layout.blocks), (24, 3, 10));
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let mut messages: Vec<String> = [
        "",
        "block,label,cap_cpu_us\n",
        "block,label,cap_cpu_us\n1,A1\n",
        "block,label,cap_cpu_us\n1,A1,fast\n",
        "block,label,cap_cpu_us\n1,A1,inf\n",
        "label,cap_cpu_us\nA1,1\n",
        "block,cap_cpu_us\n1,1\n",
        "block,label,p42\n1,A1,1\n",
        "block,label,block\n1,A1,1\n",
        "block,label,cap_cpu_us\n1,fast,1\n1,slow-1,1\n",
    ]
    .map(said)
    .to_vec();
    messages.push(said(&table(5, &[("A1", 1.0), ("A2", 1.0)])));
    let text = table(9, &[("A1", 1.0), ("A2", 1.0)]);
    let options = Options { base: vec!["Z".to_owned()], ..Options::default() };
    messages.push(parsed(&text, &options).unwrap_err().to_string());
    let options = Options { metric: Some("p99".to_owned()), ..Options::default() };
    messages.push(parsed(&text, &options).unwrap_err().to_string());
    let options = Options { budgets: vec![64], ..Options::default() };
    messages.push(replay(&parsed(&text, &options).unwrap(), &options).unwrap_err().to_string());
    assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_broken_compressed_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.csv.gz");
    let bytes = std::fs::read(FIXTURE).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = read(&path, &Options::default()).unwrap_err().to_string();
    assert!(
        error.contains("cut.csv.gz") && error.ends_with("the compressed file is cut off or corrupt; copy it again"),
        "{error}"
    );
    let error = read(&folder.path().join("none.csv"), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("none.csv: No such file"), "{error}");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    let error = read(&path, &Options::default()).unwrap_err().to_string();
    assert!(error.ends_with("a table is UTF-8 text"), "{error}");
}
