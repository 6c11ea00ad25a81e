//! Stage tickets: a visitor orders a seat, the printer prints the ticket, the window hands it over.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

struct Order {
    id: u64,
    row: char,
    seat: u64,
}

impl Order {
    fn new(id: u64) -> Order {
        Order { id, row: (b'A' + (id % 19) as u8) as char, seat: 1 + id % 127 }
    }

    /// The house keeps seat 1 of every row printed in advance.
    fn is_house_seat(&self) -> bool {
        self.seat == 1
    }
}

/// Tickets on order, and who waits for them.
#[derive(Default)]
struct Window {
    pending: Mutex<HashMap<u64, oneshot::Sender<String>>>,
}

impl Window {
    fn expect(&self, id: u64, visitor: oneshot::Sender<String>) {
        self.pending.lock().insert(id, visitor);
    }

    fn hand_over(&self, id: u64, ticket: String) {
        if let Some(visitor) = self.pending.lock().remove(&id) {
            let _ = visitor.send(ticket);
        }
    }
}

async fn printer(mut orders: mpsc::Receiver<Order>, window: Arc<Window>) {
    while let Some(order) = orders.recv().await {
        let ticket = format!("ticket {}: row {} seat {}\n", order.id, order.row, order.seat);
        if order.is_house_seat() {
            window.hand_over(order.id, ticket);
            continue;
        }
        let window = window.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(6)).await; // ink dries
            window.hand_over(order.id, ticket);
        });
    }
}

/// Writes the day book; entries of one millisecond go down together.
async fn bookkeeper(mut entries: mpsc::Receiver<(u64, oneshot::Sender<u64>)>) {
    let mut written = 0;
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, 64).await > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        for (_, done) in batch.drain(..) {
            written += 1;
            let _ = done.send(written);
        }
    }
}

struct Theatre {
    orders: mpsc::Sender<Order>,
    book: mpsc::Sender<(u64, oneshot::Sender<u64>)>,
    window: Arc<Window>,
    next: AtomicU64,
    broken: bool,
}

impl Theatre {
    async fn enter_in_book(&self, id: u64) -> u64 {
        let (tx, rx) = oneshot::channel();
        let _ = self.book.send((id, tx)).await;
        rx.await.unwrap_or(0)
    }

    async fn order(&self, id: u64) -> Option<String> {
        let (tx, rx) = oneshot::channel();
        self.orders.send(Order::new(id)).await.ok()?;
        let page = self.enter_in_book(id).await;
        self.window.expect(id, tx); // guilty
        Some(with_page(rx.await.ok()?, page))
    }

    async fn order_expected(&self, id: u64) -> Option<String> {
        let (tx, rx) = oneshot::channel();
        self.window.expect(id, tx);
        self.orders.send(Order::new(id)).await.ok()?;
        let page = self.enter_in_book(id).await;
        Some(with_page(rx.await.ok()?, page))
    }

    async fn visit(&self) -> String {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = if self.broken { self.order(id).await } else { self.order_expected(id).await };
        ticket.unwrap_or_else(|| "closed\n".to_string())
    }
}

fn with_page(ticket: String, page: u64) -> String {
    format!("{} (day book no. {page})\n", ticket.trim_end())
}

async fn serve(theatre: Arc<Theatre>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = Vec::new();
    while stream.read_buf(&mut buf).await? > 0 {
        while let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            buf.drain(..end + 4);
            let body = theatre.visit().await;
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(reply.as_bytes()).await?;
        }
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let window = Arc::new(Window::default());
    let (orders, to_print) = mpsc::channel(64);
    let (book, entries) = mpsc::channel(64);
    tokio::spawn(printer(to_print, window.clone()));
    tokio::spawn(bookkeeper(entries));
    let theatre = Arc::new(Theatre { orders, book, window, next: AtomicU64::new(1), broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(theatre.clone(), stream));
    }
}
