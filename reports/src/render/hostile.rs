//! Names and messages that try to break out of every output.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::fixture::Fixture;
use super::text::is_invisible;
use super::{html, json, markdown, terminal};
use crate::run::{Culprit, Finding, HeapPeak, RuledOut, TrialOutcome, Undecided, Unused};

/// What a name may hold.
fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "]]>",
        "-->",
        "</title></style></script></svg></table>",
        "\u{1b}[31mred\u{1b}]8;;http://evil.example\u{7}",
        "\u{9b}2J\u{0}\u{7f}\u{8}",
        "\u{202e}txt.exe\u{2066}",
        "zero\u{200b}width\u{feff}",
        "a|b\\|c",
        "`code` ``more`` \\`",
        "</iframe><script>alert(1)</script>",
        "line\nbreak\r\n# heading\n\n| a | b |\n|---|",
        "{{ summary }} {% raw %} &lt; &#60;",
        "[link](javascript:alert(1)) @someone #1 https://evil.example www.evil.example",
        "&quot; &#34;&gt;",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(10_000));
    texts.push("<b>".repeat(4_000));
    texts
}

/// Words that stand for variants of an enum, and the kind that decides where a profile is shown.
const KEPT: &[&str] = &[
    "complete",
    "interrupted",
    "failed",
    "measure",
    "evidence",
    "ok",
    "subject_failed",
    "evidence_missing",
    "improved",
    "regressed",
    "same",
    "cannot_tell",
    "unsure",
    "grew",
    "shrank",
    "not_comparable",
    "cpu",
];

/// Maps whose keys are data.
const FREE_KEYS: &[&str] = &["metrics", "knobs", "requested", "effective", "noise"];

/// Puts `evil` before every text of a document, keys of free maps included.
fn poison<T: Serialize + DeserializeOwned>(document: &T, evil: &str) -> T {
    let mut value = serde_json::to_value(document).expect("documents serialise");
    walk(&mut value, evil);
    serde_json::from_value(value).expect("poisoned documents keep their shape")
}

fn walk(value: &mut Value, evil: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&text.as_str()) => *text = format!("{evil}{text}"),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, evil)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                walk(field, evil);
                if let (true, Value::Object(inner)) = (FREE_KEYS.contains(&name.as_str()), field) {
                    let copies: Vec<_> =
                        inner.iter().map(|(key, item)| (format!("{evil}{key}"), item.clone())).collect();
                    inner.extend(copies);
                }
            }
        }
        _ => {}
    }
}

