//! What to run next without touching the program: another load under which a mechanism shows, or does not, where it would if it were
//! what it is taken for.

use super::cause::Cause;
use super::joined::Joined;
use super::rules::{
    allocator_churn, computing, latency_pinned, never_answered, rare_stall, repeated_work, task_growth, throttled,
    throughput_pinned, unbounded_growth,
};

/// The part of the rate that is asked for then.
const PART: f64 = 0.25;
/// What is offered where a change has to be made first.
pub(super) const AGAIN: &str = "workbench run --evidence ";

/// For how long what grows is looked at, where that says more.
const LONGER: &str = "--duration 60s";

/// What would be seen at that part of the rate if a mechanism were something else, or which of several it is.
fn otherwise(cause: &Cause) -> Option<&'static str> {
    Some(match cause.rule {
        // A timer fires when it fires.
        latency_pinned::SLUG => "operations would hardly wait there",
        // Who comes rarely finds nobody before it.
        throughput_pinned::SLUG => "operations would wait there as long as now",
        // What is not used up holds nobody.
        throttled::SLUG => "operations would be held there as long as now",
        // What each operation costs does not depend on how many there are.
        // Where nobody knows whether it is what operations are for, that is the question, and not how often it is done.
        repeated_work::SLUG if cause.depth == computing::DEPTH => return None,
        repeated_work::SLUG | allocator_churn::SLUG => {
            "an operation would cost about four times as much there: it would be done by the clock, and not for operations"
        }
        unbounded_growth::SLUG => {
            "an operation would leave about four times as much behind, where it comes by the clock, and nothing at all where it is a \
             backlog of what comes faster than it is done"
        }
        task_growth::SLUG => {
            "an operation would leave about four times as many behind, where they come by the clock, and none where they are a \
             backlog of what comes faster than it is done"
        }
        never_answered::SLUG => {
            "as many of a hundred would be missing where it is what some of them ask for, and hardly any where it takes two at once"
        }
        rare_stall::SLUG => {
            "it would come as often where it goes by the clock, and a quarter as often where operations bring it about; operations that are late \
             without it would say that it is neither"
        }
        _ => return None,
    })
}

/// The evidence that the same load again is to gather, and what is run, where nothing but that is offered.
pub(super) fn asked(next: &str) -> Option<(&str, &str)> {
    let (evidence, rest) = next.strip_prefix(AGAIN)?.split_once(' ')?;
    (!rest.starts_with("--")).then_some((evidence, rest))
}

/// Gives a cause such a load as what to run next, where nothing but the same load again is offered.
pub(super) fn offer(joined: &Joined<'_>, cause: &mut Cause) {
    if let Some(otherwise) = otherwise(cause) {
        offer_gentler(joined, cause, otherwise);
    }
}

/// The same for what a rule knows to depend on the load, with what would be seen if it did not.
pub(super) fn offer_gentler(joined: &Joined<'_>, cause: &mut Cause, otherwise: &str) {
    let longer = format!(" {LONGER}");
    let same = cause.next.replacen(&longer, "", 1);
    let Some((evidence, rest)) = asked(&same) else { return };
    if joined.rate <= 0.0 || joined.shaped {
        return;
    }
    let longer = if same == cause.next { "" } else { longer.as_str() };
    let rate = (100.0 * joined.rate * PART).round() / 100.0;
    cause.refuted_by.push_str(&format!("; or, as it is, at a quarter of the rate (next) {otherwise}"));
    cause.next = format!("{AGAIN}{evidence}{longer} --rate {rate} --trials 1 {rest}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gentler_load_is_offered_where_it_tells_something() {
        let joined = Joined { rate: 150.0, ..Joined::default() };
        let of = |joined: &Joined<'_>, rule, next: &str| {
            let mut cause = Cause { rule, next: next.into(), refuted_by: "it would not".into(), ..Cause::default() };
            offer(joined, &mut cause);
            (cause.next, cause.refuted_by)
        };
        let again = "workbench run --evidence trace shop.toml --variant a";
        insta::assert_debug_snapshot!(of(&joined, latency_pinned::SLUG, again), @r#"
        (
            "workbench run --evidence trace --rate 37.5 --trials 1 shop.toml --variant a",
            "it would not; or, as it is, at a quarter of the rate (next) operations would hardly wait there",
        )
        "#);
        let as_it_was = |next: &str| (next.to_owned(), "it would not".to_owned());
        assert_eq!(of(&joined, "poll-blocked", again), as_it_was(again), "who comes alone may still be kept by it");
        assert_eq!(of(&Joined::default(), latency_pinned::SLUG, again), as_it_was(again), "no open loop");
        let shaped = Joined { shaped: true, ..joined.clone() };
        assert_eq!(of(&shaped, latency_pinned::SLUG, again), as_it_was(again), "its rate follows from its stages");
        let longer = "workbench run --evidence trace --duration 60s shop.toml --variant a";
        let alone = "workbench run --evidence trace --ladder off --concurrency 1 shop.toml --variant a";
        assert_eq!(of(&joined, latency_pinned::SLUG, alone), as_it_was(alone), "it says what to do already");
        let grows = of(&joined, unbounded_growth::SLUG, longer).0;
        assert_eq!(grows, "workbench run --evidence trace --duration 60s --rate 37.5 --trials 1 shop.toml --variant a");
        let attached = "workbench attach 17 --for 30s --tasks";
        assert_eq!(of(&joined, latency_pinned::SLUG, attached), as_it_was(attached));
    }
}
