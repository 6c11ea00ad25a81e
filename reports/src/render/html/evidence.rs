//! CPU flamegraphs with what they cover.

use askama::Template;

use super::variants::Variants;
use super::viewer::{Viewer, viewer};
use crate::render::{Page, number, text, words};
use crate::run::ProfileSummary;

/// Coverage below this is warned about.
const THIN: f64 = 0.9;

/// Room for the search field above a flamegraph, pixels.
const SEARCH_ROOM: f64 = 42.0;

/// Why a profile has no heat map.
const TIMELESS: &str = "The samples of this profile have no times, so that there is no heat map, and no profile of what ran \
    while it was late: perf and our own sampler keep times (--cpu-backend), pprof does not.";

/// Profiles.
pub(super) struct Evidence {
    pub(super) cpu: Vec<Profile>,
    pub(super) others: Vec<String>,
}

/// One variant's CPU profile.
pub(super) struct Profile {
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) key: String,
    pub(super) viewer: Option<Viewer>,
    pub(super) frame: Option<Frame>,
    pub(super) missing: String,
    pub(super) coverage: String,
    pub(super) thin: bool,
    pub(super) source: String,
    /// Why nothing is shown by time; may be empty.
    pub(super) timeless: String,
    pub(super) path: String,
}

/// A flamegraph's own document and its height in pixels.
pub(super) struct Frame {
    pub(super) document: String,
    pub(super) height: f64,
}

/// The document in the frame. It has an opaque origin and may load nothing.
#[derive(Template)]
#[template(path = "report/flame.html")]
struct Flame<'a> {
    svg: &'a str,
    height: f64,
}

/// The document around a picture of two panes, of the same kind.
#[derive(Template)]
#[template(path = "report/difference.html")]
struct Difference<'a> {
    svg: &'a str,
}

/// Room above the two panes for the search field and what is told of a frame, pixels.
const TOLD_ROOM: f64 = 160.0;
/// Width of the page's column, over that of the picture.
const SHRUNK: f64 = 0.79;

impl Evidence {
    pub(super) fn new(page: &Page<'_>, variants: &Variants<'_>) -> Self {
        if page.summary.attached.is_some() {
            // A process that ran already has an article for each of its profiles.
            return Self { cpu: Vec::new(), others: Vec::new() };
        }
        let mut cpu = Vec::new();
        for variant in &variants.all {
            let summary =
                page.summary.profiles.iter().find(|profile| profile.kind == "cpu" && profile.variant == variant.raw);
            let svg = page.flamegraphs.get(variant.raw);
            if summary.is_some() || svg.is_some() {
                let shown = profile(&variant.name, variant.class(), summary, svg.map(String::as_str));
                let viewer = viewer(page, variant);
                let has_times = page.samples.get(variant.raw).is_some_and(|samples| !samples.timeless);
                let timeless = !has_times && shown.missing.is_empty();
                let timeless = if timeless { TIMELESS.to_owned() } else { String::new() };
                cpu.push(Profile { key: variant.key(), viewer, timeless, ..shown });
            }
        }
        let others = page
            .summary
            .profiles
            .iter()
            .filter(|profile| {
                !matches!(profile.kind.as_str(), "cpu" | "heap" | "tasks" | "trace" | "allocator" | "console" | "wait")
            })
            .map(other)
            .collect();
        Self { cpu, others }
    }

    /// Whether the page needs the viewer's script.
    pub(super) fn has_viewer(&self) -> bool {
        self.cpu.iter().any(|profile| profile.viewer.as_ref().is_some_and(|viewer| !viewer.packed.is_empty()))
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.cpu.is_empty() && self.others.is_empty()
    }
}

fn profile(name: &str, class: String, summary: Option<&ProfileSummary>, svg: Option<&str>) -> Profile {
    let frame = svg.and_then(frame);
    let because = match (summary.and_then(|profile| profile.missing.as_deref()), svg, &frame) {
        (Some(because), _, _) => Some(text::sentence(because)),
        (None, None, _) => Some("the run holds no flamegraph for this variant".into()),
        (None, Some(_), None) => Some("the flamegraph is not an SVG picture".into()),
        (None, Some(_), Some(_)) => None,
    };
    let present = summary.filter(|profile| profile.missing.is_none());
    Profile {
        variant: name.into(),
        class,
        key: String::new(),
        viewer: None,
        frame,
        missing: because.map_or_else(String::new, |because| format!("Evidence missing, because {because}.")),
        coverage: present.map(coverage).unwrap_or_default(),
        thin: present.and_then(|profile| profile.coverage).is_some_and(|coverage| coverage < THIN),
        source: present.map(source).unwrap_or_default(),
        timeless: String::new(),
        path: present.map(|profile| text::sentence(&profile.path)).unwrap_or_default(),
    }
}

/// `coverage 98 %: 471 samples × 10.1 ms ÷ 4.85 s of CPU the kernel counted`.
///
/// The period follows from the rate that the source names, and the kernel's count from coverage's own definition,
/// samples × period ÷ CPU (design 05 §2.6).
fn coverage(profile: &ProfileSummary) -> String {
    let samples = words::plural(profile.samples, "sample", "samples");
    let Some(coverage) = profile.coverage else { return format!("coverage unknown: {samples}") };
    let mut line = format!("coverage {}: {samples}", number::percent(coverage));
    if let Some(hertz) = hertz(&profile.source).filter(|_| coverage > 0.0) {
        let period = hertz.recip();
        let counted = profile.samples as f64 * period / coverage;
        line.push_str(&format!(
            " × {} ÷ {} of CPU the kernel counted",
            number::seconds(period),
            number::seconds(counted)
        ));
    }
    if coverage < THIN {
        line.push_str("; under 90 %, so what is drawn may not be what ran");
    }
    line
}

