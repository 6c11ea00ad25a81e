//! `workbench attach URL`: servers that answer as Go does, and servers that do not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::sample::program;

/// What Go answered, kept beside its source in `src/attach/fixtures`.
macro_rules! fixture {
    ($file:literal) => {
        include_bytes!(concat!("../../src/attach/fixtures/", $file))
    };
}

const INDEX: &[u8] = fixture!("index.html");

/// The answer to a path: status and body; `None` closes the connection within the answer.
type Answers = dyn Fn(&str) -> Option<(u16, Vec<u8>)> + Send + Sync;

/// A server that lives as long as the test program.
fn serve(answers: impl Fn(&str) -> Option<(u16, Vec<u8>)> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answers: Arc<Answers> = Arc::new(answers);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            thread::spawn(move || answer(client, &*answers));
        }
    });
    address
}

fn answer(mut client: TcpStream, answers: &Answers) {
    let mut lines = BufReader::new(client.try_clone().expect("a second end"));
    let mut request = String::new();
    let _ = lines.read_line(&mut request);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    match answers(path) {
        Some((status, body)) => {
            let kind = if body.starts_with(b"<") { "text/html" } else { "application/octet-stream" };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = client.write_all(head.as_bytes()).and_then(|()| client.write_all(&body));
        }
        None => {
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly a few");
        }
    }
    let _ = client.shutdown(std::net::Shutdown::Write);
    let _ = client.read(&mut [0; 16]);
}

/// As the Go service of the fixtures answered.
fn go(path: &str) -> Option<(u16, Vec<u8>)> {
    let name = path.strip_prefix("/debug/pprof/").unwrap_or("elsewhere");
    let body: &[u8] = match name {
        "" => INDEX,
        "cmdline" => b"./faulty\0--password=hunter2",
        "goroutine?debug=2" => fixture!("goroutines.txt"),
        "heap?debug=1" => fixture!("memstats.txt"),
        "mutex?debug=1" => b"--- mutex:\ncycles/second=1\nsampling period=5\n",
        _ if name.starts_with("profile") => fixture!("cpu.pb.gz"),
        _ if name.starts_with("heap") || name.starts_with("allocs") => fixture!("heap.pb.gz"),
        _ if name.starts_with("goroutineleak") => fixture!("goroutineleak.pb.gz"),
        _ if name.starts_with("goroutine") => fixture!("goroutine.pb.gz"),
        _ if name.starts_with("mutex") => fixture!("mutex.pb.gz"),
        _ if name.starts_with("block") => fixture!("block-off.pb.gz"),
        _ => return Some((404, b"404 page not found\n".to_vec())),
    };
    Some((200, body.to_vec()))
}

#[test]
fn a_go_service_is_asked_for_everything_it_has() {
    let program = program();
    let address = serve(go);
    let ran = program.run(&["attach", &address.to_string(), "--for", "1s", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    let run = program.only_run();
    let folder = run.join("evidence/faulty");
    for kind in ["cpu", "mutex", "goroutineleak", "goroutine", "heap", "allocs"] {
        let profile = found["profiles"].as_array().expect("profiles").iter().find(|profile| profile["kind"] == kind);
        let profile = profile.unwrap_or_else(|| panic!("{kind}: {}", found["profiles"]));
        assert!(profile["missing"].is_null(), "{profile}");
        assert!(folder.join(format!("{kind}.pb.gz")).exists() && folder.join(format!("{kind}.svg")).exists(), "{kind}");
    }
    let missing = |kind: &str| {
        let profiles = found["profiles"].as_array().expect("profiles").iter();
        let profile = profiles.into_iter().find(|profile| profile["kind"] == kind).expect("it is named");
        profile["missing"].as_str().expect("it says why").to_owned()
    };
    assert!(missing("block").contains("runtime.SetBlockProfileRate"), "{}", missing("block"));
    assert!(missing("threadcreate").contains("404"), "{}", missing("threadcreate"));
    let text = std::fs::read_to_string(run.join("attached.json")).expect("what was seen");
    assert!(text.contains("main.(*Ledger).Add") && text.contains("chan receive"), "{text}");
    for file in ["attached.json", "plan.json", "report.html", "run.json"] {
        let text = std::fs::read_to_string(run.join(file)).expect("a file of the run");
        assert!(!text.contains("hunter2"), "arguments may be secret: {file}");
    }
    let shown = program.run(&["show"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for part in
        ["main.digest", "100 goroutines are leaked", "faulty/main.go:", "Goroutines by where they are", "HeapAlloc"]
    {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
}

#[test]
fn what_comes_broken_is_named_and_the_rest_is_kept() {
    let program = program();
    let address = serve(|path| match path.strip_prefix("/debug/pprof/").unwrap_or_default() {
        name if name.starts_with("profile") => None,
        name if name.starts_with("mutex?seconds") => Some((200, fixture!("mutex.pb.gz")[..500].to_vec())),
        name if name.starts_with("allocs") => Some((200, b"<html>please log in</html>".to_vec())),
        name if name.starts_with("block") => Some((500, b"profile duration exceeds server's WriteTimeout\n".to_vec())),
        _ => go(path),
    });
    let ran = program.run(&["attach", &format!("http://{address}/debug/pprof/"), "--for", "1s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for part in [
        "cpu: n/a, because",
        "closed before the answer was whole",
        "the gzip stream is cut off",
        "the 500 bytes that came are kept in evidence/faulty/mutex.bin",
        "answered with a page, not a profile",
        "profile duration exceeds server's WriteTimeout",
        "Memory in use",
    ] {
        let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(program.only_run().join("evidence/faulty/mutex.bin").exists());
}

#[test]
fn other_servers_are_refused_by_what_they_are() {
    let program = program();
    let pages = serve(|path| match path {
        "/login/" => Some((401, b"who are you?".to_vec())),
        "/broken/" => None,
        "/web/" => Some((200, b"<html><a href='/home'>home</a></html>".to_vec())),
        _ => Some((404, b"no such page".to_vec())),
    });
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let transcript = |address: String| program.transcript(&["attach", &address, "--for", "1s"]);
    let told = [
        transcript(format!("http://{pages}")),
        transcript(format!("http://{pages}/login/")),
        transcript(format!("http://{pages}/web/")),
        transcript(format!("http://{pages}/broken/")),
        transcript(format!("http://{closed}")),
    ];
    let told = told.join("\n").replace(&pages.to_string(), "HOST:PORT").replace(&closed.to_string(), "HOST:CLOSED");
    insta::assert_snapshot!(told);
    assert!(program.runs().is_empty(), "nothing is left of what was refused");
}
