//! Offer board: today's offers in memory, republished with fresh prices a few
//! times a second. A fixed crew of threads accepts and serves connections.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

const OFFERS: usize = 420_000;
const CREW: usize = 24;

#[derive(Clone)]
struct Offer {
    title: String,
    seller: Box<str>,
    cents: u32,
}

struct Edition {
    number: u64,
    offers: Vec<Offer>,
}

struct Board {
    live: RwLock<Edition>,
    cursor: AtomicUsize,
}

fn first_edition() -> Edition {
    let goods = ["lamp", "kettle", "rug", "chair", "clock", "vase", "tent"];
    let offers = (0..OFFERS)
        .map(|i| Offer {
            title: format!("{} no. {}", goods[i % goods.len()], i),
            seller: format!("shop-{}", i * 31 % 977).into_boxed_str(),
            cents: 500 + (i as u32 * 7919) % 40_000,
        })
        .collect();
    Edition { number: 1, offers }
}

fn reprice(master: &mut Edition) -> Edition {
    master.number += 1;
    let step = master.number as usize;
    for o in master.offers.iter_mut().skip(step % 50).step_by(50) {
        o.cents = 500 + (o.cents * 3 + step as u32) % 40_000;
    }
    Edition { number: master.number, offers: master.offers.clone() }
}

fn publish(board: &Board, fresh: Edition) {
    let mut live = board.live.write().unwrap();
    *live = fresh; // guilty
}

fn publish_swap(board: &Board, fresh: Edition) {
    let retired = {
        let mut live = board.live.write().unwrap();
        std::mem::replace(&mut *live, fresh)
    };
    drop(retired);
}

fn editor(board: &Board, mut master: Edition, broken: bool) {
    loop {
        thread::sleep(Duration::from_millis(400));
        let fresh = reprice(&mut master);
        if broken {
            publish(board, fresh);
        } else {
            publish_swap(board, fresh);
        }
    }
}

fn front_page(board: &Board) -> String {
    let start = board.cursor.fetch_add(37, Ordering::Relaxed) % (OFFERS - 8);
    let live = board.live.read().unwrap();
    let mut page = format!("edition {}\n", live.number);
    for o in &live.offers[start..start + 8] {
        page.push_str(&format!("{:<18} {:<10} {:>4}.{:02}\n", o.title, o.seller, o.cents / 100, o.cents % 100));
    }
    page
}

/// Takes one request head off the buffer, reading more when needed.
fn next_head(sock: &mut TcpStream, held: &mut Vec<u8>) -> bool {
    let mut chunk = [0u8; 2048];
    loop {
        if let Some(at) = held.windows(4).position(|w| w == b"\r\n\r\n") {
            held.drain(..at + 4);
            return true;
        }
        match sock.read(&mut chunk) {
            Ok(n) if n > 0 => held.extend_from_slice(&chunk[..n]),
            _ => return false,
        }
    }
}

fn serve(board: &Board, mut sock: TcpStream) {
    let _ = sock.set_nodelay(true);
    let mut held = Vec::with_capacity(2048);
    while next_head(&mut sock, &mut held) {
        let page = front_page(board);
        let mut msg = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", page.len());
        msg.push_str(&page);
        if sock.write_all(msg.as_bytes()).is_err() {
            return;
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let mut master = first_edition();
    let board = Arc::new(Board { live: RwLock::new(reprice(&mut master)), cursor: AtomicUsize::new(0) });
    let b = board.clone();
    thread::spawn(move || editor(&b, master, broken));
    let door = Arc::new(TcpListener::bind(("127.0.0.1", port)).expect("bind"));
    let crew: Vec<_> = (0..CREW)
        .map(|_| {
            let (door, board) = (door.clone(), board.clone());
            thread::spawn(move || {
                while let Ok((sock, _)) = door.accept() {
                    serve(&board, sock);
                }
            })
        })
        .collect();
    for c in crew {
        let _ = c.join();
    }
}
