//! The example as a user runs it: its own process, its endpoints fetched over TCP, and by Go's tool where there is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

struct Service {
    child: Child,
    service: String,
    debug: String,
}

impl Service {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_debug-endpoints"))
            .args(["0", "0"])
            .env_remove("WORKBENCH_TRACE")
            .env_remove("WORKBENCH_ALLOCATOR")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (service, debug) = line.trim_end().split_once(", debug endpoints on http://").expect(&line);
        Self {
            service: service.strip_prefix("service on ").unwrap().to_owned(),
            debug: debug.strip_suffix("/debug/pprof/").unwrap().to_owned(),
            child,
        }
    }

    /// Head and body of an answer.
    fn get(&self, target: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.debug).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.debug).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let body = bytes.split_off(end + 4);
        (String::from_utf8(bytes).unwrap(), body)
    }

    /// Value of the metric that stands for Go's `go`.
    fn metric(&self, go: &str) -> serde_json::Value {
        let (_, body) = self.get("/debug/metrics.json");
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let metrics = document["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["go"] == go).unwrap_or_else(|| panic!("{go}"))["value"].clone()
    }

    /// Keeps the service busy until the end of `during`.
    fn busy<T>(&self, during: impl FnOnce() -> T) -> T {
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(&self.service).unwrap();
                let mut answers = BufReader::new(stream.try_clone().unwrap());
                let mut answer = String::new();
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    stream.write_all(b"a line to check\n").unwrap();
                    answers.read_line(&mut answer).unwrap();
                    answer.clear();
                }
            });
            // Also where `during` panics, or the scope would wait for ever.
            struct Done<'a>(&'a std::sync::atomic::AtomicBool);
            impl Drop for Done<'_> {
                fn drop(&mut self) {
                    self.0.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
            let _done = Done(&done);
            during()
        })
    }

    fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_profile_of_the_busy_service_names_its_function() {
    let service = Service::start(&[]);
    let (head, body) = service.busy(|| service.get("/debug/pprof/profile?seconds=1"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let profile = flamegraphs::read::pprof(&body).unwrap();
    let names: Vec<&str> = profile.functions().iter().map(|function| function.name.as_str()).collect();
    assert!(names.contains(&"debug_endpoints::checksum"), "{names:?}");
    let coverage = profile.coverage().unwrap();
    assert!(coverage.samples > 0 && coverage.kernel_cpu_s > 0.0, "{coverage:?}");
}

/// Where the service spawns a task for each client.
fn spawn_site() -> String {
    let source = include_str!("../src/main.rs");
    let line = 1 + source.lines().position(|line| line.contains("tokio::spawn(")).unwrap();
    format!("workbench/examples/debug-endpoints/src/main.rs:{line}:9")
}

#[test]
fn goroutines_are_the_clients_of_the_service_by_where_they_are_spawned() {
    let service = Service::start(&[]);
    let clients: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(&service.service).unwrap()).collect();
    let text = |target: &str| String::from_utf8(service.get(target).1).unwrap();
    let expected = format!("goroutine profile: total 4\n4 @ 0x1\n#\t0x1\ttask spawned at {}\t", spawn_site());
    while !text("/debug/pprof/goroutine?debug=1").starts_with(&expected) {
        std::thread::yield_now();
    }
    assert!(text("/debug/pprof/goroutine?debug=2").ends_with(&format!("created by tokio spawn\n\t{}\n", spawn_site())));
    let (head, body) = service.get("/debug/pprof/goroutine");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("filename=\"goroutine\""), "{head}");
    let profile = flamegraphs::read::pprof(&body).unwrap();
    assert_eq!(profile.samples().iter().map(|sample| sample.values[0]).collect::<Vec<_>>(), [4]);
    // What was there before is no difference.
    let (_, body) = service.get("/debug/pprof/goroutine?seconds=1");
    assert!(flamegraphs::read::pprof(&body).unwrap().samples().is_empty());
    assert!(text("/debug/pprof/").contains("<td>4</td><td><a href=\"/debug/pprof/goroutine?debug=1\">"));
    drop(clients);
    while text("/debug/pprof/goroutine?debug=1") != "goroutine profile: total 0\n" {
        std::thread::yield_now();
    }
}

