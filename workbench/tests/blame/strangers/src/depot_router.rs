//! Lays out parcel tours: for every stop on a driver's sheet it finds the
//! drop point in the address book and adds up the way between them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const DEPOTS: u32 = 6;
const STREETS: u32 = 120;
const HOUSES: u32 = 60;
const VANS: u64 = 23;
const STOPS_A_TOUR: u64 = 150;

#[derive(Clone, PartialEq, Eq)]
struct Address {
    depot: u32,
    street: String,
    house: u32,
}

/// A point on the depot's grid, in metres.
#[derive(Clone, Copy)]
struct DropPoint {
    x: i32,
    y: i32,
}

trait BookKey: Eq + Hash + Send + Sync + 'static {
    fn of(address: Address) -> Self;
}

#[derive(PartialEq, Eq)]
struct DepotKey(Address);

impl BookKey for DepotKey {
    fn of(address: Address) -> Self {
        DepotKey(address)
    }
}

/// Addresses of one depot belong together.
impl Hash for DepotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.depot.hash(state); // guilty
    }
}

#[derive(PartialEq, Eq)]
struct DoorKey(Address);

impl BookKey for DoorKey {
    fn of(address: Address) -> Self {
        DoorKey(address)
    }
}

impl Hash for DoorKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.depot.hash(state);
        self.0.street.hash(state);
        self.0.house.hash(state);
    }
}

fn address(depot: u32, street: u32, house: u32) -> Address {
    Address { depot, street: format!("{} Street", street + 100), house }
}

struct AddressBook<K> {
    points: HashMap<K, DropPoint>,
}

impl<K: BookKey> AddressBook<K> {
    fn read_in() -> Self {
        let mut points = HashMap::new();
        for depot in 0..DEPOTS {
            for street in 0..STREETS {
                for house in 0..HOUSES {
                    let point = DropPoint { x: (street * 80) as i32, y: (house * 12 + depot) as i32 };
                    points.insert(K::of(address(depot, street, house)), point);
                }
            }
        }
        AddressBook { points }
    }

    fn find(&self, door: Address) -> Option<DropPoint> {
        self.points.get(&K::of(door)).copied()
    }
}

struct Tour {
    stops: u32,
    metres: i64,
}

struct Router<K> {
    book: AddressBook<K>,
    sheets: AtomicU64,
}

impl<K: BookKey> Router<K> {
    fn sheet(&self, number: u64) -> impl Iterator<Item = Address> {
        let depot = (number % u64::from(DEPOTS)) as u32;
        (0..STOPS_A_TOUR).map(move |stop| {
            let n = number * 7 + stop * 29;
            let street = (n % u64::from(STREETS)) as u32;
            let house = (n / 3 % u64::from(HOUSES)) as u32;
            address(depot, street, house)
        })
    }

    fn lay_out(&self, number: u64) -> Tour {
        let mut tour = Tour { stops: 0, metres: 0 };
        let mut at = DropPoint { x: 0, y: 0 };
        for door in self.sheet(number) {
            if let Some(point) = self.book.find(door) {
                tour.metres += i64::from((point.x - at.x).abs() + (point.y - at.y).abs());
                tour.stops += 1;
                at = point;
            }
        }
        tour
    }

    async fn respond(&self, _req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let number = self.sheets.fetch_add(1, Ordering::Relaxed);
        let tour = self.lay_out(number);
        let van = number % VANS;
        let text = format!("sheet={number} stops={} metres={} van={van}\n", tour.stops, tour.metres);
        Ok(Response::new(Full::new(Bytes::from(text))))
    }
}

async fn connection<K: BookKey>(stream: TcpStream, router: Arc<Router<K>>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|req| router.respond(req));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn serve<K: BookKey>(port: u16) {
    let router = Arc::new(Router::<K> { book: AddressBook::read_in(), sheets: AtomicU64::new(0) });
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, router.clone()));
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    if broken {
        runtime.block_on(serve::<DepotKey>(port));
    } else {
        runtime.block_on(serve::<DoorKey>(port));
    }
}
