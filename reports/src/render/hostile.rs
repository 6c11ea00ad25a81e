//! Names and messages that try to break out of every output.

mod markup;
mod poison;

use self::markup::{ATTRIBUTES, TAGS, tags, unescape};
use self::poison::{hostile_texts, poison, poisoned};
use super::fixture::Fixture;
use super::text::is_invisible;
use super::{html, json, markdown, terminal};

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