#[test]
fn every_wait_for_a_worker_is_in_the_histogram() {
    let service = Service::start(&[]);
    let client = TcpStream::connect(&service.service).unwrap();
    let count = || {
        let counts = service.metric("/sched/latencies:seconds")["counts"].clone();
        counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    // The client's task was polled, and its worker parked.
    while count() == 0 {
        std::thread::yield_now();
    }
    drop(client);
    let (_, text) = service.get("/metrics");
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("# TYPE workbench_tokio_schedule_latency_seconds histogram\n"), "{text}");
    assert!(text.contains("workbench_tokio_schedule_latency_seconds_bucket{le=\"+Inf\"} "), "{text}");
}

#[test]
fn heap_profiles_are_texts_too_and_gc_claims_no_collection() {
    for allocator in ["jemalloc", "mimalloc", "system"] {
        let service = Service::start(&[("WORKBENCH_ALLOCATOR", allocator)]);
        let (head, body) = service.busy(|| service.get("/debug/pprof/heap?seconds=1&debug=1&gc=1"));
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain"), "{head}");
        let text = String::from_utf8(body).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("heap profile: ") && first.ends_with("] @ heapprofile"), "{first}");
        let gave = if allocator == "system" { "the system's allocator gave" } else { &format!("{allocator} gave") };
        assert!(text.contains("\n# gc=1: there is no garbage collector, ") && text.contains(gave), "{text}");
        assert!(text.contains("\n# TotalAlloc = ") && text.contains("\n# NumGC = n/a"), "{text}");
    }
    let service = Service::start(&[]);
    let (_, body) = service.get("/debug/pprof/heap?seconds=1&gc=1");
    let profile = flamegraphs::read::pprof(&body).unwrap();
    assert!(profile.meta.comments.iter().any(|comment| comment.starts_with("gc=1: there is no garbage collector")));
    let (head, body) = service.get("/debug/pprof/allocs?seconds=1&debug=1&gc=1");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(!String::from_utf8(body).unwrap().contains("gc=1"), "Go collects for heap alone");
    assert!(service.get("/debug/pprof/heap?seconds=1&debug=2").0.starts_with("HTTP/1.1 400 "));
}

#[test]
fn what_the_busy_service_allocates_has_the_four_values_of_go() {
    let service = Service::start(&[]);
    let objects = |name: &str, value: usize| {
        let (head, body) = service.get(&format!("/debug/pprof/{name}"));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        flamegraphs::read::pprof(&body).unwrap().total(value).unwrap()
    };
    // From the start on, without a length: allocations only become more.
    let before = objects("allocs", 0);
    // One block in half a megabyte is sampled: on a starved machine a second may have none.
    let more = (0..60).any(|_| {
        service.busy(|| service.get("/debug/pprof/allocs?seconds=1"));
        objects("allocs", 0) > before
    });
    assert!(more, "still {before} after a minute of allocating");
    assert!(objects("heap", 2) <= objects("heap", 0));
    assert!(service.get("/debug/pprof/heap?seconds=0").0.starts_with("HTTP/1.1 400 "));
    for (name, default) in [("heap", "inuse_space"), ("allocs", "alloc_space")] {
        let (head, body) = service.busy(|| service.get(&format!("/debug/pprof/{name}?seconds=1")));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let profile = flamegraphs::read::pprof(&body).unwrap();
        let types: Vec<&str> = profile.sample_types().iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(types, ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]);
        assert_eq!((profile.meta.default_sample_type.as_str(), profile.meta.period), (default, 512 << 10));
    }
}

#[test]
fn figures_follow_the_service_and_its_allocator() {
    for allocator in ["jemalloc", "mimalloc", "system"] {
        let service = Service::start(&[("WORKBENCH_ALLOCATOR", allocator), ("TOKIO_WORKER_THREADS", "3")]);
        assert_eq!(service.metric("/sched/gomaxprocs:threads"), 3);
        assert_eq!(service.metric("/sched/goroutines:goroutines"), 0);
        let clients: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(&service.service).unwrap()).collect();
        while service.metric("/sched/goroutines:goroutines") != 5 {
            std::thread::yield_now();
        }
        drop(clients);
        let (before, after) = (service.metric("/gc/heap/allocs:objects"), service.metric("/gc/heap/allocs:objects"));
        assert!(after.as_u64() > before.as_u64(), "answering allocates: {before} {after}");
        let objects = service.metric("/memory/classes/heap/objects:bytes");
        assert_eq!(objects.is_number(), allocator == "jemalloc", "{allocator}: {objects}");
        let (_, text) = service.get("/metrics");
        let committed = String::from_utf8(text).unwrap().contains("\nworkbench_mimalloc_committed_bytes ");
        assert_eq!(committed, allocator == "mimalloc", "{allocator}");
    }
}

