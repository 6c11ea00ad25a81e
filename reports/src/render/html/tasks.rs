//! Tasks by spawn site.

use super::variants::Variants;
use crate::render::tasks::{Row, rows, waits};
use crate::render::{Page, number, text};

/// One variant's table, or why there is none.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    pub(super) rows: Vec<Row>,
    /// Which waits are told.
    pub(super) waits: &'static str,
    pub(super) missing: String,
    pub(super) overhead: String,
}

/// Variants whose tasks were to be recorded.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    let article = |variant: &super::variants::Variant<'_>| {
        let gathered = |kind: &str, name: &str| kind == "tasks" && name == variant.raw;
        let profile = page.summary.profiles.iter().find(|profile| gathered(&profile.kind, &profile.variant))?;
        let sites = page.tasks.get(variant.raw).filter(|_| profile.missing.is_none());
        let because = profile.missing.as_deref().map(text::sentence);
        Some(Article {
            variant: variant.name.clone(),
            class: variant.class(),
            key: variant.key(),
            rows: rows(sites.map(Vec::as_slice).unwrap_or_default()),
            waits: waits(sites.map(Vec::as_slice).unwrap_or_default()),
            missing: because.map(|because| format!("Evidence missing, because {because}.")).unwrap_or_default(),
            overhead: profile
                .overhead
                .map(|overhead| {
                    format!("CPU per operation was {} that of the trials without hooks", number::ratio(overhead))
                })
                .unwrap_or_default(),
        })
    };
    variants.all.iter().filter_map(article).collect()
}

/// Names of the figures, for the template.
pub(super) fn heads() -> &'static [&'static str] {
    &crate::render::tasks::HEADS
}

/// How to read it, for the template.
pub(super) fn how() -> &'static str {
    crate::render::tasks::HOW
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_is_there_where_tasks_were_recorded() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"tasks\">"));
        let page = page(&Fixture::two_variants().with_tasks().page());
        let section = page.split("<section id=\"tasks\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("class=\"how\""));
        assert!(section.contains("scenarios/src/workloads/drain/mod.rs:53:33"));
        assert!(section.contains("<td class=\"bad\">80</td>"), "stalls stand out: {section}");
        assert!(section.contains("from spawn to first poll"), "which waits: {section}");
        assert!(section.contains("Evidence missing, because it crashed."));
        assert!(section.contains("src/&#60;b&#62;.rs:53:33") && !section.contains("<b>"), "{section}");
        assert!(page.contains("<a href=\"#tasks\">Tasks</a>"));
    }
}
