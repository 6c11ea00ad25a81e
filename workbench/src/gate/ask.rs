//! The limits of a gate: those of the scenario file, then those of the command line.

use reports::limits::{Bound, Limit, LimitSource, Source, parse};
use reports::run::EvidenceKind;
use scenarios::catalog::Catalog;

use crate::exit::Refusal;

const NONE: &str = "nothing to gate: say what is allowed, as in `--limit 'cpu_per_op<+3%'`, or under `[limits]` in the \
                    scenario file";

/// Reads all limits. A limit of the command line takes the place of those of the file that bound the same metric in the
/// same way.
pub(super) fn limits(flags: &[String], scenario: &str, catalog: &Catalog) -> anyhow::Result<Vec<Limit>> {
    let mut given = Vec::new();
    for text in flags {
        given.push(parse(text).map_err(|error| Refusal::usage(format!("`--limit`: {}", shown(text, &error))))?);
    }
    let mut limits = if scenario.is_empty() { Vec::new() } else { written(scenario, catalog)? };
    let alike = |a: &Limit, b: &Limit| {
        let relative = |limit: &Limit| matches!(limit.bound, Bound::Change(_));
        (&a.metric, a.side, relative(a)) == (&b.metric, b.side, relative(b))
    };
    limits.retain(|limit| !given.iter().any(|one| alike(one, limit)));
    limits.extend(given);
    if limits.is_empty() {
        return Err(Refusal::usage(NONE));
    }
    Ok(limits)
}

/// Evidence that limits stand on, of a workload of ours or of a program that is not.
pub(super) fn evidence(limits: &[Limit], own: bool) -> anyhow::Result<Vec<EvidenceKind>> {
    let mut kinds = Vec::new();
    for limit in limits {
        match limit.source(own) {
            Source::Measured => {}
            Source::Counted(kind) => kinds.push(kind),
            Source::Nothing(why) => {
                return Err(Refusal::usage(format!(
                    "{}`{}`: no verdict can rest on {}: {why}",
                    place(limit),
                    limit.text,
                    limit.metric
                )));
            }
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// The limits of the scenario file.
fn written(scenario: &str, catalog: &Catalog) -> anyhow::Result<Vec<Limit>> {
    let written = catalog.limits(scenario).map_err(Refusal::usage)?;
    let each = written.limits.iter().map(|one| match parse(&one.text) {
        Ok(limit) => Ok(limit.at(LimitSource { file: written.file.clone(), line: one.line, column: one.column })),
        Err(error) => Err(Refusal::usage(written.problem(one, error.span.clone(), &error.message, error.help))),
    });
    each.collect()
}

/// The text with what is wrong underlined.
fn shown(text: &str, error: &reports::limits::LimitError) -> String {
    let text = reports::render::printable(text);
    let before = error.span.start.min(text.len());
    let width = error.span.len().clamp(1, 200);
    format!("{error}\n  {text}\n  {}{}", " ".repeat(before), "^".repeat(width))
}

/// `shop.toml:4: `, where a limit is written in a file.
fn place(limit: &Limit) -> String {
    limit.source.as_ref().map(|source| format!("{}:{}: ", source.file, source.line)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[&str], scenario: &str) -> Result<Vec<String>, String> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let catalog = Catalog::builtin();
        let limits = limits(&flags, scenario, &catalog).map_err(|error| error.to_string())?;
        evidence(&limits, true).map_err(|error| error.to_string())?;
        Ok(limits.iter().map(|limit| format!("{}{}", place(limit), limit.text)).collect())
    }

    #[test]
    fn flags_take_the_place_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "[limits]\ncpu_per_op = \"<+3%\"\nlatency.p99 = [\"<+10%\", \"<1s\"]\n").unwrap();
        let path = file.to_string_lossy().into_owned();
        let told = read(&["latency.p99<+20%"], &path).unwrap();
        let told: Vec<_> = told.iter().map(|text| text.replace(&path, "FILE")).collect();
        assert_eq!(told, ["FILE:2: cpu_per_op<+3%", "FILE:3: latency.p99<1s", "latency.p99<+20%"]);
        std::fs::write(&file, "name = \"a\"\n\n[limits]\ncpu_per_opp = \"<+3%\"\n").unwrap();
        insta::assert_snapshot!(read(&[], &path).unwrap_err().replace(&path, "FILE"), @r#"
        error: unknown metric `cpu_per_opp`
         --> FILE:4:1
          |
        4 | cpu_per_opp = "<+3%"
          | ^^^^^^^^^^^
          |
          = help: did you mean `cpu_per_op`?
        "#);
    }

    #[test]
    fn what_cannot_be_gated_is_refused() {
        let told: Vec<String> = [&["cpu_per_op<+3ms"][..], &["polls.blocked_per_kop<1"], &[]]
            .iter()
            .map(|flags| read(flags, "").unwrap_err())
            .collect();
        insta::assert_snapshot!(told.join("\n\n"), @r"
        `--limit`: `+3ms` has a sign, and only a change in percent has one: write `+3%` for a change against the base, or a value such as `5ms`
          cpu_per_op<+3ms
                     ^^^^

        `polls.blocked_per_kop<1`: no verdict can rest on polls.blocked_per_kop: stalls are caught by looks from beside, so that how many are seen depends on how busy the machine is; `polls.long_per_kop` counts every poll over 1 ms

        nothing to gate: say what is allowed, as in `--limit 'cpu_per_op<+3%'`, or under `[limits]` in the scenario file
        ");
    }
}
