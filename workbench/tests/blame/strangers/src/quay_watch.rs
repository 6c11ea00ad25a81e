//! Harbour board: shows which vessel lies at which berth while updates keep coming in from the pilots.
use axum::{extract::State, routing::get, Router};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

const BERTHS: usize = 400;
const PAGE: usize = 40;

#[derive(Clone, Copy)]
struct Berth {
    vessel: u32,
    draught_cm: u16,
    moves: u32,
    agent: [u8; 20],
}

#[derive(Clone, Copy)]
struct Update {
    berth: usize,
    vessel: u32,
    draught_cm: u16,
}

type View = Arc<Mutex<Vec<Berth>>>;

fn apply(view: &mut [Berth], u: Update) {
    let b = &mut view[u.berth];
    b.vessel = u.vessel;
    b.draught_cm = u.draught_cm;
    b.moves += 1;
}

struct Harbour {
    now: RwLock<Vec<Berth>>,
    pilots: broadcast::Sender<Update>,
    registry: SocketAddr,
    seq: AtomicU32,
    scoped: bool,
}

impl Harbour {
    fn snapshot(&self) -> View {
        Arc::new(Mutex::new(self.now.read().unwrap().clone()))
    }
}

/// Stops following when the page is done.
struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn follow(view: View, mut updates: broadcast::Receiver<Update>) {
    loop {
        match updates.recv().await {
            Ok(u) => apply(&mut view.lock().unwrap(), u),
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn live_view(harbour: &Harbour) -> View {
    let updates = harbour.pilots.subscribe();
    let view = harbour.snapshot();
    tokio::spawn(follow(view.clone(), updates)); // guilty
    view
}

fn scoped_view(harbour: &Harbour) -> (View, Following) {
    let updates = harbour.pilots.subscribe();
    let view = harbour.snapshot();
    let task = tokio::spawn(follow(view.clone(), updates));
    (view, Following(task))
}

async fn registry_name(addr: SocketAddr, vessel: u32) -> std::io::Result<String> {
    let mut conn = TcpStream::connect(addr).await?;
    conn.write_u32(vessel).await?;
    let mut name = String::new();
    conn.read_to_string(&mut name).await?;
    Ok(name)
}

async fn page(harbour: &Harbour, view: &View) -> String {
    let focus = harbour.seq.fetch_add(1, Ordering::Relaxed) as usize % BERTHS;
    let vessel = view.lock().unwrap()[focus].vessel;
    let name = registry_name(harbour.registry, vessel).await.unwrap_or_else(|_| "unlisted".into());
    let rows = view.lock().unwrap();
    let mut out = format!("berth {focus}: {name}\n");
    for (i, b) in rows.iter().enumerate().skip(focus / PAGE * PAGE).take(PAGE).filter(|(_, b)| b.vessel != 0) {
        out.push_str(&format!(
            "{i:03} {} {}cm {} {}\n",
            b.vessel,
            b.draught_cm,
            b.moves,
            String::from_utf8_lossy(&b.agent)
        ));
    }
    out
}

async fn board(State(harbour): State<Arc<Harbour>>) -> String {
    if harbour.scoped {
        let (view, _following) = scoped_view(&harbour);
        page(&harbour, &view).await
    } else {
        let view = live_view(&harbour);
        page(&harbour, &view).await
    }
}

async fn pilot_feed(harbour: Arc<Harbour>) {
    let mut every = tokio::time::interval(Duration::from_millis(15));
    for n in 0u32.. {
        every.tick().await;
        let u = Update {
            berth: (n as usize * 7) % BERTHS,
            vessel: 9_100_000 + (n * 31) % 5000,
            draught_cm: 400 + (n % 900) as u16,
        };
        apply(&mut harbour.now.write().unwrap(), u);
        let _ = harbour.pilots.send(u);
    }
}

async fn registry(listener: TcpListener) {
    while let Ok((mut sock, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(v) = sock.read_u32().await {
                let _ = sock.write_all(format!("MV Nordwind {}", v % 1000).as_bytes()).await;
            }
        });
    }
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let names = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let harbour = Arc::new(Harbour {
            now: RwLock::new(vec![
                Berth { vessel: 0, draught_cm: 0, moves: 0, agent: *b"harbour office      " };
                BERTHS
            ]),
            pilots: broadcast::channel(64).0,
            registry: names.local_addr().unwrap(),
            seq: AtomicU32::new(0),
            scoped: !broken,
        });
        tokio::spawn(registry(names));
        tokio::spawn(pilot_feed(harbour.clone()));
        let app = Router::new().route("/", get(board)).with_state(harbour);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}
