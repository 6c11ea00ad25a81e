//! Every endpoint through a real connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard};

use super::*;

/// Requests of tests, one after the other where they profile: the profiler is one for the whole process.
static PROFILES: Mutex<()> = Mutex::new(());

fn profiles() -> MutexGuard<'static, ()> {
    PROFILES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Fixture {
    server: Server,
    runtime: tokio::runtime::Runtime,
}

fn fixture() -> Fixture {
    let runtime =
        crate::runtime::build(&crate::runtime::Settings { worker_threads: Some(2), ..Default::default() }).unwrap();
    let server = Endpoints::new().runtime(runtime.handle().clone()).port(0).start().unwrap();
    Fixture { server, runtime }
}

/// As [`fixture`], tasks recorded.
#[cfg(tokio_unstable)]
fn recorded() -> Fixture {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let (runtime, server) = Endpoints::new().port(0).start_with(builder.worker_threads(2).enable_all()).unwrap();
    Fixture { server, runtime }
}

struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Fixture {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).unwrap()
    }

    fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        answer(stream)
    }

    fn get(&self, target: &str) -> Answer {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }
}

impl Fixture {
    /// A running profile of so many seconds, and the refusal of another meanwhile.
    fn two_profiles(&self, seconds: u64) -> (TcpStream, Answer) {
        loop {
            let mut first = self.connect();
            write!(first, "GET /debug/pprof/profile?seconds={seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let second = self.get("/debug/pprof/profile?seconds=1");
            // Where the second request came first, the first is the one that was refused.
            if second.status == 500 {
                return (first, second);
            }
        }
    }
}

fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let headers = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, headers, body: bytes.split_off(end + 4) }
}

