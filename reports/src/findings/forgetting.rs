//! Who takes a permit of a semaphore for good and may be left before it gives one back, by the source (`permit.forget()` …
//! `semaphore.add_permits(1)`).

use super::joined::Joined;
use super::leaving::Left;
use super::{Culprit, Loops, telling};
use crate::run::TraceFrame;

const ASKS: &[&str] = &["acquire", "acquire_owned", "acquire_many", "acquire_many_owned"];
const FORGETS: &str = "forget";
const GIVES_BACK: &str = "add_permits";

/// Of those who wait for a permit in a function: the only one that takes one for good and may be left before it gives it back, or the
/// only one of these that was seen at work; and how one sees it.
pub(super) fn forgets_permit(joined: &Joined<'_>, waits: &TraceFrame) -> Option<(Culprit, String)> {
    let loops = joined.loops?;
    let asks = |left: &Left| ASKS.contains(&left.name.as_str()) && left.function == waits.name();
    loops.calls_where(asks).find(|(file, _)| *file == waits.file)?;
    let found = losing(loops);
    let (file, left) = telling::only_of(&found, |(file, left)| telling::is_seen(joined, file, &left.function))?;
    let culprit = loops.culprit(&waits.function, (file, &left.function, left.line));
    let told = format!(
        "{} takes a permit for good and may end before it gives one back, as its source says",
        culprit.sentence()
    );
    Some((culprit, told))
}

/// Where one is taken for good, or who does so is called, in a function that gives one back further down and may be left before.
fn losing(loops: &Loops) -> Vec<(&str, &Left)> {
    let gives = |left: &Left| left.name == GIVES_BACK;
    let givers: Vec<&Left> = loops.calls_where(gives).map(|(_, left)| left).collect();
    let through: Vec<&str> = givers.iter().map(|left| left.function.as_str()).collect();
    let gives = |left: &Left| gives(left) || through.contains(&left.name.as_str());
    let forgets: Vec<(&str, &Left)> = loops.calls_where(|left| left.name == FORGETS).collect();
    let takers: Vec<&str> = forgets.iter().map(|(_, left)| left.function.as_str()).collect();
    let takes = |left: &Left| left.name == FORGETS || takers.contains(&left.name.as_str());
    let lost = |(file, take): &(&str, &Left)| {
        let same =
            |(other, left): &(&str, &Left)| other == file && left.function == take.function && left.line > take.line;
        let mut back = loops.calls_where(gives).filter(same).map(|(_, left)| left.line);
        back.any(|line| loops.may_be_left_between(file, take.line, line))
    };
    let lost: Vec<(&str, &Left)> = loops.calls_where(takes).filter(lost).collect();
    // Who takes one for others hands it on to them.
    let for_itself = |(_, left): &&(&str, &Left)| !takers.contains(&left.function.as_str());
    let others: Vec<(&str, &Left)> = lost.iter().filter(for_itself).copied().collect();
    if others.is_empty() { lost } else { others }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
impl Desk {
    async fn seat(&self, id: u64) -> Result<Seat, Full> {
        let permit = self.seats.acquire().await?;
        permit.forget();
        let plan = self.plan(id).await;
        if plan.is_gone() {
            return Err(Full);
        }
        self.release();
        Ok(plan.seat)
    }
    fn release(&self) {
        self.seats.add_permits(1);
    }
}
";

    fn of(source: &str) -> Option<(String, u32)> {
        let mut loops = Loops::default();
        loops.read("a.rs", source);
        let joined = Joined { loops: Some(&loops), ..Joined::default() };
        let waits = TraceFrame { function: "shop::Desk::seat".into(), file: "a.rs".into(), line: 3 };
        forgets_permit(&joined, &waits).map(|(at, _)| (at.function, at.line))
    }

    #[test]
    fn who_has_a_permit_taken_by_another_function_is_who_keeps_it() {
        let source = "\
impl Desk {
    async fn checkout(&self) -> io::Result<Line> {
        self.seats.acquire().await?.forget();
        let line = connect().await;
        if line.is_gone() {
            self.seats.add_permits(1);
            return Err(Gone);
        }
        Ok(line)
    }
    fn checkin(&self, line: Line) {
        self.seats.add_permits(1);
    }
    async fn rate(&self) -> io::Result<u32> {
        let line = self.checkout().await?;
        let rate = parse(line.ask().await)?;
        self.checkin(line);
        Ok(rate)
    }
}
";
        let mut loops = Loops::default();
        loops.read("a.rs", source);
        let joined = Joined { loops: Some(&loops), ..Joined::default() };
        let waits = TraceFrame { function: "shop::Desk::checkout".into(), file: "a.rs".into(), line: 3 };
        let found = forgets_permit(&joined, &waits).map(|(at, _)| (at.function, at.line));
        assert_eq!(found, Some(("shop::Desk::rate".into(), 15)));
    }

    #[test]
    fn who_ends_before_it_gives_a_permit_back_keeps_it() {
        assert_eq!(of(SOURCE), Some(("shop::Desk::seat".into(), 4)));
        assert_eq!(of(&SOURCE.replace("            return Err(Full);\n", "")), None, "it always comes to that");
        assert_eq!(
            of(&SOURCE
                .replace("self.plan(id).await;", "self.plan(id).await?;")
                .replace("            return Err(Full);\n", "")),
            Some(("shop::Desk::seat".into(), 4))
        );
        assert_eq!(of(&SOURCE.replace("        permit.forget();\n", "")), None, "it goes with its scope");
        assert_eq!(of(&SOURCE.replace("acquire()", "lock()")), None, "they wait for something else");
    }
}
