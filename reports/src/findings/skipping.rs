//! Who is to close the channel that others of Go's wait for, and may be left before it does, by the source.

use std::collections::BTreeSet;

use super::joined::Joined;
use super::naming::Place;
use super::tokens::word_at;
use super::{Culprit, Loops, telling};
use crate::run::TraceFrame;

/// Of those who wait in a function: the only one that has their channel closed and may be left before, or the only one of these that
/// was seen at work; and how one sees it.
pub(super) fn skips_closing(joined: &Joined<'_>, waits: &TraceFrame) -> Option<(Culprit, String)> {
    let loops = joined.loops?;
    let mut skip = closing(loops, waits);
    skip.retain(|(file, _, line)| is_skipped(loops, file, *line));
    skip.sort_unstable();
    skip.dedup_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let culprit = loops.culprit(&waits.function, telling::only(joined, &skip)?);
    let told = format!(
        "they wait for what {} closes, which may end before it comes to that, as its source says",
        culprit.sentence()
    );
    Some((culprit, told))
}

/// Where the channel is closed that is received from on that line: of a method that does so whatever comes, where that is called.
fn closing<'l>(loops: &'l Loops, waits: &TraceFrame) -> Vec<Place<'l>> {
    let closes = loops.close(&waits.file, waits.line).into_iter();
    let all = closes.flat_map(|(file, function, line)| match is_skipped(loops, file, line) {
        true => vec![(file, function, line)],
        // Of several methods of one name nobody says which is called.
        false if loops.declared(function) == 1 => loops.calls_of(function),
        false => Vec::new(),
    });
    all.collect()
}

/// Whether a function may be left before that line, and after it made the channel that others wait for, or got it.
fn is_skipped(loops: &Loops, file: &str, line: u32) -> bool {
    let Some(begins) = loops.declared_on(file, line) else { return false };
    let made = loops.files.get(file).and_then(|lines| lines.channels.range(begins..line).next_back().copied());
    loops.may_be_left_between(file, made.unwrap_or(begins), line)
}

/// Lines on which channels of Go's are made.
pub(super) fn channels(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let makes = |at: &usize| word_at(tokens, *at) == "make" && word_at(tokens, at + 2) == "chan";
    (0..tokens.len()).filter(makes).map(|at| tokens[at].0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_before_it_closes_leaves_those_who_wait() {
        let go = "\
func (d *desk) join(c *call) (card, error) {
	<-c.done
	return c.card, c.err
}
func (d *desk) settle(c *call) {
	d.mu.Lock()
	delete(d.calls, c.key)
	d.mu.Unlock()
	close(c.done)
}
func (d *desk) lead(c *call) (card, error) {
	card, err := d.fetch(c)
	if err != nil {
		return card, err
	}
	d.settle(c)
	return card, nil
}
func (d *desk) leadAlways(c *call) (card, error) {
	defer d.settle(c)
	card, err := d.fetch(c)
	if err != nil {
		return card, err
	}
	return card, nil
}
";
        let of = |source: &str| {
            let mut loops = Loops::default();
            loops.read("a.go", source);
            let joined = Joined { loops: Some(&loops), ..Joined::default() };
            let waits = TraceFrame { function: "main.(*desk).join".into(), file: "a.go".into(), line: 2 };
            skips_closing(&joined, &waits).map(|(at, _)| (at.function, at.line))
        };
        assert_eq!(of(go), Some(("main.(*desk).lead".into(), 16)));
        assert_eq!(
            of(&go
                .replace("	card, err := d.fetch(c)\n	if err != nil {\n		return card, err\n	}\n	d.settle", "	d.settle")),
            None
        );
        assert_eq!(of(&go.replace("<-c.done", "<-c.other")), None);
        let other = "func (p *press) settle(c *call) {\n\tp.count++\n}\n";
        assert_eq!(of(&format!("{go}{other}")), None, "nobody says which of both is called");
        let checks = "func (d *desk) join(c *call) {\n\t<-c.done\n}\nfunc (d *desk) lead(k string) error {\n\tif err := check(k); err != nil {\n\t\treturn err\n\t}\n\tc := &call{done: make(chan int)}\n\td.calls[k] = c\n\tclose(c.done)\n\treturn nil\n}\n";
        assert_eq!(of(checks), None, "nobody waits yet");
        let late = checks.replace("\td.calls[k] = c\n", "\tif d.full {\n\t\treturn nil\n\t}\n");
        assert_eq!(of(&late).map(|(function, _)| function), Some("main.(*desk).lead".into()));
    }
}
