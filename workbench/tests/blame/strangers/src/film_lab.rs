//! Film lab: develops an order. Every order has a journal that collects what the baths report
//! and writes the order's summary; the baths report through a channel.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, MissedTickBehavior};

#[derive(Clone)]
struct Report {
    bath: &'static str,
    grade: u32,
    attempt: u32,
}

struct Journal {
    pages: Vec<u8>,
    grades: u32,
    summary: Option<oneshot::Sender<u32>>,
    flushed: usize,
}

impl Journal {
    fn open(summary: oneshot::Sender<u32>) -> Self {
        let mut pages = vec![b' '; 16 * 1024];
        pages.clear();
        Journal { pages, grades: 0, summary: Some(summary), flushed: 0 }
    }

    fn note(&mut self, r: &Report) {
        self.pages.extend_from_slice(format!("{} grade={} attempt={}\n", r.bath, r.grade, r.attempt).as_bytes());
        self.grades += r.grade;
        if r.bath == "dry" {
            if let Some(tx) = self.summary.take() {
                let _ = tx.send(self.grades);
            }
        }
    }

    fn flush(&mut self, lab: &Lab) {
        let fresh = self.pages.len() - self.flushed;
        self.flushed = self.pages.len();
        lab.written.fetch_add(fresh as u64, Relaxed);
    }
}

struct Lab {
    orders: AtomicU64,
    written: AtomicU64,
    requeue: bool,
}

fn flush_timer() -> tokio::time::Interval {
    let mut timer = interval(Duration::from_millis(200));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// Keeps an order's journal; a report with no grade yet goes back to the end of the queue.
async fn keep_journal_requeue(
    lab: Arc<Lab>,
    again: mpsc::Sender<Report>,
    mut reports: mpsc::Receiver<Report>,
    mut journal: Journal,
) {
    let mut timer = flush_timer();
    loop {
        tokio::select! {
            next = reports.recv() => match next { // guilty
                Some(r) if r.grade == 0 => {
                    let _ = again.try_send(Report { grade: 1, attempt: r.attempt + 1, ..r }); // guilty
                }
                Some(r) => journal.note(&r),
                None => break,
            },
            _ = timer.tick() => journal.flush(&lab),
        }
    }
    journal.flush(&lab);
}

/// Keeps an order's journal; a report with no grade yet is graded on the spot.
async fn keep_journal(lab: Arc<Lab>, mut reports: mpsc::Receiver<Report>, mut journal: Journal) {
    let mut timer = flush_timer();
    loop {
        tokio::select! {
            next = reports.recv() => match next {
                Some(r) if r.grade == 0 => journal.note(&Report { grade: 1, attempt: r.attempt + 1, ..r }),
                Some(r) => journal.note(&r),
                None => break,
            },
            _ = timer.tick() => journal.flush(&lab),
        }
    }
    journal.flush(&lab);
}

fn open_requeuing(lab: &Arc<Lab>, journal: Journal) -> mpsc::Sender<Report> {
    let (tx, rx) = mpsc::channel(16);
    tokio::spawn(keep_journal_requeue(lab.clone(), tx.clone(), rx, journal)); // guilty
    tx
}

fn open_plain(lab: &Arc<Lab>, journal: Journal) -> mpsc::Sender<Report> {
    let (tx, rx) = mpsc::channel(16);
    tokio::spawn(keep_journal(lab.clone(), rx, journal));
    tx
}

async fn bathe(order: u64, reports: mpsc::Sender<Report>) {
    for (i, bath) in ["develop", "stop", "fix", "rinse", "dry"].into_iter().enumerate() {
        let grade = if bath == "fix" { order % 3 } else { 1 + (order * 13 + i as u64) % 4 } as u32;
        let _ = reports.send(Report { bath, grade, attempt: 1 }).await;
    }
}

async fn develop(lab: &Arc<Lab>) -> String {
    let order = lab.orders.fetch_add(1, Relaxed);
    let (tx, summary) = oneshot::channel();
    let journal = Journal::open(tx);
    let reports = if lab.requeue { open_requeuing(lab, journal) } else { open_plain(lab, journal) };
    bathe(order, reports).await;
    let grades = summary.await.unwrap_or(0);
    format!("order {order} developed, grade {:.1}\n", grades as f32 / 5.0)
}

async fn counter(lab: Arc<Lab>, sock: TcpStream) -> std::io::Result<()> {
    sock.set_nodelay(true)?;
    let mut sock = BufReader::new(sock);
    let mut line = String::new();
    loop {
        line.clear();
        if sock.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            let body = develop(&lab).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            sock.get_mut().write_all(answer.as_bytes()).await?;
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn run(broken: bool, port: u16) {
    let lab = Arc::new(Lab { orders: AtomicU64::new(1), written: AtomicU64::new(0), requeue: broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        let (sock, _) = listener.accept().await.expect("accept");
        tokio::spawn(counter(lab.clone(), sock));
    }
}
