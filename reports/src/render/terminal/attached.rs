//! What was seen of a process that ran already.

use super::findings;
use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::{attached, text};
use crate::run::{Attached, AttachedProfile, RunSummary};

/// Places shown of each profile; the report has more.
const MOST_PLACES: usize = 8;
/// Groups of goroutines shown.
const MOST_GROUPS: usize = 12;
/// Figures shown.
const MOST_FIGURES: usize = 24;

/// Where its time and memory go, what is missing and why, where to find the rest.
pub(super) fn attached(summary: &RunSummary, seen: &Attached, width: usize, ink: Ink) -> String {
    let mut out = ink.paint(Look::Bold, &paragraph(&text::sentence(&summary.verdict), 0, width));
    out.push_str("\n\n");
    out.push_str(&findings::brief(summary, width, ink));
    for profile in seen.profiles.iter().filter(|profile| profile.missing.is_none()) {
        shown(&mut out, profile, width, ink);
    }
    goroutines(&mut out, seen, width, ink);
    threads(&mut out, seen, width, ink);
    figures(&mut out, seen, width, ink);
    out.push_str(&findings::looked_at(summary, width, ink));
    for profile in &seen.profiles {
        if let Some(because) = &profile.missing {
            let line = format!("{}: n/a, because {}", text::name(&profile.kind), text::sentence(because));
            out.push_str(&hanging(Look::Dim, &line, 2, width, ink));
        }
    }
    if seen.profiles.iter().any(|profile| profile.missing.is_some()) {
        out.push('\n');
    }
    for warning in &summary.warnings {
        out.push_str(&ink.paint(Look::Warn, "note"));
        out.push_str(&format!(": {}\n", paragraph(&text::sentence(warning), 6, width)));
    }
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    out
}

fn heading(out: &mut String, title: &str, ink: Ink) {
    out.push_str(&ink.paint(Look::Bold, title));
    out.push('\n');
}

fn shown(out: &mut String, profile: &AttachedProfile, width: usize, ink: Ink) {
    heading(out, &attached::title(profile), ink);
    out.push_str("  ");
    out.push_str(&hanging(Look::Dim, &attached::source(profile), 2, width, ink));
    if let Some(picture) = profile.pictures.first() {
        let tables = attached::tables(picture);
        for (head, places) in &tables {
            let rows: Vec<_> = places.iter().take(MOST_PLACES).map(place).collect();
            if rows.is_empty() {
                out.push_str("  nowhere\n");
            }
            if tables.len() > 1 {
                out.push_str(&format!("  by {head}\n"));
            }
            out.push_str(&grid(&rows, &[Align::Right, Align::Right, Align::Left], 2, width, ink));
        }
    }
    let labels = attached::labels(profile);
    if !labels.is_empty() {
        out.push_str("  ");
        out.push_str(&hanging(Look::Dim, &format!("labels: {labels}"), 2, width, ink));
    }
    out.push('\n');
}

fn place(place: &attached::Place) -> Vec<Piece> {
    let mut line = place.function.clone();
    if !place.at.is_empty() {
        line.push_str(&format!(" ({})", place.at));
    }
    if !place.callers.is_empty() {
        line.push_str(&format!(" ← {}", place.callers));
    }
    vec![Piece::plain(&place.share), Piece::new(&place.value, Look::Dim), Piece::plain(line)]
}

fn goroutines(out: &mut String, seen: &Attached, width: usize, ink: Ink) {
    let Some(all) = &seen.goroutines else { return };
    heading(out, "Goroutines by where they are", ink);
    out.push_str("  ");
    out.push_str(&hanging(Look::Dim, &attached::goroutines_sum(all), 2, width, ink));
    let mut rows = vec![["count", "state", "for", "at"].map(|head| Piece::new(head, Look::Dim)).to_vec()];
    for group in attached::goroutines(all).iter().take(MOST_GROUPS) {
        let mut at = group.place.function.clone();
        if !group.place.at.is_empty() {
            at.push_str(&format!(" ({})", group.place.at));
        }
        if !group.created_by.is_empty() {
            at.push_str(&format!(", started by {}", group.created_by));
        }
        rows.push(vec![
            Piece::plain(&group.count),
            Piece::plain(&group.state),
            Piece::plain(&group.minutes),
            Piece::plain(at),
        ]);
    }
    out.push_str(&grid(&rows, &[Align::Right, Align::Left, Align::Right, Align::Left], 2, width, ink));
    out.push('\n');
}

fn threads(out: &mut String, seen: &Attached, width: usize, ink: Ink) {
    if seen.threads.is_empty() {
        return;
    }
    heading(out, "Threads", ink);
    let (rows, more) = attached::threads(&seen.threads);
    let mut pieces = vec![
        std::iter::once("name")
            .chain(attached::THREAD_HEADS)
            .map(|head| Piece::new(head, Look::Dim))
            .collect::<Vec<_>>(),
    ];
    pieces.extend(rows.into_iter().map(|(name, figures)| {
        std::iter::once(Piece::plain(name)).chain(figures.into_iter().map(Piece::plain)).collect()
    }));
    let aligns = [Align::Left].into_iter().chain([Align::Right; 7]).collect::<Vec<_>>();
    out.push_str(&grid(&pieces, &aligns, 2, width, ink));
    if more > 0 {
        out.push_str(&format!("  and {more} more: the report's attached.json has them all\n"));
    }
    out.push('\n');
}

fn figures(out: &mut String, seen: &Attached, width: usize, ink: Ink) {
    if seen.figures.is_empty() {
        return;
    }
    heading(out, "What it says of itself", ink);
    let rows: Vec<_> = seen
        .figures
        .iter()
        .take(MOST_FIGURES)
        .map(|figure| {
            vec![
                Piece::plain(attached::figure(figure)),
                Piece::plain(text::name(&figure.name)),
                Piece::new(text::sentence(&figure.note), Look::Dim),
            ]
        })
        .collect();
    out.push_str(&grid(&rows, &[Align::Right, Align::Left, Align::Left], 2, width, ink));
    if seen.figures.len() > MOST_FIGURES {
        out.push_str(&format!("  and {} more in the report\n", seen.figures.len() - MOST_FIGURES));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture::run;

    #[test]
    fn a_person_reads_places_goroutines_threads_and_what_is_missing() {
        let seen = attached::tests::asked();
        let mut summary = run("20261126-094500-attach-faulty-abcd", Vec::new());
        summary.verdict = "`faulty` was asked for 10.0 s; nothing of it was restarted.".into();
        summary.warnings.clone_from(&seen.notes);
        summary.attached = Some(seen);
        insta::assert_snapshot!(super::super::result(&summary, false, 100));
    }
}
