//! The page at `/debug/pprof/`.

use std::fmt::Write as _;

use super::response::Response;
use super::routes::ABSENT;

/// Rows of Go's page in its order, what is not served named as such.
pub(super) fn page(alive_tasks: Option<u64>, recorded: bool, sampled: bool) -> Response {
    let mut rows = String::new();
    let mut row = |count: &str, link: &str, text: &str| {
        let _ = writeln!(rows, "<tr><td>{count}</td><td><a href=\"{link}\">{text}</a></td></tr>");
    };
    row("", "/debug/pprof/profile?seconds=30", "profile");
    let alive = alive_tasks.map(|count| count.to_string()).unwrap_or_default();
    if recorded {
        row(&alive, "/debug/pprof/goroutine?debug=1", "goroutine");
        row("", "/debug/pprof/goroutine?debug=2", "full goroutine dump: tasks by spawn site");
    } else {
        row(&alive, "/debug/pprof/goroutine", "goroutine (not available: why)");
    }
    if sampled {
        row("", "/debug/pprof/heap?debug=1", "heap");
        row("", "/debug/pprof/allocs?debug=1", "allocs");
    } else if crate::allocator::is_installed() {
        row("", "/debug/pprof/heap?seconds=30", "heap");
        row("", "/debug/pprof/allocs?seconds=30", "allocs");
    } else {
        row("", "/debug/pprof/heap", "heap (not available: why)");
        row("", "/debug/pprof/allocs", "allocs (not available: why)");
    }
    row("", "/debug/pprof/cmdline", "cmdline");
    row("", "/debug/pprof/symbol", "symbol");
    row("", "/debug/metrics.json", "metrics.json (Go's runtime/metrics, by our names)");
    row("", "/metrics", "metrics (Prometheus)");
    for absent in ABSENT {
        let name = absent.name;
        row("", &format!("/debug/pprof/{name}"), &format!("{name} (not available: why)"));
    }
    let page = format!(
        "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>/debug/pprof/</title>
<style>td:first-child {{ text-align: right; min-width: 4em; padding-right: 1em }}</style></head>
<body><h1>/debug/pprof/</h1>
<p>The count of goroutines is that of live tasks.</p>
<table><thead><tr><td>Count</td><td>Profile</td></tr></thead>
{rows}</table>
<p>profile: CPU, for the duration in the GET parameter <code>seconds</code> (default 30), at <code>hz</code> samples a
second of CPU (default 999).
<code>go tool pprof http://HOST/debug/pprof/profile</code> opens it.
heap and allocs: what is in use and what was allocated since the endpoints began; with <code>seconds</code> what was
added meanwhile, with <code>debug=1</code> as text.
goroutine: tasks alive by the place that spawned them; with <code>seconds</code> how many more they became.</p>
</body></html>
"
    );
    Response::ok("text/html; charset=utf-8", page)
}