fn poisoned(evil: &str) -> Fixture {
    let clean = Fixture::three_variants().with_samples().with_movers();
    let mut fixture = clean.clone();
    fixture.summary.warnings.push("warning".into());
    fixture.summary.findings.push(Finding {
        variant: "sync".into(),
        rule: "poll-blocked".into(),
        rank: 1,
        title: "title".into(),
        share: 0.5,
        culprit: Some(Culprit { function: "function".into(), file: "file".into(), line: 1 }),
        path: [("function", 1), ("caller", 2)]
            .map(|(function, line)| Culprit { function: function.into(), file: "file".into(), line })
            .into(),
        evidence: vec!["evidence line".into()],
        refuted_by: "refuted".into(),
        next: "next".into(),
        proof: "cpu".into(),
    });
    fixture.summary.undecided.push(Undecided {
        variant: "sync".into(),
        rules: vec!["rare-stall".into()],
        sentence: "sentence".into(),
        experiment: "experiment".into(),
    });
    fixture.summary.ruled_out.push(RuledOut {
        variant: "sync".into(),
        rule: "throttled".into(),
        because: "because".into(),
    });
    fixture.summary.unused.push(Unused {
        variant: "sync".into(),
        evidence: "wait".into(),
        because: "because".into(),
        rules: vec!["throttled".into()],
    });
    let mut heap = fixture.summary.profiles[0].clone();
    heap.kind = "heap".into();
    let path = || "heap-peak.pb.gz".to_owned();
    heap.peak = Some(HeapPeak { path: path(), svg: path(), at_s: 1.0, live_bytes: 1, coverage: 1.0 });
    fixture.summary.profiles.push(heap);
    fixture.summary.profiles[1].missing = Some("because".into());
    fixture.trials[0].outcome = TrialOutcome::SubjectFailed { reason: "reason".into(), stderr: "one\ntwo".into() };
    fixture.trials[1].outcome = TrialOutcome::EvidenceMissing { because: "because".into() };
    fixture.trials[2].driver.limited = Some("limited".into());
    fixture.trials[3].exit.signal = Some("SIGSEGV".into());
    fixture.summary = poison(&fixture.summary, evil);
    fixture.plan = fixture.plan.map(|plan| poison(&plan, evil));
    fixture.trials = fixture.trials.iter().map(|trial| poison(trial, evil)).collect();
    fixture.curves = clean.curves.into_iter().map(|(name, curve)| (format!("{evil}{name}"), curve)).collect();
    let named = |name: String| format!("{evil}{name}");
    fixture.differences = clean.differences.into_iter().map(|(name, svg)| (named(name), svg)).collect();
    fixture.samples = clean.samples.into_iter().map(|(name, all)| (named(name), poison(&all, evil))).collect();
    fixture.breaches = clean
        .breaches
        .into_iter()
        .map(|(name, seen)| {
            let record = poison(&seen.record, evil);
            (named(name), crate::run::BreachEvidence { record, ..seen })
        })
        .collect();
    fixture.flamegraphs = clean
        .flamegraphs
        .into_iter()
        .map(|(name, svg)| {
            (format!("{evil}{name}"), svg.replace("orders::append", &format!("{evil}\"></iframe><script>")))
        })
        .collect();
    fixture
}

fn assert_visible(text: &str, what: &str, evil: &str) {
    if let Some(raw) = text.chars().find(|c| is_invisible(*c) && *c != '\n') {
        panic!("{what} lets {raw:?} through for {evil:?}");
    }
}

#[test]
fn terminal_shows_names_as_they_are() {
    for evil in hostile_texts() {
        let fixture = poisoned(&evil);
        let summary = &fixture.summary;
        let lines = [terminal::RunLine {
            id: &summary.run,
            scenario: &summary.scenario,
            status: summary.status,
            verdict: &summary.verdict,
        }];
        for (what, text) in [
            ("result", terminal::result(summary, false, 100)),
            ("comparison", terminal::comparison(&summary.comparisons, false, 100)),
            ("runs", terminal::runs(&lines, false, 100)),
            ("movers", terminal::movers(&summary.movers, false, 100)),
            ("breach", terminal::breach(&fixture.breaches, false, 100)),
        ] {
            assert_visible(&text, what, &evil);
            assert!(text.len() < 400_000, "{what} is flooded by a name of {} bytes", evil.len());
        }
    }
}

#[test]
fn colour_codes_are_only_ours() {
    let evil = "\u{1b}[31m";
    let text = terminal::result(&poisoned(evil).summary, true, 100);
    for code in text.split('\u{1b}').skip(1) {
        assert!(["[0m", "[1m", "[2m", "[32m", "[31m", "[33m"].iter().any(|ours| code.starts_with(ours)), "{code:?}");
    }
    assert!(text.contains(r"\u{1b}[31m"), "the name's own code is spelled out");
}

#[test]
fn json_gives_back_what_it_was_given() {
    for evil in hostile_texts() {
        let summary = poisoned(&evil).summary;
        let document = json::document(&summary);
        assert_visible(&document, "json", &evil);
        let back: crate::run::RunSummary = serde_json::from_str(&document).expect("valid JSON");
        assert!(back == summary, "{evil:?}");
    }
}

