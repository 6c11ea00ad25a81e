//! sloth's files (<https://sloth.dev/specs/default/>).

use std::time::Duration;

use super::node::Node;
use super::{WrittenObjective, percent};

/// Version of its plain files.
pub(super) const VERSION: &str = "prometheus/v1";
/// Version of its Kubernetes objects.
pub(super) const KUBERNETES: &str = "sloth.slok.dev/v1";

/// The files have no window; this is sloth's unless told otherwise (`--default-slo-period`).
const WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// A plain file.
pub(super) fn plain(document: &Node<'_>) -> Vec<WrittenObjective> {
    objectives(document, ["error_query", "total_query"])
}

/// A Kubernetes object.
pub(super) fn kubernetes(document: &Node<'_>) -> Vec<WrittenObjective> {
    document.required("spec").map(|spec| objectives(&spec, ["errorQuery", "totalQuery"])).unwrap_or_default()
}

fn objectives<'a>(spec: &Node<'a>, queries: [&'a str; 2]) -> Vec<WrittenObjective> {
    let service = spec.required("service").and_then(|service| service.name());
    let slos = spec.required("slos").map(|slos| slos.items()).unwrap_or_default();
    let one = |slo: &Node<'a>| {
        let name = slo.required("name").and_then(|name| name.name());
        let objective = slo.required("objective").and_then(|objective| percent(&objective));
        let query = |key| Some(slo.at(&["sli", "events", key])?.text()?.to_owned());
        let [bad, total] = queries.map(query);
        Some(WrittenObjective {
            name: format!("{}-{}", service.as_deref()?, name?),
            objective: objective?,
            window: WINDOW,
            bad,
            total,
        })
    };
    slos.iter().filter_map(one).collect()
}