/// The rate named in a text such as `pprof 99 Hz in the process`.
fn hertz(source: &str) -> Option<f64> {
    let words: Vec<_> = source.split_whitespace().collect();
    let named = words.windows(2).find(|pair| pair[1].trim_matches(|c: char| !c.is_alphanumeric()) == "Hz")?;
    named[0].parse().ok().filter(|hertz: &f64| hertz.is_finite() && *hertz > 0.0)
}

pub(super) fn source(profile: &ProfileSummary) -> String {
    let mut line = text::sentence(&profile.source);
    if let Some(overhead) = profile.overhead {
        line.push_str(&format!("; CPU per operation was {} that of the unprofiled trials", number::ratio(overhead)));
    }
    line
}

/// One line for a profile that has no picture here.
fn other(profile: &ProfileSummary) -> String {
    let head = format!("{} profile of {}", text::name(&profile.kind), text::name(&profile.variant));
    match &profile.missing {
        Some(because) => format!("{head}: evidence missing, because {}", text::sentence(because)),
        None => format!(
            "{head}: {}, {} ({})",
            text::sentence(&profile.path),
            words::plural(profile.samples, "sample", "samples"),
            text::sentence(&profile.source)
        ),
    }
}

/// Wraps a flamegraph; `None` where the text holds no `<svg`.
pub(super) fn frame(raw: &str) -> Option<Frame> {
    let svg = picture(raw)?;
    let height = height(&svg);
    let document = Flame { svg: &svg, height }.render().expect("templates without fallible filters render into memory");
    Some(Frame { document, height: height + SEARCH_ROOM })
}

/// Wraps a picture of two panes; `None` where the text holds no `<svg`.
pub(super) fn difference(raw: &str) -> Option<Frame> {
    let svg = picture(raw)?;
    let height = (height(&svg) * SHRUNK + TOLD_ROOM).round();
    let document = Difference { svg: &svg }.render().expect("templates without fallible filters render into memory");
    Some(Frame { document, height })
}

/// The picture without what does not belong into HTML.
fn picture(raw: &str) -> Option<String> {
    // The prolog would be a stray doctype inside HTML.
    let svg = &raw[raw.find("<svg")?..];
    // Names inside may hold direction marks and controls that no one would see.
    Some(svg.chars().map(|c| if text::is_invisible(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect())
}

/// Height that the picture asks for in pixels, within reason.
fn height(svg: &str) -> f64 {
    let root = &svg[..svg.find('>').unwrap_or(svg.len())];
    let value = root.split_once(" height=\"").and_then(|(_, rest)| rest.split_once('"'));
    let height = value.and_then(|(value, _)| value.trim_end_matches("px").parse::<f64>().ok());
    height.filter(|height| height.is_finite()).unwrap_or(400.0).clamp(80.0, 20_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(coverage: Option<f64>, source: &str) -> ProfileSummary {
        ProfileSummary {
            variant: "a".into(),
            kind: "cpu".into(),
            path: "evidence/a/cpu.pb.gz".into(),
            svg: "evidence/a/cpu.svg".into(),
            samples: 471,
            coverage,
            source: source.into(),
            overhead: None,
            missing: None,
            peak: None,
            stalls: None,
            ..ProfileSummary::default()
        }
    }

    #[test]
    fn coverage_shows_its_arithmetic() {
        assert_eq!(
            coverage(&summary(Some(0.98), "pprof 99 Hz in the process")),
            "coverage 98 %: 471 samples × 10.1 ms ÷ 4.85 s of CPU the kernel counted"
        );
        assert_eq!(coverage(&summary(Some(0.98), "somewhere")), "coverage 98 %: 471 samples");
        assert_eq!(coverage(&summary(None, "perf 999 Hz")), "coverage unknown: 471 samples");
        assert!(coverage(&summary(Some(0.5), "perf (999 Hz)")).contains("under 90 %"));
    }

    #[test]
    fn heights_come_from_the_root_alone() {
        assert_eq!(height(r#"<svg width="1200" height="214"><rect height="9"/></svg>"#), 214.0);
        assert_eq!(height(r#"<svg><rect height="9"/></svg>"#), 400.0);
        assert_eq!(height(r#"<svg height="1e300">"#), 20_000.0);
    }

    #[test]
    fn what_is_missing_says_why() {
        let mut gone = summary(None, "pprof 99 Hz");
        gone.missing = Some("it crashed".into());
        let shown = profile("a", "s0".into(), Some(&gone), None);
        assert_eq!(shown.missing, "Evidence missing, because it crashed.");
        assert!(shown.coverage.is_empty() && shown.frame.is_none());
        let odd = profile("a", "s0".into(), Some(&summary(None, "")), Some("not a picture"));
        assert_eq!(odd.missing, "Evidence missing, because the flamegraph is not an SVG picture.");
    }
}
