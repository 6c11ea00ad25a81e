//! What the page holds, and that it holds nothing else.

use crate::render::fixture::Fixture;
use crate::render::html::page;

/// Writes the pages for a person to look at, where `WORKBENCH_WRITE_FIXTURE` names a folder. A `flamegraph.svg` found
/// there stands in for the small one, so that a real one can be looked at too.
#[test]
fn pages_for_a_person() {
    let Some(folder) = std::env::var_os("WORKBENCH_WRITE_FIXTURE") else { return };
    let folder = std::path::PathBuf::from(folder);
    let real = std::fs::read_to_string(folder.join("flamegraph.svg")).ok();
    let pages = [
        ("one", Fixture::one_variant()),
        ("two", Fixture::two_variants()),
        ("three", Fixture::three_variants()),
        ("six", Fixture::six_variants()),
        ("limited", Fixture::driver_limited()),
        ("failed", Fixture::failed()),
        ("samples", Fixture::two_variants().with_samples().with_movers()),
    ];
    for (name, mut fixture) in pages {
        if let Some(real) = &real {
            fixture.flamegraphs.values_mut().for_each(|svg| svg.clone_from(real));
        }
        std::fs::write(folder.join(format!("{name}.html")), page(&fixture.page())).expect("the folder is writable");
    }
}

/// Text between the opening tag of a section and its end.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
    let rest = &page[start..];
    &rest[..rest.find("</section>").expect("sections close")]
}

#[test]
fn sections_stand_in_order_and_each_says_how_to_read_it() {
    let page = page(&Fixture::two_variants().page());
    let ids: Vec<_> = page.split("<section id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let order = [
        "result",
        "intervals",
        "percentiles",
        "timeline",
        "trials",
        "evidence",
        "settings",
        "driver",
        "operations",
        "drain",
        "host",
        "method",
    ];
    assert_eq!(ids, order);
    for id in order {
        assert_eq!(section(&page, id).matches("class=\"how\"").count(), 1, "{id}");
        assert!(page.contains(&format!("<a href=\"#{id}\">")), "{id} is in the contents");
    }
    assert!(page.find("6.2 times faster").expect("the verdict") < page.find("<section").expect("sections"));
}

#[test]
fn the_result_shows_every_verdict_with_its_reason() {
    let page = page(&Fixture::two_variants().page());
    let result = section(&page, "result");
    for text in [
        "<b>0.16×</b> [0.12, 0.22]",
        "<b>~</b> [0.96, 1.01]",
        "could have seen ±4.1 %, needs 24 pairs",
        "CPU per op <code class=\"raw\">cpu_per_op</code>",
        "<a class=\"note\" href=\"#note-1\">note 1</a>",
        "within ±3 %",
        "not comparable",
        "<li id=\"note-1\"><b>note 1</b> fewer than 20 failed operations",
        "6 more metrics",
    ] {
        assert!(result.contains(text), "{text}");
    }
    assert_eq!(
        result.matches("<svg class=\"interval").count(),
        7,
        "every compared metric with an interval has its picture"
    );
}

#[test]
fn more_than_two_variants_stand_below_their_metric() {
    let page = page(&Fixture::six_variants().page());
    let result = section(&page, "result");
    assert!(
        result.contains("error rate <code class=\"raw\">error_rate</code> <span class=\"value\">0 % everywhere</span>")
    );
    assert_eq!(result.matches("<li id=\"note-").count(), 2, "each reason once");
    assert_eq!(result.matches("the load driver could not keep up").count(), 1);
    assert!(result.contains("trials of <code>kind=jemalloc,worker_threads=1</code>"));
}

#[test]
fn one_variant_has_no_ratio() {
    let page = page(&Fixture::one_variant().page());
    let result = section(&page, "result");
    assert!(!result.contains('×') && !result.contains("class=\"interval") && !result.contains("base<"));
    assert!(result.contains("Latencies come from all measured operations together"));
}

