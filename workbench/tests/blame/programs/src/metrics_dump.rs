//! A thread renders all counters while it holds the lock that every request takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Twin;
use crate::http::serve;

type Counters = Arc<Mutex<BTreeMap<u32, u64>>>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let counters: Counters = Arc::new(Mutex::new((0..60_000).map(|key| (key, 0)).collect()));
    let dumped = Arc::clone(&counters);
    std::thread::Builder::new().name("metrics".into()).spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let text = match twin {
                Twin::Broken => dump(&dumped),
                Twin::Healthy => dump_copy(&dumped),
            };
            std::hint::black_box(text);
        }
    })?;
    crate::http::runtime()?.block_on(serve(port, move || count(Arc::clone(&counters))))
}

async fn count(counters: Counters) -> String {
    let mut counters = counters.lock().expect("nobody panics");
    let value = counters.entry(17).or_default();
    *value += 1;
    value.to_string()
}

fn dump(counters: &Counters) -> String {
    let mut text = String::new();
    let counters = counters.lock().expect("nobody panics");
    for _ in 0..3 {
        for (key, value) in counters.iter() {
            writeln!(text, "requests{{key=\"{key}\"}} {value}").expect("a string takes all"); // guilty
        }
    }
    text
}

/// Copies a few keys at a time and renders without the lock.
fn dump_copy(counters: &Counters) -> String {
    let mut text = String::new();
    let mut next = 0;
    loop {
        let some: Vec<(u32, u64)> = {
            let counters = counters.lock().expect("nobody panics");
            counters.range(next..).take(500).map(|(key, value)| (*key, *value)).collect()
        };
        let Some((last, _)) = some.last() else { return text };
        next = last + 1;
        for (key, value) in &some {
            writeln!(text, "requests{{key=\"{key}\"}} {value}").expect("a string takes all");
        }
    }
}
