//! What people read, as snapshots.

use super::fixture::Fixture;
use super::{json, markdown, terminal};

fn shown(fixture: &Fixture, width: usize) -> String {
    terminal::result(&fixture.summary, false, width)
}

#[test]
fn terminal_two_variants() {
    insta::assert_snapshot!(shown(&Fixture::two_variants(), 120));
}

#[test]
fn terminal_two_variants_narrow() {
    insta::assert_snapshot!(shown(&Fixture::two_variants(), 64));
}

#[test]
fn terminal_three_variants() {
    insta::assert_snapshot!(shown(&Fixture::three_variants(), 100));
}

#[test]
fn terminal_six_variants() {
    insta::assert_snapshot!(shown(&Fixture::six_variants(), 80));
}

#[test]
fn terminal_one_variant() {
    insta::assert_snapshot!(shown(&Fixture::one_variant(), 100));
}

#[test]
fn terminal_driver_limited() {
    insta::assert_snapshot!(shown(&Fixture::driver_limited(), 120));
}

#[test]
fn terminal_failed() {
    insta::assert_snapshot!(shown(&Fixture::failed(), 100));
}

#[test]
fn terminal_lists() {
    let fixture = Fixture::three_variants();
    insta::assert_snapshot!("comparison", terminal::comparison(&fixture.summary.comparisons, false, 110));
    let failed = Fixture::failed();
    let lines: Vec<_> = [&fixture, &failed]
        .iter()
        .map(|fixture| terminal::RunLine {
            id: &fixture.summary.run,
            scenario: &fixture.summary.scenario,
            status: fixture.summary.status,
            verdict: &fixture.summary.verdict,
        })
        .collect();
    insta::assert_snapshot!("runs", terminal::runs(&lines, false, 110));
}

#[test]
fn colour_only_adds_codes() {
    for fixture in [Fixture::two_variants(), Fixture::three_variants(), Fixture::one_variant(), Fixture::failed()] {
        let coloured = terminal::result(&fixture.summary, true, 100);
        assert!(coloured.contains("\u{1b}["), "there is colour");
        assert_eq!(without_codes(&coloured), shown(&fixture, 100));
    }
}

#[test]
fn lines_fit_the_width() {
    for width in [60, 80, 120] {
        let several = [Fixture::two_variants(), Fixture::three_variants(), Fixture::six_variants()];
        for fixture in several.into_iter().chain([Fixture::one_variant(), Fixture::driver_limited()]) {
            // Paths stay whole: people copy them.
            for line in shown(&fixture, width).lines().filter(|line| !line.starts_with("report ")) {
                assert!(super::text::columns(line) <= width, "{width}: {line:?}");
            }
        }
    }
}

#[test]
fn markdown_reports() {
    insta::assert_snapshot!("markdown_two_variants", markdown::report(&Fixture::two_variants().summary));
    insta::assert_snapshot!("markdown_one_variant", markdown::report(&Fixture::one_variant().summary));
    insta::assert_snapshot!("markdown_driver_limited", markdown::report(&Fixture::driver_limited().summary));
    insta::assert_snapshot!("markdown_failed", markdown::report(&Fixture::failed().summary));
}

#[test]
fn json_documents() {
    insta::assert_snapshot!("json_two_variants", json::document(&Fixture::two_variants().summary));
    insta::assert_snapshot!("json_one_variant", json::document(&Fixture::one_variant().summary));
    insta::assert_snapshot!("json_driver_limited", json::document(&Fixture::driver_limited().summary));
    insta::assert_snapshot!("json_failed", json::document(&Fixture::failed().summary));
}

#[test]
fn json_reads_back_unchanged() {
    let summary = Fixture::three_variants().summary;
    let back: crate::run::RunSummary = serde_json::from_str(&json::document(&summary)).expect("valid JSON");
    assert!(back == summary, "reading back changed something");
}

/// Drops `ESC [ … m`.
fn without_codes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let code = &rest[start..];
        rest = &code[code.find('m').expect("codes end in m") + 1..];
    }
    out + rest
}
