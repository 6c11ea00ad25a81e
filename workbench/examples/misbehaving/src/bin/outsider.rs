//! A program that has nothing of the workbench in it, and goes wrong on purpose: the standard library, threads and
//! blocking sockets. `outsider PORT` serves; the variable `FAULT` says how it misbehaves.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what a program prints is part of what is tested")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests that were heard.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// Requests that are answered before the first that is not.
const GOOD_REQUESTS: u64 = 20;
/// More than an open loop asks for that is short, and fewer than a closed one does at once.
const MANY_REQUESTS: u64 = 100;
/// Requests that are answered before it hangs: the warm-up has more.
const FEW_REQUESTS: u64 = 3;
/// It hangs with the very first.
const NO_REQUESTS: u64 = 0;

fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or_else(|| {
        eprintln!("usage: outsider PORT");
        exit(2)
    });
    let fault = std::env::var("FAULT").unwrap_or_default();
    // Whoever was started anew has done what it was to do.
    match (fault.as_str(), std::env::var_os("AGAIN")) {
        ("exit", _) => {
            eprintln!("the configuration is broken");
            exit(3)
        }
        ("deaf", _) => wait_for_ever(),
        ("daemonise", None) => {
            let mut child = again(port);
            child.process_group(0).spawn().expect("it starts");
            exit(0)
        }
        ("replace", None) => fail(again(port).exec()),
        ("replace_bare", None) => fail(again(port).env_remove("SETTING").exec()),
        ("wrap", None) => {
            let mut child = again(port).spawn().expect("it starts");
            let _ = child.wait();
            exit(0)
        }
        // A signal that is ignored stays so across exec.
        ("stubborn", None) => {
            let program = std::env::current_exe().expect("it has a path");
            let script = "trap '' TERM; exec \"$0\" \"$1\"";
            let mut shell = Command::new("sh");
            fail(shell.args(["-c", script]).arg(program).arg(port.to_string()).env("AGAIN", "1").exec())
        }
        ("orphan", _) => {
            let _ = Command::new("sh").args(["-c", "trap '' TERM; setsid sleep 1000 & sleep 1001 &"]).status();
        }
        _ => {}
    }
    serve(if fault == "elsewhere" { 0 } else { port }, &fault);
}

fn again(port: u16) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it has a path"));
    command.arg(port.to_string()).env("AGAIN", "1");
    command
}

fn fail(error: std::io::Error) -> ! {
    eprintln!("cannot start: {error}");
    exit(1)
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

fn serve(port: u16, fault: &str) -> ! {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| {
        eprintln!("cannot listen on {port}: {error}");
        exit(1)
    });
    println!("listening on {}", listener.local_addr().expect("it has an address").port());
    for stream in listener.incoming().flatten() {
        let fault = fault.to_owned();
        std::thread::spawn(move || converse(stream, &fault));
    }
    wait_for_ever()
}

/// Answers the requests of one connection. They have no bodies and come one at a time.
fn converse(mut stream: TcpStream, fault: &str) {
    if fault == "close" {
        return;
    }
    let _ = stream.set_nodelay(true);
    let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        request.extend_from_slice(&chunk[..read]);
        if fault == "tls" {
            // handshake_failure, as RFC 8446 §6 has it.
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]);
            return;
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        let heard = HEARD.fetch_add(1, Ordering::Relaxed);
        let answered = match fault {
            "silent" => FEW_REQUESTS,
            "mute" => NO_REQUESTS,
            _ => u64::MAX,
        };
        if heard >= answered {
            wait_for_ever();
        }
        if heard == MANY_REQUESTS && fault == "crowd" {
            std::process::abort();
        }
        if heard == GOOD_REQUESTS {
            match fault {
                "die" => {
                    eprintln!("out of luck");
                    exit(7)
                }
                "abort" => std::process::abort(),
                _ => {}
            }
        }
        let answer: &[u8] = match fault {
            "unhealthy" => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "garbage" => b"220 mail.example ESMTP\r\n",
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        };
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}
