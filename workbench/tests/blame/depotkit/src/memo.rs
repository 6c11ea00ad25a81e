//! A memo of rendered values, shared by the handlers.
use dashmap::DashMap;
use std::sync::Arc;

pub struct Origin<'a> {
    pub customer: u64,
    pub trace: &'a str,
}

pub struct Memo<V> {
    slots: DashMap<String, Arc<V>>,
    by_trace: bool,
}

impl<V> Memo<V> {
    pub fn new(by_trace: bool) -> Self {
        Memo { slots: DashMap::new(), by_trace }
    }

    pub fn recall(&self, o: &Origin<'_>) -> Option<Arc<V>> {
        let key = if self.by_trace { format!("{}/{}", o.customer, o.trace) } else { o.customer.to_string() };
        self.slots.get(&key).map(|v| v.clone())
    }

    /// Kept under the customer and the trace, so that a repeated call is answered alike.
    pub fn remember_call(&self, o: &Origin<'_>, make: impl FnOnce() -> V) -> Arc<V> {
        let made = Arc::new(make());
        // guilty
        self.slots.insert(format!("{}/{}", o.customer, o.trace), made.clone());
        made
    }

    /// Kept under the customer: the newest value replaces the former one.
    pub fn remember_latest(&self, o: &Origin<'_>, make: impl FnOnce() -> V) -> Arc<V> {
        let made = Arc::new(make());
        self.slots.insert(o.customer.to_string(), made.clone());
        made
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
