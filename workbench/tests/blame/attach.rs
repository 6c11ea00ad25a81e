//! `workbench attach` to programs that run already, under a load of this test's own: the first finding names the planted fault,
//! and healthy programs are blamed for nothing. Nobody tells it what is asked of them, and how often.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cases::{Case, named};
use crate::client::Clients;
use crate::subject::{Twin, is_unable, programs, workbench};
use crate::verdict;

/// A process that is ended with the test, however that ends.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts a twin and waits until it listens.
    fn start(case: &Case, twin: Twin) -> (Self, u16) {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let child = Command::new(programs())
            .args([case.name, twin.name(), &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{} does not listen", case.name);
            std::thread::sleep(Duration::from_millis(20));
        }
        (Self(child), port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is said of a twin that runs already.
fn said(case: &Case, twin: Twin) -> Value {
    let (program, port) = Running::start(case, twin);
    let clients = Clients::start(port, case.rate, case.concurrency);
    attached(&program.0, clients, &["--tasks"], &format!("{} {}", case.name, twin.name()))
}

/// What `attach` says of a process whose clients ask meanwhile.
pub(crate) fn attached(program: &Child, clients: Clients, more: &[&str], name: &str) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(workbench())
        .args(["attach", &program.id().to_string(), "--for", "8s", "--json"])
        .args(more)
        .current_dir(folder.path())
        .env("WORKBENCH_DIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("workbench runs");
    clients.stop();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document of JSON");
    eprintln!("attached to {name}: {}", verdict::shown(&document));
    document
}

fn blamed(name: &str) {
    if is_unable() {
        return;
    }
    let case = named(name);
    let right = |document: &Value| verdict::of_broken(case, document).is_right();
    assert!((0..3).any(|_| right(&said(case, Twin::Broken))), "`{name}` was not blamed on its fault");
}

macro_rules! broken {
    ($($name:ident: $program:literal,)*) => {
        $(#[test]
        #[ignore = "attaches to a program under load for half a minute"]
        fn $name() {
            blamed($program);
        })*
    };
}

broken! {
    a_poll_that_computes: "login",
    a_poll_that_blocks: "backoff",
    who_keeps_a_lock: "settings-lock",
    a_timer_that_paces: "polling-wait",
    who_is_polled_before_others: "late-reply",
    tasks_that_do_not_end: "watchers",
    who_is_never_answered: "ticket",
}

#[test]
#[ignore = "attaches to programs under load for some minutes"]
fn healthy_programs_are_blamed_for_nothing() {
    if is_unable() {
        return;
    }
    for name in ["login", "clerk", "settings-lock", "ticket"] {
        let case = named(name);
        let healthy = verdict::of_healthy(case, &said(case, Twin::Healthy));
        assert!(healthy.is_right(), "{name}: {healthy}");
    }
}
