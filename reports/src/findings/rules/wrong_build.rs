//! The program was built for debugging: all that is slow in it may be so for that alone.

use crate::findings::cause::{Answer, Cause};
use crate::findings::joined::Joined;

pub(super) const SLUG: &str = "wrong-build";

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(build) = joined.build else { return Answer::Blind("binary") };
    if !build.debug_assertions {
        return Answer::RuledOut("its file has none of the checks that debug builds carry".into());
    }
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: "the program is a debug build: it was not optimised, and checks what a release build does not".into(),
        share: 1.0,
        culprit: None,
        evidence: vec![format!(
            "{} has functions of its own for checks that only debug assertions compile",
            build.path
        )],
        refuted_by: "a build with `--release` would be as slow".into(),
        next: "cargo build --release".into(),
        proof: "binary",
        depth: 9,
        foremost: true,
    }])
}
