//! Dispatch desk: each order is located by the map service and given to the nearest courier.
//! Couriers move; about four times a second the desk takes over their new positions.

use axum::{extract::State, routing::get, Router};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep, Interval};

struct Order {
    id: u64,
    street: u32,
}

struct Located {
    order: Order,
    x: i32,
    y: i32,
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<usize>>>>;

struct Desk {
    orders: mpsc::Sender<Order>,
    waiting: Waiting,
    serial: AtomicU64,
}

/// The map service: order id and street in, order id and coordinates out.
async fn map_service(socket: UdpSocket) {
    let mut buf = [0u8; 12];
    while let Ok((12, from)) = socket.recv_from(&mut buf).await {
        sleep(Duration::from_millis(1)).await;
        let street = u32::from_be_bytes(buf[8..12].try_into().unwrap());
        let spot = street.wrapping_mul(40_503) & 0xFFFF_FFFF;
        buf[8..12].copy_from_slice(&spot.to_be_bytes());
        let _ = socket.send_to(&buf, from).await;
    }
}

struct Map {
    socket: UdpSocket,
}

impl Map {
    async fn connect(service: SocketAddr) -> std::io::Result<Map> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.connect(service).await?;
        Ok(Map { socket })
    }

    async fn locate(&self, order: Order) -> Located {
        let mut frame = [0u8; 12];
        frame[..8].copy_from_slice(&order.id.to_be_bytes());
        frame[8..].copy_from_slice(&order.street.to_be_bytes());
        let _ = self.socket.send(&frame).await;
        loop {
            let mut reply = [0u8; 12];
            let n = self.socket.recv(&mut reply).await.unwrap_or(0);
            if n == 12 && reply[..8] == frame[..8] {
                let x = i16::from_be_bytes([reply[8], reply[9]]) as i32;
                let y = i16::from_be_bytes([reply[10], reply[11]]) as i32;
                return Located { order, x, y };
            }
        }
    }
}

fn shift_couriers(couriers: &mut [(i32, i32)]) {
    for (n, (x, y)) in couriers.iter_mut().enumerate() {
        *x = (*x + 37 * n as i32 + 5) % 30_000;
        *y = (*y + 53 * n as i32 + 9) % 30_000;
    }
}

fn assign(waiting: &Waiting, couriers: &[(i32, i32)], at: &Located) {
    let far = |c: &(i32, i32)| (c.0 - at.x).abs() as i64 + (c.1 - at.y).abs() as i64;
    let nearest = (0..couriers.len()).min_by_key(|n| far(&couriers[*n])).unwrap_or(0);
    if let Some(reply) = waiting.lock().unwrap().remove(&at.order.id) {
        let _ = reply.send(nearest);
    }
}

async fn next_located(orders: &mut mpsc::Receiver<Order>, map: &Map) -> Option<Located> {
    let order = orders.recv().await?; // guilty
    Some(map.locate(order).await) // guilty
}

async fn run_desk(mut orders: mpsc::Receiver<Order>, map: Map, waiting: Waiting, mut moves: Interval) {
    let mut couriers = vec![(0, 0); 60];
    loop {
        tokio::select! {
            _ = moves.tick() => shift_couriers(&mut couriers), // guilty
            located = next_located(&mut orders, &map) => match located { // guilty
                Some(at) => assign(&waiting, &couriers, &at),
                None => return,
            },
        }
    }
}

async fn run_desk_whole(mut orders: mpsc::Receiver<Order>, map: Map, waiting: Waiting, mut moves: Interval) {
    let mut couriers = vec![(0, 0); 60];
    loop {
        tokio::select! {
            _ = moves.tick() => shift_couriers(&mut couriers),
            order = orders.recv() => match order {
                Some(order) => assign(&waiting, &couriers, &map.locate(order).await),
                None => return,
            },
        }
    }
}

async fn order(State(desk): State<Arc<Desk>>) -> String {
    let id = desk.serial.fetch_add(1, Ordering::Relaxed);
    let (reply, courier) = oneshot::channel();
    desk.waiting.lock().unwrap().insert(id, reply);
    let _ = desk.orders.send(Order { id, street: (id * 31 % 9_973) as u32 }).await;
    match courier.await {
        Ok(n) => format!("order {id}: courier {n} is on the way\n"),
        Err(_) => format!("order {id}: nobody there\n"),
    }
}

pub async fn app(broken: bool) -> Router {
    let service = UdpSocket::bind("127.0.0.1:0").await.expect("map service");
    let map = Map::connect(service.local_addr().unwrap()).await.expect("map");
    tokio::spawn(map_service(service));
    let (tx, rx) = mpsc::channel(256);
    let waiting: Waiting = Arc::default();
    let moves = interval(Duration::from_millis(233));
    if broken {
        tokio::spawn(run_desk(rx, map, waiting.clone(), moves));
    } else {
        tokio::spawn(run_desk_whole(rx, map, waiting.clone(), moves));
    }
    let desk = Desk { orders: tx, waiting, serial: AtomicU64::new(1) };
    Router::new().route("/", get(order)).with_state(Arc::new(desk))
}