#[test]
fn a_limited_driver_voids_latency_and_says_why() {
    let page = page(&Fixture::driver_limited().page());
    assert!(
        section(&page, "percentiles")
            .contains("The latency of batched is not drawn: the driver could not keep up in 9 of 12 trials.")
    );
    assert!(!section(&page, "percentiles").contains("batched p99:"));
    assert!(section(&page, "driver").contains("9 of 12"));
    assert!(section(&page, "driver").contains("trials 2, 3, 6, 7, 10, 11, 14, 15 and 1 more: lag p99 3.1 ms is over"));
    assert!(section(&page, "trials").contains("(driver-limited)"));
    assert!(page.contains("<b>Warning</b> driver lag p99 was 3.1 ms"));
}

#[test]
fn a_failed_subject_is_shown_with_its_last_words() {
    let page = page(&Fixture::failed().page());
    let header = &page[..page.find("<main>").expect("main")];
    assert!(header.contains("exited with status 101 after 0.2 s"));
    assert!(header.contains("panicked at src/log.rs:41:9:\nsegment 0 is shorter"));
    assert_eq!(header.matches("class=\"failure\"").count(), 1, "alike failures are told once");
    let evidence = section(&page, "evidence");
    assert!(evidence.contains("Evidence missing, because the subject exited with status 101 before the first sample."));
    assert_eq!(evidence.matches("<iframe").count(), 1);
    assert!(section(&page, "trials").contains("trial 2: the subject failed"));
}

#[test]
fn evidence_states_its_coverage_and_warns_where_it_is_thin() {
    let page = page(&Fixture::two_variants().page());
    let evidence = section(&page, "evidence");
    assert!(evidence.contains("coverage 98 %: 471 samples × 10.1 ms ÷ 4.85 s of CPU the kernel counted"));
    assert_eq!(evidence.matches("class=\"coverage thin\"").count(), 1, "batched has 83 %");
    assert!(evidence.contains("CPU per operation was 1.02× that of the unprofiled trials"));
}

#[test]
fn the_peak_of_a_heap_is_dated_sized_and_drawn() {
    let mut fixture = Fixture::two_variants().with_heap();
    let dated = "Most live memory: 64.0 MiB, 2.31 s after the profile began; an estimated 93 % of it is in the picture";
    assert!(crate::render::markdown::report(&fixture.summary).contains(dated));
    let whole = page(&fixture.page());
    let heap = section(&whole, "heap");
    assert!(heap.contains(dated) && heap.contains("-http=: evidence/x/heap-peak.pb.gz"));
    assert_eq!(heap.matches("<iframe").count(), 3);
    fixture.summary.profiles.last_mut().unwrap().peak = None;
    let whole = page(&fixture.page());
    assert_eq!(section(&whole, "heap").matches("<iframe").count(), 2);
    assert!(!section(&whole, "heap").contains("an estimated"));
}

#[test]
fn settings_that_differ_come_first_and_requests_that_failed_show() {
    let page = page(&Fixture::two_variants().page());
    let settings = section(&page, "settings");
    let at = |needle: &str| settings.find(needle).unwrap_or_else(|| panic!("{needle}"));
    assert!(settings.contains("<tr class=\"differs\"><th scope=\"row\"><code>workload.batch"));
    assert!(at("workload.batch") < at("runtime.worker_threads"));
    assert!(at("asked 4") < at("allocator.kind"), "what is the same everywhere comes last");
    assert!(settings.contains("3 settings that are the same everywhere"));
}

#[test]
fn operations_and_drains_are_summed_over_measured_trials() {
    let page = page(&Fixture::two_variants().page());
    let operations = section(&page, "operations");
    assert!(
        operations
            .contains("<td>24,000</td><td>24,000</td><td>23,997</td><td>0</td><td class=\"bad\">3</td><td>0</td>")
    );
    assert!(operations.contains("background"));
    assert!(section(&page, "drain").contains("<td>144</td><td>141</td><td class=\"bad\">3</td>"));
}