#[test]
fn the_index_links_what_is_served_and_says_what_is_not() {
    let fixture = fixture();
    let index = fixture.get("/debug/pprof/");
    assert_eq!((index.status, index.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let page = index.text();
    let targets: Vec<&str> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(targets.len() > 10, "{page}");
    for target in targets.iter().filter(|target| !target.contains("profile?")) {
        let linked = fixture.get(target);
        let row = page.lines().find(|line| line.contains(target)).unwrap();
        assert_eq!(linked.status, if row.contains("not available") { 404 } else { 200 }, "{target}");
        let length = linked.header("Content-Length").unwrap().parse();
        assert_eq!(Ok(linked.body.len()), length, "{target}");
    }
    assert!(page.contains("<td>0</td><td><a href=\"/debug/pprof/goroutine\">"), "no task is alive: {page}");
}

#[cfg(tokio_unstable)]
#[test]
fn goroutines_are_tasks_by_spawn_site() {
    let fixture = recorded();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let wait = |_| {
        let gate = std::sync::Arc::clone(&gate);
        fixture.runtime.spawn(async move { gate.acquire().await.map(drop) })
    };
    let site = format!("{}:{}:", file!(), line!() - 2);
    let mut tasks: Vec<_> = (0..7).map(wait).collect();

    let answer = fixture.get("/debug/pprof/goroutine");
    assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("application/octet-stream")));
    let profile = flamegraphs::read::pprof(&answer.body).unwrap();
    let types: Vec<_> = profile.sample_types().iter().map(|one| (one.kind.as_str(), one.unit.as_str())).collect();
    assert_eq!(types, [("goroutine", "count")]);
    assert_eq!(profile.samples().len(), 1, "one site");
    let sample = &profile.samples()[0];
    assert_eq!(sample.values, [7]);
    assert!(sample.label("site").unwrap().starts_with(&site), "{sample:?}");

    let list = fixture.get("/debug/pprof/goroutine?debug=1");
    assert_eq!(list.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert!(
        list.text().starts_with("goroutine profile: total 7\n7 @ 0x1\n#\t0x1\ttask spawned at "),
        "{}",
        list.text()
    );
    let full = fixture.get("/debug/pprof/goroutine?debug=2");
    assert!(full.text().contains("\n7 tasks [") && full.text().contains(&format!("\n\t{site}")), "{}", full.text());
    for odd in ["debug=3", "debug=1&seconds=1", "seconds=0"] {
        assert_eq!(fixture.get(&format!("/debug/pprof/goroutine?{odd}")).status, 400, "{odd}");
    }

    // More of them come while a difference is taken.
    let mut asking = fixture.connect();
    write!(asking, "GET /debug/pprof/goroutine?seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let difference = std::thread::spawn(move || self::answer(asking));
    while !difference.is_finished() {
        tasks.push(wait(0));
        // Some hundreds, not millions.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let profile = flamegraphs::read::pprof(&difference.join().unwrap().body).unwrap();
    assert_eq!(profile.samples().len(), 1);
    // Those that came before it began, and after it ended, are not in it.
    assert!((1..=tasks.len() as i64 - 7).contains(&profile.samples()[0].values[0]));
    assert_eq!(profile.meta.duration_nanos, 1_000_000_000);

    let page = fixture.get("/debug/pprof/");
    assert!(page.text().contains(&format!("<td>{}</td><td><a href=\"/debug/pprof/goroutine?debug=1\">", tasks.len())));
}

#[cfg(all(tokio_unstable, target_pointer_width = "64"))]
#[test]
fn waits_for_a_worker_are_a_histogram_under_the_name_of_go() {
    let fixture = recorded();
    for _ in 0..20 {
        fixture.runtime.block_on(fixture.runtime.spawn(tokio::task::yield_now())).unwrap();
    }
    // Workers hand their counts in when they park.
    loop {
        let document: serde_json::Value = serde_json::from_slice(&fixture.get("/debug/metrics.json").body).unwrap();
        let metrics = document["metrics"].as_array().unwrap();
        let latencies = metrics.iter().find(|metric| metric["go"] == "/sched/latencies:seconds").unwrap();
        let (counts, buckets) = (&latencies["value"]["counts"], latencies["value"]["buckets"].as_array().unwrap());
        let counts: Vec<u64> = counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        assert_eq!(buckets.len(), counts.len() + 1);
        assert_eq!((buckets[0].as_f64(), buckets[counts.len()].is_null()), (Some(0.0), true));
        assert!(buckets[..counts.len()].is_sorted_by(|a, b| a.as_f64() < b.as_f64()), "{buckets:?}");
        if counts.iter().sum::<u64>() == 40 {
            break;
        }
        std::thread::yield_now();
    }
    let metrics = fixture.get("/metrics");
    let families = exposition(metrics.text());
    let latencies = families.iter().find(|family| family.name == "workbench_tokio_schedule_latency_seconds");
    assert_eq!(latencies.map(|family| family.value), Some(40.0));
}

#[test]
fn what_has_no_counterpart_says_why_and_what_is_nearest() {
    let fixture = fixture();
    for name in [
        "goroutine?debug=0",
        "goroutine?debug=2",
        "heap",
        "allocs?seconds=1",
        "mutex",
        "block",
        "threadcreate",
        "trace?seconds=1",
    ] {
        let absent = fixture.get(&format!("/debug/pprof/{name}"));
        assert_eq!((absent.status, absent.header("X-Go-Pprof")), (404, Some("1")), "{name}");
        assert!(absent.text().contains("is not available: ") && absent.text().contains("Nearest: "), "{name}");
    }
    assert_eq!(fixture.get("/debug/pprof/nonsense").status, 404);
    assert_eq!(fixture.get("/favicon.ico").status, 404);
}

#[test]
fn small_endpoints_answer_as_those_of_go() {
    let fixture = fixture();
    let cmdline = fixture.get("/debug/pprof/cmdline");
    let arguments: Vec<&str> = cmdline.text().split('\0').collect();
    assert_eq!(arguments, std::env::args().collect::<Vec<_>>());
    assert_eq!(fixture.get("/debug/pprof/symbol").text(), "num_symbols: 1\n");
}

#[test]
fn only_get_and_head_are_answered_and_head_has_no_body() {
    let fixture = fixture();
    for target in ["/debug/pprof/", "/debug/metrics.json", "/debug/pprof/heap", "/debug/pprof/profile"] {
        let head = fixture.send(&format!("HEAD {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!((head.status, head.body.len()), (if target.ends_with("heap") { 404 } else { 200 }, 0), "{target}");
    }
    let post = fixture.send("POST /debug/pprof/heap HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n0x123");
    assert_eq!((post.status, post.header("Allow")), (405, Some("GET, HEAD")));
}

#[test]
fn addresses_are_looked_up_in_the_query_and_in_a_body_that_comes_in_parts() {
    let fixture = fixture();
    let address = format!("{:#x}", answer as *const () as usize);
    let line = |text: &str| text.lines().nth(1).map(str::to_owned);
    let found = line(fixture.get(&format!("/debug/pprof/symbol?{address}")).text()).unwrap();
    assert!(found.starts_with(&address) && found.ends_with("answer"), "{found}");

    let body = format!("0x1+{address}");
    let mut stream = fixture.connect();
    write!(stream, "POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len())
        .unwrap();
    for byte in body.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(line(answer(stream).text()), Some(found));

    let huge = "POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n";
    assert_eq!(fixture.send(huge).status, 400);
}

#[test]
fn foreign_hosts_are_refused() {
    let fixture = fixture();
    let port = fixture.server.address().port();
    for (host, status) in [(format!("127.0.0.1:{port}"), 200), ("[::1]".into(), 200), ("rebound.example".into(), 403)] {
        let answer = fixture.send(&format!("GET /debug/pprof/cmdline HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, status, "{host}");
    }
    assert_eq!(fixture.send("GET /debug/pprof/cmdline HTTP/1.1\r\n\r\n").status, 400);
}

#[test]
fn nonsense_and_oversized_requests_are_refused_with_an_answer() {
    let fixture = fixture();
    assert_eq!(fixture.send("\x16\x03\x01 hello\r\n\r\n").status, 400);
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(4 * MOST_REQUEST_BYTES));
    assert_eq!(fixture.send(&large).status, 431);
    assert_eq!(fixture.send(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(MOST_REQUEST_BYTES))).status, 431);
}

#[test]
fn a_client_that_dawdles_is_told_so_and_one_that_leaves_is_forgotten() {
    let fixture = fixture();
    let mut slow = fixture.connect();
    slow.write_all(b"GET /debug/pprof/ HTTP/1.1\r\nHost:").unwrap();
    let left = fixture.connect();
    left.shutdown(Shutdown::Both).unwrap();
    assert_eq!(answer(slow).status, 408);
    assert_eq!(fixture.get("/debug/pprof/cmdline").status, 200);
}

#[test]
fn beyond_its_places_the_server_says_so_and_recovers() {
    let fixture = fixture();
    let silent: Vec<TcpStream> = (0..MOST_CONNECTIONS).map(|_| fixture.connect()).collect();
    for _ in 0..40 {
        let refused = fixture.get("/debug/pprof/cmdline");
        assert_eq!(refused.status, 503);
        assert!(refused.text().contains("try again"));
    }
    drop(silent);
    // A place is given back a moment after its client has left.
    while fixture.get("/debug/pprof/cmdline").status == 503 {
        std::thread::yield_now();
    }
}

/// Burns CPU until dropped.
struct Burning(Option<(std::sync::mpsc::Sender<()>, std::thread::JoinHandle<u64>)>);

impl Burning {
    fn begin() -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let burn = std::thread::Builder::new().name("burning".into()).spawn(move || {
            let mut sum = 0_u64;
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                sum = (0..10_000).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n)));
            }
            sum
        });
        Self(Some((stop, burn.unwrap())))
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

#[test]
fn a_profile_is_gzipped_whole_and_one_at_a_time() {
    let _one = profiles();
    let fixture = fixture();
    let burning = Burning::begin();
    let (first, second) = fixture.two_profiles(2);
    assert_eq!((second.status, second.header("X-Go-Pprof")), (500, Some("1")));
    assert!(second.text().starts_with("Could not enable CPU profiling: "), "{}", second.text());
    let first = answer(first);
    drop(burning);
    assert_eq!((first.status, first.header("Content-Type")), (200, Some("application/octet-stream")));
    assert_eq!(first.header("Content-Disposition"), Some("attachment; filename=\"profile\""));
    assert_eq!(first.body[..2], [0x1f, 0x8b]);
    let profile = flamegraphs::read::pprof(&first.body).unwrap();
    assert_eq!(profile.meta.drop_frames, flamegraphs::names::DROP_FRAMES);
    assert!(profile.samples().iter().any(|sample| sample.label("thread") == Some("burning")));
    assert!(profile.meta.comments.iter().any(|comment| comment.starts_with("sampler: sampler at 999 Hz")));
    let executable = &profile.mappings()[0];
    assert!(executable.file.contains("probe-"), "{executable:?}");
    let mapped = |location: &flamegraphs::profile::Location| location.address != 0 && location.mapping.is_some();
    assert!(profile.locations().iter().any(mapped));
    assert!(profile.locations().iter().flat_map(|location| &location.lines).any(|line| line.line > 0));
}

#[test]
fn bad_lengths_are_refused_before_a_profile_begins() {
    let fixture = fixture();
    for odd in ["0", "-1", "601", "x", "1.5", ""] {
        let refused = fixture.get(&format!("/debug/pprof/profile?seconds={odd}"));
        assert_eq!(refused.status, 400, "{odd}");
        assert!(refused.text().contains("from 1 to 600"), "{odd}");
    }
}

#[test]
fn the_rate_is_asked_for_and_odd_ones_are_refused() {
    let _one = profiles();
    let fixture = fixture();
    for odd in ["0", "-1", "10001", "x", ""] {
        let refused = fixture.get(&format!("/debug/pprof/profile?seconds=1&hz={odd}"));
        assert_eq!(refused.status, 400, "{odd}");
        assert!(refused.text().contains("from 1 to 10000"), "{odd}");
    }
    let burning = Burning::begin();
    let asked = fixture.get("/debug/pprof/profile?seconds=1&hz=499");
    drop(burning);
    assert_eq!(asked.status, 200, "{}", asked.text());
    let profile = flamegraphs::read::pprof(&asked.body).unwrap();
    assert_eq!(profile.meta.period, 1_000_000_000 / 499);
    assert!(profile.meta.comments.iter().any(|comment| comment.starts_with("sampler: sampler at 499 Hz")));
}

#[test]
fn a_client_that_hangs_up_ends_its_profile() {
    let _one = profiles();
    let fixture = fixture();
    let (impatient, _) = fixture.two_profiles(600);
    drop(impatient);
    while fixture.get("/debug/pprof/profile?seconds=1").status != 200 {
        std::thread::yield_now();
    }
}

#[test]
fn ending_the_server_frees_its_address_even_while_clients_wait() {
    let fixture = fixture();
    let address = fixture.server.address();
    let waiting = fixture.connect();
    drop(fixture);
    drop(waiting);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn a_taken_address_is_named() {
    let fixture = fixture();
    let error = Endpoints::new().exposed_to_others_at(fixture.server.address()).start().unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", fixture.server.address())), "{error}");
}

#[test]
fn metrics_for_programs_have_names_units_values_and_reasons() {
    let fixture = fixture();
    let json = fixture.get("/debug/metrics.json");
    assert_eq!((json.status, json.header("Content-Type")), (200, Some("application/json")));
    let document: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    let metrics = document["metrics"].as_array().unwrap();
    let of = |go: &str| metrics.iter().find(|metric| metric["go"] == go).unwrap_or_else(|| panic!("{go}"));
    assert_eq!(of("/sched/gomaxprocs:threads")["value"], 2);
    assert_eq!(of("/sched/goroutines:goroutines")["value"], 0);
    for metric in metrics {
        assert_eq!(metric["value"] == "n/a", metric.get("reason").is_some(), "{metric}");
        assert!(metric["name"].is_string() || metric["go"].is_string(), "{metric}");
    }
    assert_eq!(of("/gc/heap/goal:bytes")["value"], "n/a");
    // This test program has no selectable allocator.
    assert!(of("/gc/heap/live:bytes")["reason"].as_str().unwrap().contains("Selectable"));
}

#[test]
fn the_exposition_is_strictly_valid() {
    let fixture = fixture();
    let metrics = fixture.get("/metrics");
    assert_eq!(
        (metrics.status, metrics.header("Content-Type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let families = exposition(metrics.text());
    assert_eq!(families.iter().find(|f| f.name == "workbench_tokio_workers").map(|f| f.value), Some(2.0));
    assert!(families.len() > 10);
}

struct Family<'a> {
    name: &'a str,
    value: f64,
}

/// Families of exactly HELP, TYPE and one value each, a histogram's being its count, and nothing else.
fn exposition(text: &str) -> Vec<Family<'_>> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut lines = text.lines().peekable();
    let mut families: Vec<Family<'_>> = Vec::new();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect("HELP");
        assert!(!help.is_empty() && !help.replace("\\\\", "").replace("\\n", "").contains('\\'), "{help}");
        let first = name.chars().next().expect("a name");
        assert!(first.is_ascii_alphabetic() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).expect("TYPE of the same family");
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let number = |line: &str, start: &str| -> f64 {
            let value =
                line.strip_prefix(start).and_then(|rest| rest.strip_prefix(' ')).expect("a value of the family");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{name} {value}");
            value
        };
        let value = if kind == "histogram" {
            let (mut end, mut count) = (0.0, 0.0);
            while let Some(bucket) = lines.next_if(|line| line.starts_with(&format!("{name}_bucket{{le=\""))) {
                let (le, up_to) = bucket.rsplit_once("\"} ").unwrap();
                let le: f64 = le.rsplit_once('"').unwrap().1.parse().unwrap();
                let up_to: f64 = up_to.parse().unwrap();
                assert!(le > end && up_to >= count, "{bucket}");
                (end, count) = (le, up_to);
            }
            assert_eq!(end, f64::INFINITY, "{name}");
            number(lines.next().unwrap(), &format!("{name}_sum"));
            assert_eq!(number(lines.next().unwrap(), &format!("{name}_count")), count);
            count
        } else {
            number(lines.next().unwrap(), name)
        };
        assert!(families.iter().all(|family| family.name != name), "one family a name");
        families.push(Family { name, value });
    }
    families
}
