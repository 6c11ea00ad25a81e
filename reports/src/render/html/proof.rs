//! Where on the page a finding is proved: the article of its own variant, or the section that holds all of them. A link that
//! leads nowhere is worse than none: what is not on the page is not linked.

use std::collections::BTreeSet;

use super::{Report, contents};

/// Everything on the page that a finding may lead to.
pub(super) struct Targets {
    ids: BTreeSet<String>,
    /// Articles of a process that ran already, by kind of profile.
    seen: Vec<(String, String)>,
}

impl Targets {
    /// What the sections of a page hold.
    pub(super) fn of(report: &Report) -> Self {
        let sections = contents(report).into_iter().map(|(id, _)| id.to_owned());
        let articles = [
            ("cpu", keys(&report.evidence.cpu, |one| &one.key)),
            ("breach", keys(&report.breach, |one| &one.key)),
            ("waits", keys(&report.waits, |one| &one.key)),
            ("trace", keys(&report.trace, |one| &one.key)),
            ("tasks", keys(&report.tasks, |one| &one.key)),
            ("stalls", keys(&report.stalls, |one| &one.key)),
        ];
        let each = articles.iter().flat_map(|(name, keys)| keys.iter().map(move |key| format!("{name}-{key}")));
        let ids = sections.chain(each).collect();
        let profiles = report.seen.iter().flat_map(|seen| &seen.profiles);
        let seen = profiles.filter(|one| one.missing.is_empty()).map(|one| (one.kind.clone(), one.anchor.clone()));
        Self { ids, seen: seen.collect() }
    }

    /// Target and its name for evidence of a kind (`proof` of a finding) about the variant with `key`.
    pub(super) fn find(&self, proof: &str, key: &str) -> Option<(String, &'static str)> {
        let (articles, sections): (&[_], &[_]) = match proof {
            "cpu" => (&[("cpu", "flamegraph")], &[("evidence", "CPU")]),
            "wait" => (&[("waits", "threads and where they wait")], &[("waits", "Threads")]),
            "trace" => (&[("trace", "tasks and what they wait for")], &[("trace", "Tasks from outside")]),
            "tasks" => (&[("stalls", "stalls"), ("tasks", "tasks by spawn site")], &[]),
            "breach" => (&[("breach", "heat map, and what ran while it was late")], &[("evidence", "CPU")]),
            "latency" => (&[], &[("percentiles", "latency by percentile"), ("result", "Result")]),
            "levels" => (&[], &[("ladder", "throughput by concurrency"), ("result", "Result")]),
            "binary" => (&[], &[("settings", "Settings"), ("host", "Host")]),
            _ => (&[], &[]),
        };
        let article = articles.iter().map(|(id, name)| (format!("{id}-{key}"), *name));
        let section = sections.iter().map(|(id, name)| ((*id).to_owned(), *name));
        let here = article.chain(section).find(|(id, _)| self.ids.contains(id));
        here.or_else(|| {
            let (_, anchor) = self.seen.iter().find(|(kind, _)| kind == proof)?;
            Some((anchor.clone(), "profile"))
        })
    }
}

fn keys<T>(articles: &[T], key: impl Fn(&T) -> &String) -> Vec<String> {
    articles.iter().map(|one| key(one).clone()).collect()
}
