//! What a run said, against what was planted.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use crate::cases::Case;
use crate::marker;

/// How good an answer about a broken program is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// Not asked.
    Unasked,
    /// A first finding that names another mechanism and another place.
    Wrong,
    /// The mechanism is right, its place is not.
    WrongPlace,
    /// Nothing was found.
    Nothing,
    /// The mechanism is among those that remain.
    CannotTell,
    /// The place is right, its mechanism is not.
    WrongMechanism,
    /// Both are right.
    Right,
}

impl Broken {
    pub(crate) fn is_right(self) -> bool {
        self == Self::Right
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unasked => "not asked",
            Self::Wrong => "WRONG",
            Self::WrongPlace => "wrong place",
            Self::Nothing => "nothing found",
            Self::CannotTell => "cannot tell",
            Self::WrongMechanism => "wrong mechanism",
            Self::Right => "right",
        })
    }
}

/// What was said of a healthy program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Healthy {
    /// Slugs of its findings.
    pub(crate) blamed: Vec<String>,
    /// Whether one of them is the fault of the broken twin; of a program that has none, whether there is any.
    pub(crate) by_twin: bool,
}

impl Healthy {
    pub(crate) fn is_right(&self) -> bool {
        !self.by_twin
    }
}

impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.by_twin, &self.blamed[..]) {
            (_, []) => f.pad("clean"),
            (true, blamed) => f.pad(&format!("BLAMED as its twin: {}", blamed.join(", "))),
            (false, blamed) => f.pad(&format!("blamed otherwise: {}", blamed.join(", "))),
        }
    }
}

fn list<'v>(document: &'v Value, name: &str) -> &'v [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

fn rule(finding: &Value) -> &str {
    finding["rule"].as_str().unwrap_or_default()
}

/// Whether a place is within a guilty function.
fn is_guilty(case: &Case, culprit: &Value) -> bool {
    let line = usize::try_from(culprit["line"].as_u64().unwrap_or_default()).expect("lines fit");
    let Some(named) = culprit["file"].as_str() else { return false };
    marker::sources(case).iter().any(|path| {
        let source = std::fs::read_to_string(path).expect("the source of a program");
        is_same(path, named) && marker::guilty(&source).iter().any(|function| function.contains(&line))
    })
}

/// Whether the last two parts of a path agree with a source: what stands before them depends on where it was built.
fn is_same(source: &Path, named: &str) -> bool {
    let (mut ours, mut theirs) = (source.components().rev(), Path::new(named).components().rev());
    (0..2).all(|_| ours.next().is_some_and(|part| theirs.next() == Some(part)))
}

/// What is made of a broken program.
pub(crate) fn of_broken(case: &Case, document: &Value) -> Broken {
    let first = list(document, "findings").iter().min_by_key(|finding| finding["rank"].as_u64());
    let Some(first) = first else {
        let remains = list(document, "undecided").iter().flat_map(|one| list(one, "rules"));
        let named = remains.filter_map(Value::as_str).any(|slug| case.slugs.contains(&slug));
        return if named { Broken::CannotTell } else { Broken::Nothing };
    };
    let place = !case.has_line || is_guilty(case, &first["culprit"]);
    match (case.slugs.contains(&rule(first)), place) {
        (true, true) => Broken::Right,
        (false, true) if case.has_line => Broken::WrongMechanism,
        (true, false) => Broken::WrongPlace,
        _ => Broken::Wrong,
    }
}

/// Whether the load driver was late in every measured trial.
pub(crate) fn is_starved(document: &Value) -> bool {
    list(document, "variants").iter().all(|variant| variant["driver_limited"] == variant["trials"])
}

/// What is made of a healthy program.
pub(crate) fn of_healthy(case: &Case, document: &Value) -> Healthy {
    let blamed: Vec<String> = list(document, "findings").iter().map(|finding| rule(finding).to_owned()).collect();
    let is_twins = |slug: &String| case.slugs.is_empty() || case.slugs.contains(&slug.as_str());
    let by_twin = blamed.iter().any(is_twins);
    Healthy { blamed, by_twin }
}

