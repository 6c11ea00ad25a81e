//! What was seen of a process that ran already.

use super::escape;
use crate::render::attached::{self, Place};
use crate::run::Attached;

/// Places shown of each profile.
const MOST_PLACES: usize = 5;
/// Groups of goroutines shown.
const MOST_GROUPS: usize = 10;

/// The hottest places of each profile, and where goroutines are.
pub(super) fn seen(seen: &Attached, out: &mut String) {
    for profile in seen.profiles.iter().filter(|profile| profile.missing.is_none()) {
        let Some(picture) = profile.pictures.first() else { continue };
        out.push_str(&format!("## {}\n\n", escape(&attached::title(profile))));
        for (head, places) in attached::tables(picture) {
            let measure = escape(&attached::measure(picture));
            out.push_str(&format!("| {measure} | share | {head} |\n|--:|--:|---|\n"));
            for place in places.iter().take(MOST_PLACES) {
                out.push_str(&format!("| {} | {} | {} |\n", escape(&place.value), escape(&place.share), at(place)));
            }
            out.push('\n');
        }
        out.push_str(&format!("{}\n\n", escape(&attached::source(profile))));
    }
    if let Some(all) = &seen.goroutines {
        out.push_str("## Goroutines by where they are\n\n| count | state | for | at |\n|--:|---|--:|---|\n");
        for group in attached::goroutines(all).iter().take(MOST_GROUPS) {
            out.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                escape(&group.count),
                escape(&group.state),
                escape(&group.minutes),
                at(&group.place)
            ));
        }
        out.push_str(&format!("\n{}\n\n", escape(&attached::goroutines_sum(all))));
    }
}

fn at(place: &Place) -> String {
    if place.at.is_empty() {
        escape(&place.function)
    } else {
        format!("{} ({})", escape(&place.function), escape(&place.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_places_read_well() {
        let mut out = String::new();
        seen(&attached::tests::asked(), &mut out);
        insta::assert_snapshot!(out);
    }
}