#[test]
fn the_method_names_blocks_phases_and_seed() {
    let page = page(&Fixture::two_variants().page());
    let method = section(&page, "method");
    for text in [
        "12 blocks:",
        "200 ms of warm-up",
        "400 ms with 16 clients",
        "2,500 operations at 2,500/s with poisson",
        "Seed 42",
    ] {
        assert!(method.contains(text), "{text}");
    }
    assert_eq!(method.matches("<tr><th scope=\"row\">").count(), 26, "every trial has its row");
}

#[test]
fn a_bare_summary_still_makes_a_page() {
    let mut fixture = Fixture::one_variant();
    fixture.plan = None;
    fixture.trials.clear();
    fixture.curves.clear();
    fixture.timelines.clear();
    fixture.flamegraphs.clear();
    fixture.summary.profiles.clear();
    fixture.summary.variants.clear();
    let page = page(&fixture.page());
    assert!(page.contains("Nothing was measured.") && !page.contains("<svg") && !page.contains("<iframe"));
}

/// Values of an attribute in the page itself, not in the documents of its frames.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    let own = page.split("srcdoc=\"").enumerate().map(|(at, part)| match at {
        0 => part,
        _ => part.split_once('"').expect("the attribute ends").1,
    });
    own.flat_map(|part| part.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>())
        .collect()
}

/// A finding for each kind of evidence, about both variants.
fn accused(mut fixture: Fixture) -> Fixture {
    let fixture_of = Fixture::two_variants().with_findings();
    let one = &fixture_of.summary.findings[0];
    let variants: Vec<String> = fixture.summary.variants.iter().map(|variant| variant.name.clone()).collect();
    for proof in ["cpu", "wait", "trace", "tasks", "breach", "latency", "levels", "binary"] {
        for variant in &variants {
            let finding = crate::findings::Finding { proof: proof.into(), variant: variant.clone(), ..one.clone() };
            fixture.summary.findings.push(finding);
        }
    }
    fixture
}

#[test]
fn every_link_leads_somewhere_and_every_finding_to_what_proves_it() {
    let all = |fixture: Fixture| fixture.with_tasks().with_trace().with_waits().with_allocator().with_console();
    let mut seen = accused(Fixture::two_variants());
    seen.summary.attached = Some(crate::render::attached::tests::asked());
    let fixtures = [
        ("all", accused(all(Fixture::two_variants()).with_samples().with_movers())),
        ("bare", accused(Fixture::six_variants())),
        ("one", accused(Fixture::one_variant())),
        ("failed", accused(Fixture::failed())),
        ("limited", accused(Fixture::driver_limited().with_samples())),
        ("attached", seen),
    ];
    for (name, fixture) in fixtures {
        let page = page(&fixture.page());
        let mut ids = values(&page, "id");
        ids.sort_unstable();
        let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{name}: {twice:?}");
        for link in values(&page, "href") {
            let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{name}: {link} leads out of the page"));
            assert!(ids.contains(&target), "{name}: {link} leads nowhere");
        }
        for attribute in ["data-viewer", "data-samples", "data-still"] {
            for target in values(&page, attribute) {
                let is_there = ids.contains(&target);
                assert!(is_there || attribute == "data-viewer", "{name}: {attribute}={target} leads nowhere");
            }
        }
        if name == "all" {
            let findings = section(&page, "findings");
            assert_eq!(findings.matches("<p>Proof: <a href=\"#").count(), fixture.summary.findings.len(), "{findings}");
            // To the article of the variant that is accused.
            for target in [
                "cpu-s0",
                "cpu-s1",
                "waits-s0",
                "waits-s1",
                "trace-s0",
                "stalls-s0",
                "tasks-s1",
                "breach-s0",
                "percentiles",
            ] {
                assert!(findings.contains(&format!("<a href=\"#{target}\">")), "{target}: {findings}");
            }
            assert!(!findings.contains("#breach-s1"), "of the second variant no samples were kept");
        }
    }
}