#[test]
fn markdown_stays_markdown() {
    for evil in hostile_texts() {
        let report = markdown::report(&poisoned(&evil).summary);
        assert_visible(&report, "markdown", &evil);
        let ours = ["<br>", "<details><summary>", "</summary>", "</details>"];
        let without = ours.iter().fold(report.clone(), |text, tag| text.replace(tag, ""));
        let links = without.replace("\\]", "");
        assert!(!without.contains('<') && !links.contains("](") && !links.contains("://"), "{evil:?}");
        assert_eq!(without.matches('`').count(), 2, "only our own `~`: {evil:?}");
        // Every row of a table has the columns of its head, whatever the names in it.
        let mut columns = None;
        for line in report.lines() {
            let found = line.starts_with('|').then(|| line.matches('|').count());
            assert!(found.is_none() || columns.is_none() || found == columns, "{line}");
            columns = found;
        }
        let headings = [
            "# ",
            "## Result",
            "## Findings",
            "## While it was late",
            "## What moved",
            "## Evidence",
            "## Settings",
            "## How it was measured",
        ];
        for line in report.lines().filter(|line| line.starts_with('#')) {
            assert!(headings.iter().any(|heading| line.starts_with(heading)), "{line}");
        }
        assert!(!without.contains('@'), "nobody is mentioned: {evil:?}");
    }
}

#[test]
fn html_holds_only_our_own_tags() {
    for evil in hostile_texts() {
        let fixture = poisoned(&evil);
        let page = html::page(&fixture.page());
        assert_visible(&page, "html", &evil);
        let tags = tags(&page);
        let count = |name: &str| tags.iter().filter(|(tag, _)| tag == name).count();
        // Ours, the viewer's, and the packed samples, which are no code.
        assert_eq!(count("script"), 3, "{evil:?}");
        let pictures = fixture.flamegraphs.len() + fixture.differences.len() + fixture.breaches.len();
        assert_eq!(count("iframe"), pictures, "{evil:?}");
        assert_eq!(
            count("title"),
            1 + ["circle", "path", "rect"]
                .map(|shape| page.matches(&format!("</title></{shape}>")).count())
                .iter()
                .sum::<usize>()
        );
        for (tag, attributes) in &tags {
            assert!(TAGS.contains(&tag.as_str()), "<{tag}> for {evil:?}");
            for (name, value) in attributes {
                assert!(ATTRIBUTES.contains(&name.as_str()), "{tag} {name}= for {evil:?}");
                assert!(name != "href" || value.starts_with('#'), "{value}");
                assert!(!value.contains('"') && !value.contains('<'), "{tag} {name}");
            }
        }
        assert!(page.len() < 4_000_000, "the page is flooded by a name of {} bytes", evil.len());
    }
}

#[test]
fn what_a_process_says_of_itself_is_data() {
    for evil in hostile_texts() {
        let mut fixture = Fixture::three_variants();
        let mut seen = poison(&super::attached::tests::asked(), &evil);
        for (number, profile) in seen.profiles.iter_mut().enumerate() {
            for picture in &mut profile.pictures {
                picture.svg = format!("<svg height=\"90\">{evil}</svg>");
            }
            if number == 2 {
                profile.missing = Some(evil.clone());
            }
        }
        fixture.summary.attached = Some(seen);
        let text = terminal::result(&fixture.summary, false, 100);
        assert_visible(&text, "terminal", &evil);
        assert!(text.len() < 400_000, "flooded by {} bytes", evil.len());
        let markdown = markdown::report(&fixture.summary);
        assert_visible(&markdown, "markdown", &evil);
        assert!(!markdown.replace("<br>", "").contains('<') && !markdown.contains("://"), "{evil:?}");
        let page = html::page(&fixture.page());
        assert_visible(&page, "html", &evil);
        for (tag, attributes) in tags(&page) {
            assert!(TAGS.contains(&tag.as_str()), "<{tag}> for {evil:?}");
            for (name, value) in &attributes {
                assert!(ATTRIBUTES.contains(&name.as_str()), "{tag} {name}= for {evil:?}");
                assert!(!value.contains('"') && !value.contains('<'), "{tag} {name}");
            }
        }
    }
}

