//! The program with the faults. What is to be found at a line says so at its end.

use std::future::poll_fn;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use probe::console::{Console, Options};
use probe::tasks::Kind;
use reports::run::console::HookCounts;
use tokio::sync::{Mutex, Notify, Semaphore};

/// Serves tokio-console, says where, and misbehaves until it is killed.
pub(crate) fn main() {
    let options = Options { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Options::default() };
    let console = Console::start(&options).expect("built with the feature `console` and tokio_unstable");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // One that never yields, one that wakes itself, and some for the others.
    let tasks = probe::tasks::install(builder.worker_threads(4).enable_all()).expect("hooks");
    tasks.start();
    let runtime = builder.build().expect("a runtime");
    let _inside = runtime.enter();
    misbehave();
    println!("{}", console.address());
    for _ in std::io::stdin().lock().lines() {
        let sites = tasks.snapshot();
        let sum = |value: fn(&probe::tasks::SiteRecord) -> u64| {
            sites.iter().filter(|site| site.kind == Kind::Task).map(value).sum()
        };
        let counts = HookCounts {
            spawned: sum(|site| site.spawned),
            finished: sum(|site| site.finished),
            alive: sum(|site| site.alive),
        };
        println!("{}", serde_json::to_string(&counts).expect("counts"));
    }
    std::process::exit(0);
}

#[rustfmt::skip]
fn misbehave() {
    let mutex = Arc::new(
        Mutex::new(()) // contended mutex
    );
    for _ in 0..8 {
        let mutex = Arc::clone(&mutex);
        tokio::spawn(async move {
            loop {
                let held = mutex.lock().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                drop(held);
                tokio::task::yield_now().await;
            }
        });
    }

    let limiter = Arc::new(
        Semaphore::new(2) // healthy limiter
    );
    for _ in 0..12 {
        let limiter = Arc::clone(&limiter);
        tokio::spawn(async move {
            loop {
                let _permit = limiter.acquire().await.expect("open");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }

    let semaphore = Arc::new(
        Semaphore::new(1) // starved semaphore
    );
    tokio::spawn(async move {
        semaphore.acquire().await.expect("open").forget();
        let _never = semaphore.acquire().await;
    });

    tokio::spawn( // lost waker
        poll_fn(|context| {
            drop(context.waker().clone());
            Poll::<()>::Pending
        })
    );

    tokio::spawn( // wakes itself
        poll_fn(|context| {
            std::thread::sleep(Duration::from_millis(1));
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        })
    );

    tokio::spawn(async { // never yields
        loop {
            std::thread::sleep(Duration::from_millis(5));
        }
    });

    tokio::spawn(async { // slow poll
        loop {
            std::thread::sleep(Duration::from_millis(40));
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    });

    let bell = Arc::new(Notify::new());
    for _ in 0..50 {
        let bell = Arc::clone(&bell);
        tokio::spawn(async move { // parked
            bell.notified().await;
        });
    }

    tokio::spawn(async { // healthy
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = tokio::spawn(async {}).await;
        }
    });
}
