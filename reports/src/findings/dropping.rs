//! What blocks where something is dropped: nobody is seen to call that, and whoever lets the thing go cannot wait for it.

use super::cause::Cause;
use super::joined::Joined;
use super::rules::poll_blocked;
use super::{Culprit, path};

/// Method of Rust's `Drop`.
const DROPS: &str = "drop";

/// Has a cause that blocks a worker be about the destructor that it is called in.
pub(super) fn decides(joined: &Joined<'_>, cause: &mut Cause) {
    let Some(place) = cause.culprit.as_ref().filter(|_| cause.rule == poll_blocked::SLUG) else { return };
    let stack = path::through(joined, place);
    let outward = stack.iter().skip_while(|one| !one.is_at(place)).skip(1);
    let is_method = |one: &Culprit| one.file.ends_with(".rs") && one.function.contains("::");
    let Some(drops) = outward.into_iter().find(|one| one.name() == DROPS && is_method(one)) else {
        return;
    };
    cause.evidence.push(format!(
        "{} is called where something is dropped, in {}: whoever lets it go waits for that, and is not seen to call it",
        place.function,
        drops.sentence()
    ));
    cause.title = format!("{}, called where it drops something by {}", cause.title, drops.function);
    cause.culprit = Some(drops.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::cause::at;
    use crate::run::{Trace, TraceEndKind, TraceFrame, TracePolls, TraceSite};

    #[test]
    fn what_blocks_in_a_destructor_is_decided_there() {
        let of = |caller: &str, rule| {
            let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
            let own = vec![frame("desk::Client::give_back", 101), frame(caller, 119), frame("desk::settle", 177)];
            let culprit = Some(at(&own[0]));
            let site = Some(TraceSite { own, ..TraceSite::default() });
            let row = TracePolls { doing: TraceEndKind::Blocked, site, total_s: 1.0, ..TracePolls::default() };
            let trace = Trace { polls: vec![row], ..Trace::default() };
            let mut cause = Cause { rule, culprit, ..Cause::default() };
            decides(&Joined { trace: Some(&trace), ..Joined::default() }, &mut cause);
            cause.culprit.map(|culprit| culprit.line)
        };
        assert_eq!(of("desk::Lease::drop", poll_blocked::SLUG), Some(119));
        assert_eq!(of("desk::Lease::end", poll_blocked::SLUG), Some(101));
        assert_eq!(of("desk::Lease::drop", "long-poll-cpu"), Some(101), "what frees memory computes there");
    }
}