#[test]
fn html_refers_to_nothing_outside() {
    let page = html::page(&Fixture::three_variants().with_samples().with_movers().page());
    let mut own = String::new();
    for (index, part) in page.split("srcdoc=\"").enumerate() {
        own.push_str(if index == 0 { part } else { part.split_once('"').expect("the attribute ends").1 });
    }
    for needle in ["http:", "https:", "//cdn", "url(", "@import", " src=", "<link", "<object", "<embed"] {
        assert!(!own.contains(needle), "{needle}");
    }
}

#[test]
fn a_frame_holds_the_whole_flamegraph_and_nothing_escapes_it() {
    let fixture = poisoned("</iframe>");
    let page = html::page(&fixture.page());
    let whole = |attributes: &[(String, String)]| {
        let mut titles = attributes.iter().filter(|(name, _)| name == "title");
        titles.any(|(_, title)| title.starts_with("CPU flamegraph") && !title.ends_with("late"))
    };
    let frames: Vec<_> =
        tags(&page).into_iter().filter(|(tag, attributes)| tag == "iframe" && whole(attributes)).collect();
    for (_, attributes) in &frames {
        let get = |wanted: &str| &attributes.iter().find(|(name, _)| name == wanted).expect("present").1;
        assert_eq!(get("sandbox"), "allow-scripts");
        let document = unescape(get("srcdoc"));
        assert!(document.contains(r#"</iframe>"></iframe><script>"#), "the picture is inside, as it was");
        assert!(document.contains("if (1 < 2) { var ok = \"yes\"; }"));
        assert!(document.contains("default-src 'none'") && document.ends_with("</html>"));
        assert!(!document.contains("<?xml") && !document.contains("DTD"), "the prolog is gone");
    }
    assert_eq!(frames.len(), 3);
}

const TAGS: &[&str] = &[
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "article", "script",
    "iframe", "p", "h1", "h2", "h3", "b", "br", "a", "ul", "ol", "li", "span", "div", "pre", "code", "table", "thead",
    "tbody", "tr", "th", "td", "details", "summary", "figure", "dl", "dt", "dd", "svg", "line", "path", "circle",
    "rect", "text", "g",
];

const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "class",
    "id",
    "href",
    "scope",
    "colspan",
    "style",
    "title",
    "value",
    "sandbox",
    "loading",
    "srcdoc",
    "role",
    "aria-label",
    "aria-hidden",
    "data-variant",
    "data-series",
    "data-samples",
    "data-still",
    "data-late",
    "data-viewer",
    "data-left",
    "data-tops",
    "data-width",
    "data-height",
    "data-column",
    "data-columns",
    "data-rows",
    "data-from",
    "data-to",
    "hidden",
    "type",
    "viewBox",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "d",
    "text-anchor",
];

type Tag = (String, Vec<(String, String)>);

/// Opening tags with their attributes, as an HTML parser would see them; the inside of scripts and styles is skipped.
fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('/') || rest.starts_with('!') {
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).expect("tags end");
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = rest.strip_prefix('/') {
                rest = after;
                continue;
            }
            let equals = rest.find(['=', '>', ' ']).expect("attributes end");
            let attribute = rest[..equals].to_owned();
            assert!(!attribute.is_empty(), "broken tag {name} before {:?}", &rest[..rest.len().min(80)]);
            let value = rest[equals..].strip_prefix("=\"").expect("every attribute is quoted");
            let (value, after) = value.split_once('"').expect("quotes close");
            attributes.push((attribute, value.to_owned()));
            rest = after;
        }
        if name == "script" || name == "style" {
            rest = rest.split_once(&format!("</{name}>")).expect("raw text closes").1;
        }
        tags.push((name, attributes));
    }
    tags
}

fn unescape(text: &str) -> String {
    text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}
