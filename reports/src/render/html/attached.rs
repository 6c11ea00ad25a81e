//! Sections of a process that ran already.

use super::evidence::{self, Frame};
use super::variants::Variants;
use super::viewer::{Viewer, viewer};
use crate::render::attached::{self as words_of, Group, Place};
use crate::render::{Page, text};
use crate::run::{Attached, AttachedProfile};

/// Kinds that have sections of their own, the same as in a run that measured.
const HAVE_SECTIONS: &[&str] = &["wait", "trace"];

/// Everything that was seen.
pub(super) struct Seen {
    pub(super) profiles: Vec<Article>,
    pub(super) goroutines: Vec<Group>,
    pub(super) goroutines_sum: String,
    pub(super) threads: Vec<(String, [String; 7])>,
    pub(super) more_threads: usize,
    pub(super) figures: Vec<Figure>,
}

/// One profile.
pub(super) struct Article {
    pub(super) anchor: String,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) how: &'static str,
    pub(super) missing: String,
    /// Of the CPU profile, whose samples are kept one by one.
    pub(super) viewer: Option<Viewer>,
    pub(super) pictures: Vec<Drawn>,
    pub(super) labels: String,
    pub(super) source: String,
    pub(super) path: String,
}

/// One sample type.
pub(super) struct Drawn {
    pub(super) measure: String,
    pub(super) total: String,
    pub(super) tables: Vec<(&'static str, Vec<Place>)>,
    pub(super) frame: Option<Frame>,
}

/// One figure.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) note: String,
}

impl Seen {
    /// `None` for runs that measured something.
    pub(super) fn new(page: &Page<'_>, variants: &Variants<'_>) -> Option<Self> {
        let seen = page.summary.attached.as_ref()?;
        let (threads, more_threads) = words_of::threads(&seen.threads);
        Some(Self {
            profiles: seen
                .profiles
                .iter()
                .enumerate()
                .filter(|(_, profile)| !HAVE_SECTIONS.contains(&profile.kind.as_str()))
                .map(|(at, profile)| article(page, variants, at, profile))
                .collect(),
            goroutines: seen.goroutines.as_ref().map(words_of::goroutines).unwrap_or_default(),
            goroutines_sum: seen.goroutines.as_ref().map(words_of::goroutines_sum).unwrap_or_default(),
            threads,
            more_threads,
            figures: figures(seen),
        })
    }

    /// Whether the page needs the viewer's script.
    pub(super) fn has_viewer(&self) -> bool {
        self.profiles.iter().any(|profile| profile.viewer.as_ref().is_some_and(|viewer| !viewer.packed.is_empty()))
    }

    /// Anchors and names of the sections that are there.
    pub(super) fn contents(&self) -> Vec<(&'static str, &'static str)> {
        let mut all = vec![("profiles", "Profiles")];
        if !self.goroutines.is_empty() {
            all.push(("goroutines", "Goroutines"));
        }
        if !self.threads.is_empty() {
            all.push(("threads", "CPU by thread"));
        }
        if !self.figures.is_empty() {
            all.push(("figures", "Figures"));
        }
        all
    }

    /// How to read the table of goroutines, for the template.
    pub(super) fn goroutines_how(&self) -> &'static str {
        words_of::GOROUTINES_HOW
    }

    /// How to read the table of threads, for the template.
    pub(super) fn threads_how(&self) -> &'static str {
        words_of::THREADS_HOW
    }

    /// Names of a thread's figures, for the template.
    pub(super) fn thread_heads(&self) -> &'static [&'static str] {
        &words_of::THREAD_HEADS
    }
}

fn article(page: &Page<'_>, variants: &Variants<'_>, at: usize, profile: &AttachedProfile) -> Article {
    let because = profile.missing.as_deref().map(text::sentence);
    let present = because.is_none();
    let summary = page.summary.profiles.get(at).filter(|_| present);
    let pictures = profile.pictures.iter().map(|picture| Drawn {
        measure: words_of::measure(picture),
        total: words_of::value(picture.total, &picture.unit),
        tables: words_of::tables(picture),
        frame: evidence::frame(&picture.svg),
    });
    Article {
        anchor: format!("profile-{}", at + 1),
        kind: profile.kind.clone(),
        title: words_of::title(profile),
        how: words_of::meaning(&profile.kind).map_or("", |known| known.how),
        viewer: present.then(|| viewer_of(page, variants, &profile.kind)).flatten(),
        missing: because.map(|because| format!("n/a, because {because}.")).unwrap_or_default(),
        pictures: pictures.collect(),
        labels: words_of::labels(profile),
        source: if present { words_of::source(profile) } else { String::new() },
        path: summary.map(|summary| text::sentence(&summary.path)).unwrap_or_default(),
    }
}

fn viewer_of(page: &Page<'_>, variants: &Variants<'_>, kind: &str) -> Option<Viewer> {
    viewer(page, variants.all.first().filter(|_| kind == "cpu")?)
}

fn figures(seen: &Attached) -> Vec<Figure> {
    let figure = |figure: &crate::run::Figure| Figure {
        name: text::name(&figure.name),
        value: words_of::figure(figure),
        note: text::sentence(&figure.note),
    };
    seen.figures.iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use crate::render::attached::tests::asked;
    use crate::render::fixture::Fixture;
    use crate::render::html::page;

    #[test]
    fn a_process_that_ran_already_has_profiles_and_no_measurements() {
        let mut fixture = Fixture::two_variants();
        let mut seen = asked();
        seen.profiles[0].pictures[0].svg = "<svg height=\"90\"></svg>".into();
        seen.profiles[1].pictures[0].hot[0].function = "main.<b>Add".into();
        fixture.summary.attached = Some(seen);
        let page = page(&fixture.page());
        for there in ["id=\"profiles\"", "id=\"goroutines\"", "id=\"threads\"", "id=\"figures\"", "id=\"host\""] {
            assert!(page.contains(there), "{there}");
        }
        for absent in ["id=\"result\"", "id=\"driver\"", "id=\"operations\"", "id=\"settings\"", "<b>Add"] {
            assert!(!page.contains(absent), "{absent}");
        }
        assert!(page.contains("faulty/main.go:34") && page.contains("runtime.SetBlockProfileRate(1)"));
        assert!(page.contains("chan receive") && page.contains("5 min"));
        assert!(!page.contains("class=\"viewer\""), "its samples were not kept");
    }

    #[test]
    fn the_cpu_profile_alone_has_a_viewer_in_place_of_its_picture() {
        let mut fixture = Fixture::two_variants().with_samples();
        let mut seen = asked();
        let kinds: Vec<_> = seen.profiles.iter().map(|profile| profile.kind.clone()).collect();
        let cpu = kinds.iter().position(|kind| kind == "cpu").unwrap() + 1;
        seen.profiles[cpu - 1].pictures[0].svg = "<svg height=\"90\"></svg>".into();
        fixture.summary.attached = Some(seen);
        let page = page(&fixture.page());
        assert_eq!(page.matches("class=\"viewer\"").count(), 1);
        for there in [
            "id=\"viewer-s0\" hidden=\"\" data-samples=\"samples-s0\"".to_owned(),
            format!("data-still=\"still-profile-{cpu}\""),
            format!("<div id=\"still-profile-{cpu}\"><iframe"),
            "id=\"samples-s0\">".to_owned(),
            "class=\"profile breach\" id=\"breach-s0\"".to_owned(),
        ] {
            assert!(page.contains(&there), "{there}");
        }
    }
}
