//! What the summary says of a process that ran already.

use crate::attach::hot::is_plumbing;
use reports::run::reader::LoadedRun;
use reports::run::{Attached, AttachedProfile, Hot, Origin, ProfileSummary};

/// One entry for each profile that was to be had.
pub(super) fn profiles(run: &LoadedRun, origin: &Origin) -> Vec<ProfileSummary> {
    let folder = run.evidence_folder(&origin.program);
    let within = |file: &str| if file.is_empty() { String::new() } else { format!("{folder}/{file}") };
    let profiles = run.attached.iter().flat_map(|seen| &seen.profiles);
    let trace = |profile: &AttachedProfile| {
        let trace = run.traces.get(&origin.program);
        crate::evidence::trace::summary(&folder, &origin.program, trace, profile.missing.clone(), None)
    };
    let mut all: Vec<ProfileSummary> = profiles
        .map(|profile| {
            if profile.kind == "trace" {
                trace(profile)
            } else {
                ProfileSummary {
                    variant: origin.program.clone(),
                    kind: profile.kind.clone(),
                    path: within(&profile.file),
                    svg: profile.pictures.first().map(|picture| within(&picture.file)).unwrap_or_default(),
                    samples: profile.samples,
                    coverage: profile.coverage,
                    source: profile.source.clone(),
                    overhead: None,
                    missing: profile.missing.clone(),
                    peak: None,
                    stalls: None,
                    ..ProfileSummary::default()
                }
            }
        })
        .collect();
    if let Some(sites) = run.tasks.get(&origin.program) {
        let mut tasks = crate::evidence::tasks::summary(&folder, &origin.program, Some(sites), None, None, None);
        tasks.source = "its /debug/pprof/goroutine".to_owned();
        all.push(tasks);
    }
    all
}

/// What stands out, in one sentence.
pub(super) fn verdict(origin: &Origin, seen: Option<&Attached>) -> String {
    let program = format!("`{}`", origin.program);
    let Some(seen) = seen else { return format!("{program}: attaching was broken off before anything was kept.") };
    if seen.is_empty() {
        return format!("{program}: nothing could be had.");
    }
    let hottest = |kind: &str| {
        let profile = seen.profiles.iter().find(|profile| profile.kind == kind && profile.missing.is_none())?;
        hottest(profile)
    };
    let mut parts = Vec::new();
    if let Some(hot) = hottest("cpu") {
        parts.push(format!("{:.0} % of the CPU samples are in {}", 100.0 * hot.share, place(hot)));
    }
    if let Some(hot) = hottest("goroutineleak") {
        let count = hot.value;
        parts.push(format!("{count} goroutines are leaked at {}", place(hot)));
    }
    if let Some(hot) = hottest("mutex") {
        parts.push(format!("{:.0} % of the time waited for locks is due to {}", 100.0 * hot.share, place(hot)));
    }
    if let Some(hot) = hottest("heap") {
        parts.push(format!("{:.0} % of the memory in use is from {}", 100.0 * hot.share, place(hot)));
    }
    if parts.is_empty() {
        let how = if origin.url.is_some() { "asked" } else { "watched" };
        return format!("{program} was {how} for {:.1} s and used almost no CPU.", seen.wall_s);
    }
    format!("{program}: {}.", parts.join("; "))
}

fn hottest(profile: &AttachedProfile) -> Option<&Hot> {
    let picture = profile.pictures.first()?;
    // Of an allocator, a collector or a bare address nothing is to be said in one sentence.
    let tells = |hot: &&Hot| !is_plumbing(&hot.function, &hot.file) && !hot.function.starts_with("0x");
    picture.own.first().or_else(|| picture.hot.first()).filter(tells)
}

/// `main.digest (faulty/main.go:34)`, within code quotes.
fn place(hot: &Hot) -> String {
    match (hot.file.as_str(), hot.line) {
        ("", _) => format!("`{}`", hot.function),
        (file, 0) => format!("`{}` ({})", hot.function, base(file)),
        (file, line) => format!("`{}` ({}:{line})", hot.function, base(file)),
    }
}

/// The last two parts of a path: enough for a sentence.
fn base(file: &str) -> String {
    let parts: Vec<&str> = file.rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use reports::run::Picture;

    use super::*;

    #[test]
    fn the_sentence_names_what_stands_out() {
        let origin = Origin { program: "shop".into(), pid: Some(1), ..Origin::default() };
        let profile = |kind: &str, function: &str, share, value| AttachedProfile {
            kind: kind.into(),
            pictures: vec![Picture {
                hot: vec![Hot {
                    function: function.into(),
                    file: "/src/shop/main.go".into(),
                    line: 7,
                    share,
                    value,
                    ..Hot::default()
                }],
                ..Picture::default()
            }],
            ..AttachedProfile::default()
        };
        let mut seen = Attached {
            wall_s: 2.0,
            profiles: vec![profile("cpu", "main.digest", 0.93, 930), profile("goroutineleak", "main.leak", 1.0, 100)],
            ..Attached::default()
        };
        assert_eq!(
            verdict(&origin, Some(&seen)),
            "`shop`: 93 % of the CPU samples are in `main.digest` (shop/main.go:7); 100 goroutines are leaked at `main.leak` \
             (shop/main.go:7)."
        );
        seen.profiles[0].missing = Some("refused".into());
        seen.profiles.truncate(1);
        assert_eq!(verdict(&origin, Some(&seen)), "`shop`: nothing could be had.");
        seen.threads.push(Default::default());
        assert_eq!(verdict(&origin, Some(&seen)), "`shop` was watched for 2.0 s and used almost no CPU.");
        assert!(verdict(&origin, None).contains("broken off"));
    }
}
