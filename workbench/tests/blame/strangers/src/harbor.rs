//! Price service on one thread: hyper by hand, a new edition of the list twice a second.
use depotkit::{digest, edition::Edition};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::RwLock;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;
use tokio::net::TcpListener;

const ITEMS: usize = 700_000;

struct Board {
    current: RwLock<Arc<Edition>>,
    asked: AtomicUsize,
}

impl Board {
    fn publish(&self, next: Edition) -> Arc<Edition> {
        std::mem::replace(&mut *self.current.write(), Arc::new(next))
    }

    fn current(&self) -> Arc<Edition> {
        self.current.read().clone()
    }
}

async fn answer(board: Arc<Board>, req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let n = board.asked.fetch_add(7, Ordering::Relaxed);
    let (serial, sum) = {
        let list = board.current();
        (list.serial, (n..n + 40).map(|i| list.price(i * 37)).sum::<u64>())
    };
    tokio::time::sleep(Duration::from_millis(2)).await;
    let seal = digest::stretched(req.uri().path().as_bytes(), 5_000);
    Ok(Response::new(Full::new(Bytes::from(format!("edition {serial} sum {sum} seal {seal:x}\n")))))
}

/// Where old editions go to be closed.
fn archive() -> mpsc::Sender<Arc<Edition>> {
    let (tx, rx) = mpsc::channel();
    std::thread::Builder::new()
        .name("archive".into())
        .spawn(move || {
            for old in rx {
                drop::<Arc<Edition>>(old);
            }
        })
        .unwrap();
    tx
}

async fn rotate(board: Arc<Board>, archive: Option<mpsc::Sender<Arc<Edition>>>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    for serial in 2.. {
        tick.tick().await;
        let next = tokio::task::spawn_blocking(move || Edition::draw(serial, ITEMS)).await.unwrap();
        let old = board.publish(next);
        match &archive {
            Some(tx) => tx.send(old).unwrap(),
            None => drop(old), // guilty
        }
    }
}

pub fn run(port: u16, tuned: bool) {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let board =
            Arc::new(Board { current: RwLock::new(Arc::new(Edition::draw(1, ITEMS))), asked: AtomicUsize::new(0) });
        tokio::spawn(rotate(board.clone(), tuned.then(archive)));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).ok();
            let board = board.clone();
            tokio::spawn(async move {
                let service = service_fn(move |req| answer(board.clone(), req));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}