/// Findings in one line each.
pub(crate) fn shown(document: &Value) -> String {
    let findings = list(document, "findings").iter().map(|finding| {
        let culprit = &finding["culprit"];
        let share = finding["share"].as_f64().unwrap_or_default();
        format!(
            "\n    {} {} {share:.2} {} ({}:{}) — {}",
            finding["rank"],
            rule(finding),
            culprit["function"].as_str().unwrap_or("?"),
            culprit["file"].as_str().unwrap_or("?"),
            culprit["line"],
            finding["title"].as_str().unwrap_or_default()
        )
    });
    let undecided = list(document, "undecided").iter().map(|one| format!("\n    ? {}", one["sentence"]));
    let said: String = findings.chain(undecided).collect();
    if said.is_empty() { "nothing found".to_owned() } else { said }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cases::named;

    fn said(rule: &str, file: &str, line: usize) -> Value {
        json!({"findings": [
            {"rank": 2, "rule": "other", "culprit": null},
            {"rank": 1, "rule": rule, "culprit": {"function": "f", "file": file, "line": line}},
        ]})
    }

    fn guilty_line() -> usize {
        line_in(&marker::sources(named("backoff"))[0])
    }

    fn line_in(source: &Path) -> usize {
        let source = std::fs::read_to_string(source).expect("a source");
        *marker::guilty(&source)[0].start()
    }

    #[test]
    fn the_first_finding_is_held_against_the_marked_function() {
        let case = named("backoff");
        let of = |rule, file, line| of_broken(case, &said(rule, file, line));
        let line = guilty_line();
        assert_eq!(of("poll-blocked", "programs/src/backoff.rs", line), Broken::Right);
        assert_eq!(of("long-poll-cpu", "programs/src/backoff.rs", line), Broken::WrongMechanism);
        assert_eq!(of("poll-blocked", "programs/src/backoff.rs", 1), Broken::WrongPlace);
        assert_eq!(of("poll-blocked", "tokio/src/backoff.rs.rs", line), Broken::WrongPlace);
        assert_eq!(of("never-answered", "programs/src/http.rs", line), Broken::Wrong);
    }

    #[test]
    fn a_function_of_the_library_is_guilty_of_its_own_program_alone() {
        let harbor = named("harbor");
        let line = line_in(&marker::sources(harbor)[1]);
        let said = said("rare-stall", "workbench/tests/blame/depotkit/src/edition.rs", line);
        assert_eq!(of_broken(harbor, &said), Broken::Right);
        assert_eq!(of_broken(named("gazette"), &said), Broken::WrongPlace);
    }

    #[test]
    fn a_program_in_go_is_held_against_its_own_source() {
        let case = named("meadow-sheet");
        let line = line_in(&marker::sources(case)[0]);
        let of = |file| of_broken(case, &said("repeated-work", file, line));
        assert_eq!(of("/somewhere/go_strangers/meadow_sheet.go"), Broken::Right);
        assert_eq!(of("/somewhere/strings/meadow_sheet.go"), Broken::WrongPlace);
    }

    #[test]
    fn nothing_and_cannot_tell_are_two_answers() {
        let case = named("backoff");
        assert_eq!(of_broken(case, &json!({"findings": []})), Broken::Nothing);
        let undecided = json!({"findings": [], "undecided": [{"rules": ["poll-blocked", "throttled"]}]});
        assert_eq!(of_broken(case, &undecided), Broken::CannotTell);
    }

    #[test]
    fn blame_of_a_healthy_twin_counts_by_whether_it_is_the_twins() {
        let case = named("backoff");
        assert!(of_healthy(case, &json!({"findings": []})).is_right());
        let other = of_healthy(case, &json!({"findings": [{"rule": "rare-stall"}]}));
        assert!(other.is_right());
        assert_eq!(other.to_string(), "blamed otherwise: rare-stall");
        assert!(!of_healthy(case, &said("poll-blocked", "x", 1)).is_right());
    }
}
