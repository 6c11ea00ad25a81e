//! Pages as a person reads them: their words, without tags and pictures.

use super::fixture::Fixture;
use super::html;
use crate::limits::Stopped;
use crate::run::GateVerdict;

/// Words of a part of a page: a line for each block, cells apart by bars, pictures as their captions.
pub(super) fn words(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let skipped = ["style", "script", "svg", "iframe"].into_iter().find(|tag| rest[1..].starts_with(tag));
        let end = match skipped {
            Some(tag) => {
                let close = format!("</{tag}>");
                rest.find(&close).map_or(rest.len(), |at| at + close.len())
            }
            None => rest.find('>').map_or(rest.len(), |at| at + 1),
        };
        let tag: String =
            rest[1..end].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        text.push_str(match tag.as_str() {
            "td" | "th" | "dt" | "dd" => " | ",
            "span" | "small" => " ",
            "b" | "code" | "a" | "i" | "em" | "strong" | "sub" | "sup" => "",
            _ => "\n",
        });
        rest = &rest[end..];
    }
    text.push_str(rest);
    let plain =
        [("&#60;", "<"), ("&#62;", ">"), ("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")];
    let text = plain.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let lines = text.lines().map(|line| {
        let cells = line.split('|').map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
    });
    // One trial is as good as the other.
    let told = |line: &String| !line.is_empty() && (!line.ends_with("| ok") || line.starts_with("1 |"));
    lines.filter(told).collect::<Vec<_>>().join("\n")
}

/// Words of these sections of a run's page.
fn sections(page: &str, ids: &[&str]) -> String {
    let of = |id: &&str| {
        let start = page.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
        let rest = &page[start..];
        words(&rest[..rest.find("</section>").expect("sections close")])
    };
    ids.iter().map(of).collect::<Vec<_>>().join("\n\n")
}

/// Sections of a comparison that say what changed.
const COMPARED: &[&str] = &["result", "intervals", "percentiles", "timeline", "trials", "method"];

#[test]
fn what_stands_beside_a_comparison_as_a_person_reads_it() {
    let page = html::page(&Fixture::two_variants().with_samples().page());
    let ids = page.split("<section id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let beside: Vec<&str> = ids.filter(|id| !COMPARED.contains(id)).collect();
    assert!(["settings", "driver", "host", "evidence", "breach"].iter().all(|id| beside.contains(id)), "{beside:?}");
    insta::assert_snapshot!("beside", sections(&page, &beside));
}

#[test]
fn a_comparison_as_a_person_reads_it() {
    insta::assert_snapshot!("two_variants", sections(&html::page(&Fixture::two_variants().page()), COMPARED));
    for (name, fixture) in
        [("three_variants", Fixture::three_variants()), ("driver_limited", Fixture::driver_limited())]
    {
        insta::assert_snapshot!(name, sections(&html::page(&fixture.page()), &["result", "trials"]));
    }
}

#[test]
fn limits_as_a_person_reads_them() {
    let all = ["cpu_per_op<+3%", "syscalls.count_per_op<+9%", "error_rate<=0.1%", "cpu_per_op<50µs"];
    let told: Vec<String> = [
        (GateVerdict::Passed, &all[..], 12, 1.0, Stopped::Early),
        (GateVerdict::Broken, &all[..3], 12, 1.1, Stopped::Early),
        (GateVerdict::CannotTell, &all[..1], 3, 1.02, Stopped::OutOfTime),
    ]
    .into_iter()
    .map(|(verdict, texts, pairs, ratio, stopped)| {
        let mut fixture = Fixture::two_variants();
        fixture.summary.gate = Some(super::verdicts::gate(verdict, texts, pairs, ratio, stopped));
        sections(&html::page(&fixture.page()), &["limits"])
    })
    .collect();
    insta::assert_snapshot!("limits", told.join("\n\n"));
}
