//! Latencies are counted by a label, and the label has the number of the request in it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let registry = Arc::new(registry::Registry::default());
    let turn = Arc::new(AtomicU64::new(0));
    crate::http::runtime()?
        .block_on(serve(port, move || answer(twin, turn.fetch_add(1, Ordering::Relaxed), Arc::clone(&registry))))
}

async fn answer(twin: Twin, number: u64, registry: Arc<registry::Registry>) -> String {
    let label = match twin {
        Twin::Broken => format!("/orders/{number}"),
        Twin::Healthy => "/orders/:number".to_owned(),
    };
    let latency = registry.histogram(&label);
    latency.record(number % 700);
    format!("{label}: {}", latency.least())
}

mod registry {
    use std::collections::HashMap;
    use std::sync::{Arc, RwLock};

    use super::histogram::Histogram;

    #[derive(Default)]
    pub(super) struct Registry {
        by_label: RwLock<HashMap<String, Arc<Histogram>>>,
    }

    impl Registry {
        pub(super) fn histogram(&self, label: &str) -> Arc<Histogram> {
            let known = self.by_label.read().expect("nobody panics").get(label).cloned();
            known.unwrap_or_else(|| self.register(label, Histogram::new()))
        }

        fn register(&self, label: &str, fresh: Histogram) -> Arc<Histogram> {
            let fresh = Arc::new(fresh);
            let mut all = self.by_label.write().expect("nobody panics");
            all.insert(label.to_owned(), Arc::clone(&fresh)); // guilty
            fresh
        }
    }
}

mod histogram {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// How often each value was met, and the least of what came at once.
    pub(super) struct Histogram {
        buckets: Vec<AtomicU64>,
        least: AtomicU64,
    }

    impl Histogram {
        pub(super) fn new() -> Self {
            let buckets = (0..2048).map(|_| AtomicU64::new(1)).collect();
            Self { buckets, least: AtomicU64::new(u64::MAX) }
        }

        pub(super) fn record(&self, value: u64) {
            let bucket = usize::try_from(value).unwrap_or(usize::MAX).min(self.buckets.len() - 1);
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
            self.least.fetch_min(value, Ordering::Relaxed);
        }

        pub(super) fn least(&self) -> u64 {
            self.least.load(Ordering::Relaxed)
        }
    }
}
