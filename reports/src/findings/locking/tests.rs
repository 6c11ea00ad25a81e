//! Which locks functions have, and until when.

use super::*;

#[test]
fn who_keeps_a_guard_took_the_lock() {
    let rust = "\
fn checkpoint(&self) {
    let rows = self.accounts.lock();
    self.write(&rows);
}
fn write(&self, rows: &Rows) {
    self.count.lock().add(1);
    self.disk.write(rows);
}
fn token(&self) {
    match self.known.lock().get(1) {
        None => self.ask(),
    }
}
trait Ask {
    fn ask(&self);
}
async fn order(&self) {
    let permit = self.permits.acquire().await?;
    self.ask().await;
}
fn next(&self) {
    let job = self.jobs.lock().unwrap().pop();
    self.work(job);
    let mut all = self.all.write().unwrap_or_else(|e| e.into_inner());
    all.add(1);
    drop(all);
    self.work(2);
}
fn work(&self) {
    while let Ok(job) = self.jobs.lock().unwrap().recv() {
        self.press(job);
    }
    if self.jobs.lock().unwrap().is_empty() {
        self.rest();
    }
    {
        let all = self.all.lock();
        self.press(all.first());
    }
    self.rest();
}
";
    let mut all = Loops::default();
    all.read("a.rs", rust);
    all.read("a.go", "func (q *book) each(f func(int)) {\n\tq.mu.RLock()\n\tf(1)\n\tq.mu.RUnlock()\n}\n");
    let took = |line| all.takes("a.rs", line);
    assert_eq!([3, 7, 11, 20].map(took), [true, false, true, true]);
    assert_eq!([22, 23, 24, 25, 27].map(took), [true, false, true, true, false], "what is left of a guard is none");
    assert_eq!([31, 34, 38, 40].map(took), [true, false, true, false], "a guard lives as long as its block");
    assert!(!took(1), "not yet");
    assert!(all.takes("a.go", 3) && !all.takes("b.go", 3));
    assert_eq!((all.lock_at("a.rs", 2), all.lock_at("a.rs", 6)), (Some("accounts"), Some("count")));
    assert!(all.takes_as("a.rs", 3, "accounts") && !all.takes_as("a.rs", 3, "count"));
    all.read("c.go", "func (q *book) sum() {\n\tq.mu.Lock()\n\tdefer q.mu.Unlock()\n\tq.add()\n}\n");
    assert!(all.takes("c.go", 4) && !all.takes("a.go", 5));
}

#[test]
fn a_guard_that_one_branch_drops_is_there_in_the_other() {
    let rust = "fn export(&self) {\n    let all = self.all.read();\n    if first {\n        drop(all);\n        send();\n    } else {\n        send();\n    }\n    rest();\n}\n";
    let mut all = Loops::default();
    all.read("a.rs", rust);
    assert_eq!([3, 5, 7, 9].map(|line| all.takes("a.rs", line)), [true, false, true, false]);
}

#[test]
fn what_is_given_back_when_it_is_dropped_is_had_until_then() {
    let rust = "\
impl Pool {
    fn checkout(&self) -> Lease<'_> {
        Lease { pool: self }
    }
    fn count(&self) -> usize {
        self.free.len()
    }
}
impl Drop for Lease<'_> {
    fn drop(&mut self) {}
}
fn push(pool: &Pool) {
    let store = pool.checkout();
    let count = pool.count();
    announce(store, count);
}
fn read(pool: &Pool) {
    let text = pool.checkout().record(7);
    announce(text);
}
";
    let mut all = Loops::default();
    all.read("a.rs", rust);
    let leases = |line| all.leases("a.rs", line, "checkout");
    assert_eq!([12, 15, 18, 19].map(leases), [false, true, true, false]);
    assert!(!all.takes("a.rs", 15), "it is no lock");
    assert!(!all.leases("a.rs", 15, "count"));
}