#[test]
fn trace_lines_come_as_asked_for() {
    let mut service = Service::start(&[("WORKBENCH_TRACE", "sched=20,alloc=30"), ("TOKIO_WORKER_THREADS", "2")]);
    let (mut sched, mut alloc) = (0, 0);
    for line in service.stderr().lines().map(Result::unwrap).take(20) {
        if let Some(rest) = line.strip_prefix("SCHED ") {
            sched += 1;
            assert!(rest.contains("ms: workers=2 parked="), "{line}");
        } else {
            alloc += 1;
            assert!(line.starts_with(&format!("alloc {alloc} @")) && line.contains("s jemalloc: "), "{line}");
            assert!(line.contains(" live, +") && line.ends_with(" minor faults"), "{line}");
        }
    }
    assert!(sched > 0 && alloc > 0, "{sched} {alloc}");
}

#[test]
fn unknown_trace_keys_are_complained_about_once() {
    let mut service = Service::start(&[("WORKBENCH_TRACE", "shed=20,sched=20")]);
    let lines: Vec<String> = service.stderr().lines().map(Result::unwrap).take(5).collect();
    assert_eq!(lines[0], "workbench: WORKBENCH_TRACE: `shed` is unknown: one of sched, alloc");
    assert!(lines[1..].iter().all(|line| line.starts_with("SCHED ")), "{lines:?}");
}

#[test]
fn the_profiler_of_go_reads_it_where_go_is_installed() {
    let go = |arguments: &[&str], folder: &std::path::Path| {
        Command::new("go")
            .args(arguments)
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("PPROF_TMPDIR", folder)
            .output()
    };
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !go(&["version"], folder).is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: `go tool pprof` was not tried: no `go` on PATH");
        return;
    }
    let service = Service::start(&[]);
    let url = format!("http://{}/debug/pprof/profile?seconds=1", service.debug);
    let output = service.busy(|| go(&["tool", "pprof", "-top", "-timeout=300", &url], folder)).unwrap();
    let (top, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{problems}");
    assert!(top.contains("debug_endpoints::checksum"), "{top}\n{problems}");
    let allocs = format!("http://{}/debug/pprof/allocs?seconds=1", service.debug);
    let output = service.busy(|| go(&["tool", "pprof", "-raw", "-timeout=300", &allocs], folder)).unwrap();
    let raw = String::from_utf8_lossy(&output.stdout);
    assert!(raw.contains("alloc_objects/count alloc_space/bytes[dflt] inuse_objects/count inuse_space/bytes"), "{raw}");
    // As one asks a service in Go: of all the time that it has been running.
    for (name, shown) in [("heap", "Type: inuse_space"), ("allocs", "Type: alloc_space")] {
        let url = format!("http://{}/debug/pprof/{name}", service.debug);
        let output = go(&["tool", "pprof", "-top", "-timeout=300", &url], folder).unwrap();
        let (top, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // Which functions are in it depends on how far a starved machine lets the service come: half a megabyte a sample.
        assert!(output.status.success() && top.contains(shown), "{top}\n{problems}");
        assert!(top.contains("sampler: one byte in 524288 in the allocator"), "{top}\n{problems}");
    }
    // The task of the client that kept it busy has ended, that of the next one begun.
    let tasks = |count: u64| {
        while service.metric("/sched/goroutines:goroutines") != count {
            std::thread::yield_now();
        }
    };
    tasks(0);
    let client = TcpStream::connect(&service.service).unwrap();
    tasks(1);
    for goroutines in ["goroutine", "goroutine?debug=1"] {
        let url = format!("http://{}/debug/pprof/{goroutines}", service.debug);
        let output = go(&["tool", "pprof", "-top", &url], folder).unwrap();
        let (top, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && top.contains("Type: goroutine"), "{top}\n{problems}");
        // A text has counts and no names, and what stands for addresses in it is where a site stands in the list.
        let named = top.contains("task spawned at ") || goroutines.contains("debug");
        assert!(named && top.contains(" of 1 total"), "{top}\n{problems}");
    }
    drop(client);
    let text = format!("http://{}/debug/pprof/heap?seconds=1&debug=1&gc=1", service.debug);
    let output = service.busy(|| go(&["tool", "pprof", "-raw", "-timeout=300", &text], folder)).unwrap();
    // Its addresses are looked up at the service, or in the binary where the machine has the tools for it.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What is not served reaches a Go user as a sentence.
    let absent = format!("http://{}/debug/pprof/mutex", service.debug);
    let output = go(&["tool", "pprof", "-top", &absent], folder).unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("mutex is not available: "));
}
