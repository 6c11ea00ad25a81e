//! GitHub's job summary.

use super::comment;
use crate::render::markdown;
use crate::run::{RunSummary, TrialRecord};

/// Bytes that a step's summary may have. GitHub refuses more than 1 MiB, and then shows nothing at all.
pub const ROOM: usize = 1 << 20;

/// Said where something was left out.
const CUT: &str = "\n\n**Cut here:** GitHub shows at most 1 MiB; the whole is in `report.md` of the run.\n";

/// The verdict, what was judged, and the whole report folded up, in at most `room` bytes: what does not fit is cut at the
/// end of a line, and the summary says so. Empty where not even that fits.
pub fn step_summary(summary: &RunSummary, trials: &[TrialRecord], room: usize) -> String {
    let head = comment::body(summary, trials, usize::MAX);
    let report = markdown::report(summary);
    let whole = format!("{head}\n<details><summary>Report</summary>\n\n{report}\n</details>\n\n");
    if whole.len() <= room {
        return whole;
    }
    cut(&format!("{head}\n{report}"), room)
}

/// `text` up to the end of the last line that fits with the note.
pub(super) fn cut(text: &str, room: usize) -> String {
    let Some(kept) = room.checked_sub(CUT.len()) else { return String::new() };
    let kept = text.floor_char_boundary(kept.min(text.len()));
    let end = text[..kept].rfind('\n').map_or(0, |end| end + 1);
    // A table or a fold that was cut open would swallow the note.
    text[..end].to_owned() + CUT
}
