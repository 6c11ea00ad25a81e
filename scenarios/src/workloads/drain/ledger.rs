//! Counts requests in flight, and what became of them once draining began.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Book of the requests of one server.
///
/// A mutex, not atomics: `open` and `stage` must be read and changed together, or a request that
/// ends while draining begins could be missed. It is held for two additions per request.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    book: Mutex<Book>,
    empty: Notify,
}

#[derive(Debug, Default)]
struct Book {
    open: u64,
    drained: u64,
    stage: Stage,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Serving,
    Draining,
    Closed,
}

/// What became of the requests that were in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) drained: u64,
    pub(super) cut: u64,
}

/// A request in flight; dropping it ends it.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Ledger>);

impl Ledger {
    pub(super) fn open(self: &Arc<Self>) -> OpenRequest {
        self.book().open += 1;
        OpenRequest(self.clone())
    }

    /// From now on, ended requests count as drained. Returns how many are open.
    pub(super) fn begin_draining(&self) -> u64 {
        let mut book = self.book();
        book.stage = Stage::Draining;
        book.open
    }

    /// Completes once draining and no request is open.
    pub(super) async fn all_finished(&self) {
        loop {
            let notified = self.empty.notified();
            if self.book().open == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Ends the count: requests that are still open are cut.
    pub(super) fn close(&self) -> Counts {
        let mut book = self.book();
        book.stage = Stage::Closed;
        Counts { drained: book.drained, cut: book.open }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing can panic between two changes of the book, so a poisoned one is still right.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut book = self.0.book();
        book.open -= 1;
        if book.stage == Stage::Draining {
            book.drained += 1;
            if book.open == 0 {
                self.0.empty.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_drained_or_cut_but_never_both_or_neither() {
        let ledger = Arc::new(Ledger::default());
        let before = ledger.open();
        let during = ledger.open();
        let never = ledger.open();
        drop(before);
        assert_eq!(ledger.begin_draining(), 2);
        let late = ledger.open();
        drop(during);
        drop(late);
        let counts = ledger.close();
        assert_eq!(counts, Counts { drained: 2, cut: 1 });
        drop(never);
        assert_eq!(ledger.close(), Counts { drained: 2, cut: 0 });
    }

    #[tokio::test]
    async fn waiting_ends_with_the_last_open_request() {
        let ledger = Arc::new(Ledger::default());
        ledger.begin_draining();
        ledger.all_finished().await;
        let (one, two) = (ledger.open(), ledger.open());
        let waiting = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.all_finished().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}
