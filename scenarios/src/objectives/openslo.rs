//! OpenSLO's files (<https://github.com/OpenSLO/OpenSLO>, version 1).

use std::time::Duration;

use super::node::Node;
use super::{WrittenObjective, part, percent};

/// Version of its objects.
pub(super) const VERSION: &str = "openslo/v1";

/// An object; others than `SLO` may stand beside it in a file.
pub(super) fn read(document: &Node<'_>) -> Vec<WrittenObjective> {
    if document.required("kind").and_then(|kind| kind.text()) != Some("SLO") {
        return Vec::new();
    }
    let name = document.required("metadata").and_then(|metadata| metadata.required("name")?.name());
    let Some(spec) = document.required("spec") else { return Vec::new() };
    let window = spec.required("timeWindow").and_then(|windows| window(&windows));
    let [bad, total] = queries(&spec);
    let objectives = spec.required("objectives").map(|objectives| objectives.items()).unwrap_or_default();
    let several = objectives.len() > 1;
    let one = |(index, node): (usize, &Node<'_>)| {
        let objective = match node.get("targetPercent") {
            Some(target) => percent(&target),
            None => node.required("target").and_then(|target| part(&target)),
        };
        let own = node.get("displayName").and_then(|name| name.name()).unwrap_or_else(|| (index + 1).to_string());
        Some(WrittenObjective {
            name: if several { format!("{}-{own}", name.as_deref()?) } else { name.clone()? },
            objective: objective?,
            window: window?,
            bad: bad.clone(),
            total: total.clone(),
        })
    };
    objectives.iter().enumerate().filter_map(one).collect()
}

/// Queries for bad and for all operations of a ratio; what is not bad is good.
fn queries(spec: &Node<'_>) -> [Option<String>; 2] {
    let query = |side| {
        let path = ["indicator", "spec", "ratioMetric", side, "metricSource", "spec", "query"];
        Some(spec.at(&path)?.text()?.to_owned())
    };
    let total = query("total");
    let bad = query("bad").or_else(|| Some(format!("({}) - ({})", total.as_ref()?, query("good")?)));
    [bad, total]
}

/// The only window of the list, in weeks, days, hours or minutes.
fn window(windows: &Node<'_>) -> Option<Duration> {
    let items = windows.items();
    let [one] = &items[..] else {
        windows.problem_at(None, "`timeWindow` must have one window".to_owned(), None);
        return None;
    };
    let node = one.required("duration")?;
    let text = node.text().unwrap_or_default();
    let split = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "w" => Some(7 * 86_400),
        "d" => Some(86_400),
        "h" => Some(3_600),
        "m" => Some(60),
        _ => None,
    };
    let window = number.parse::<u64>().ok().zip(seconds).and_then(|(number, seconds)| number.checked_mul(seconds));
    let window = window.filter(|window| *window > 0).map(Duration::from_secs);
    if window.is_none() {
        let help = "months, quarters and years differ in length: write their days, such as `30d`".to_owned();
        node.problem_at(None, "`duration` must be a number of `w`, `d`, `h` or `m`".to_owned(), Some(help));
    }
    window
}
