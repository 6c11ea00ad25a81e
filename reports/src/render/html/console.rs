//! Resources and waits, and tasks, as tokio-console saw them.

use super::variants::Variants;
use crate::render::console::{
    KIND, RESOURCE_HEADS, RESOURCES_HOW, TASK_HEADS, TASKS_HOW, Table, Words, resources, tasks, words,
};
use crate::render::{Page, number, text};

/// One variant's tables, or why there are none.
pub(super) struct Article {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) missing: String,
    pub(super) overhead: String,
    pub(super) view: Option<Shown>,
}

/// What is shown of a recording.
pub(super) struct Shown {
    pub(super) words: Words,
    pub(super) resources: Table,
    pub(super) tasks: Table,
}

/// Variants whose recording was asked for.
pub(super) fn articles(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Article> {
    let article = |variant: &super::variants::Variant<'_>| {
        let mut profiles = page.summary.profiles.iter();
        let profile = profiles.find(|profile| profile.kind == KIND && profile.variant == variant.raw)?;
        let view = page.console.get(variant.raw).filter(|_| profile.missing.is_none());
        let because = match (&profile.missing, view) {
            (Some(because), _) => Some(text::sentence(because)),
            (None, None) => Some("its file is not there".to_owned()),
            (None, Some(_)) => None,
        };
        Some(Article {
            variant: variant.name.clone(),
            class: variant.class(),
            missing: because.map(|because| format!("Evidence missing, because {because}.")).unwrap_or_default(),
            overhead: profile
                .overhead
                .map(|overhead| {
                    format!("CPU per operation was {} that of the trials that nobody watched", number::ratio(overhead))
                })
                .unwrap_or_default(),
            view: view.map(|view| Shown { words: words(view), resources: resources(view), tasks: tasks(view) }),
        })
    };
    variants.all.iter().filter_map(article).collect()
}

/// Names of the figures of tasks, for the template.
pub(super) fn task_heads() -> &'static [&'static str] {
    &TASK_HEADS
}

/// Names of the figures of resources, for the template.
pub(super) fn resource_heads() -> &'static [&'static str] {
    &RESOURCE_HEADS
}

/// How to read it, for the template.
pub(super) fn how() -> &'static str {
    RESOURCES_HOW
}

/// How to read the tasks, for the template.
pub(super) fn tasks_how() -> &'static str {
    TASKS_HOW
}

#[cfg(test)]
mod tests {
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn the_section_is_there_where_a_recording_is() {
        assert!(!page(&Fixture::two_variants().page()).contains("<section id=\"console\">"));
        let page = page(&Fixture::two_variants().with_console().page());
        let section = page.split("<section id=\"console\">").nth(1).and_then(|rest| rest.split("</section>").next());
        let section = section.expect("the section closes");
        assert!(section.contains("class=\"how\"") && section.contains("Resources and waits (tokio-console)"));
        assert!(section.contains("Mutex src/app.rs:31:9"), "{section}");
        assert!(section.contains("tasks of src/app.rs:30:9"), "{section}");
        assert!(section.contains("nobody can ever wake it"), "{section}");
        assert!(section.contains("Evidence missing, because it crashed."));
        assert!(page.contains("<a href=\"#console\">Waits</a>"));
    }

    #[test]
    fn hostile_places_stay_text() {
        let mut fixture = Fixture::two_variants().with_console();
        let view = fixture.console.values_mut().next().unwrap();
        let evil = "<script>\u{202e}alert(1)</script>";
        view.sites[0].place = evil.into();
        view.sites[0].names = vec![evil.into()];
        view.resources[0].place = evil.into();
        view.resources[0].concrete_type = evil.into();
        view.resources[0].attributes = vec![(evil.into(), evil.into())];
        view.resources[0].waiters[0].place = evil.into();
        view.resources[0].waiters[0].call = evil.into();
        view.observations[0].says = evil.into();
        view.doubts.push(evil.into());
        let page = page(&fixture.page());
        assert!(!page.contains("<script>\\u{202e}") && !page.contains('\u{202e}'));
        let markdown = crate::render::markdown::console(&fixture.summary, &fixture.console);
        assert!(!markdown.contains("<script>") && !markdown.contains('\u{202e}'), "{markdown}");
        let terminal = crate::render::terminal::resources(&fixture.summary, &fixture.console, false, 100)
            + &crate::render::terminal::console_tasks(&fixture.summary, &fixture.console, false, 100);
        assert!(!terminal.contains('\u{202e}'), "{terminal}");
        let json = crate::render::json::resources(&fixture.summary, &fixture.console);
        assert!(!json.contains('\u{202e}'), "{json}");
    }
}
