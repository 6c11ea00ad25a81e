//! Threads that stand since before a recording: each is found where it stands. The subject is this very file, started again.

#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "a test panics")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use flamegraphs::capture::tasks::{self, Cause, Standing};
use flamegraphs::capture::{CaptureError, Options, Recorder};

/// The two are taken in opposite order.
#[derive(Default)]
struct Desk {
    stock: Mutex<u64>,
    orders: Mutex<u64>,
}

#[inline(never)]
fn take_order(desk: &Desk, both: &Barrier) -> u64 {
    let mut orders = desk.orders.lock().unwrap();
    both.wait();
    *orders += *desk.stock.lock().unwrap();
    black_box(*orders)
}

#[inline(never)]
fn count_stock(desk: &Desk, both: &Barrier) -> u64 {
    let mut stock = desk.stock.lock().unwrap();
    both.wait();
    *stock += *desk.orders.lock().unwrap();
    black_box(*stock)
}

#[inline(never)]
fn hear_of_nothing(listener: &std::net::TcpListener) -> bool {
    black_box(listener.accept().is_ok())
}

#[inline(never)]
fn read_input() -> usize {
    let mut all = Vec::new();
    black_box(std::io::stdin().read_to_end(&mut all).unwrap())
}

/// Not a test: what the subject does when it is started. It says that it is ready, and ends with its input.
#[test]
#[ignore = "the subject of the other test"]
fn subject() {
    if std::env::var("STANDING_SUBJECT").is_err() {
        return;
    }
    let (desk, both) = (Arc::new(Desk::default()), Arc::new(Barrier::new(2)));
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let (of_orders, first) = (Arc::clone(&desk), Arc::clone(&both));
    named("orders").spawn(move || take_order(&of_orders, &first)).unwrap();
    named("stock").spawn(move || count_stock(&desk, &both)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    named("listener").spawn(move || hear_of_nothing(&listener)).unwrap();
    named("busy")
        .spawn(|| {
            loop {
                std::thread::sleep(Duration::from_millis(1))
            }
        })
        .unwrap();
    println!("\nready");
    read_input();
    std::process::exit(0);
}

fn start() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "subject", "--ignored", "--nocapture"])
        .env("STANDING_SUBJECT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn look(pid: u32) -> Result<(Vec<Standing>, Option<String>), CaptureError> {
    let mut recorder = Recorder::attach(pid, &Options { standing: true, ..Options::default() })?;
    recorder.start(&[pid])?;
    std::thread::sleep(Duration::from_millis(20));
    let recording = recorder.stop()?;
    Ok((tasks::standing(&recording), recording.standing_refused))
}

/// Function, call and cause of where the thread of that name stands.
fn place<'s>(found: &'s [Standing], thread: &str) -> Option<(&'s Standing, &'s str, &'s str, Cause)> {
    let one = found.iter().find(|one| one.pool == thread)?;
    let function = one.site.own.first().map_or("", |frame| frame.function.as_str());
    Some((one, function, &one.site.call, one.site.cause))
}

#[test]
fn threads_that_stood_since_before_are_named_with_who_holds_what_they_wait_for() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let mut child = start();
    // Kept open: the harness within may have more to say.
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap() == "ready"));
    // Until both have come to where neither goes on.
    for attempt in 1.. {
        let (found, refused) = match look(child.id()) {
            Ok(seen) => seen,
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                break;
            }
        };
        if let Some(refused) = refused {
            eprintln!("SKIPPED: {refused}");
            break;
        }
        let are_locked = |thread| place(&found, thread).is_some_and(|(.., cause)| cause == Cause::Lock);
        if attempt < 30 && !(are_locked("orders") && are_locked("stock") && place(&found, "listener").is_some()) {
            continue;
        }
        let (orders, function, call, cause) = place(&found, "orders").unwrap_or_else(|| panic!("{found:#?}"));
        assert!(function.ends_with("take_order"), "{function}: {orders:#?}");
        assert_eq!((call, cause, orders.threads), ("futex", Cause::Lock, 1));
        let (stock, function, ..) = place(&found, "stock").unwrap();
        assert!(function.ends_with("count_stock"), "{function}: {stock:#?}");
        let holder =
            |one: &Standing| one.held_by.iter().map(|(site, _)| site.own[0].function.clone()).collect::<Vec<_>>();
        assert!(holder(orders).iter().any(|function| function.ends_with("count_stock")), "{:?}", holder(orders));
        assert!(holder(stock).iter().any(|function| function.ends_with("take_order")), "{:?}", holder(stock));
        let (listener, function, call, _) = place(&found, "listener").unwrap();
        assert!(function.ends_with("hear_of_nothing"), "{function}: {listener:#?}");
        assert_eq!(call, "accept4");
        assert!(place(&found, "busy").is_none(), "{found:#?}");
        break;
    }
    // It was disturbed by nothing of that, and goes on until it is told to end.
    assert!(child.try_wait().unwrap().is_none());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
