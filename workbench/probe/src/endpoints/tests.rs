//! Every endpoint through a real connection.

mod metrics;
mod profile;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::*;

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
