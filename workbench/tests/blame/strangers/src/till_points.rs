//! Till points: a till asks for the points of the card it has just seen.
//! A fixed crew of threads shares the listening socket; each serves one till at a time.
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

const CREW: usize = 40;
const NOTE_MAX: usize = 4096;
const TILL_QUIET: Duration = Duration::from_millis(20);

struct Card {
    holder: String,
    points: u32,
}

struct Club {
    cards: RwLock<HashMap<u32, Card>>,
    seen: AtomicU32,
    old_tills: bool,
}

struct Request {
    path: String,
    length: Option<usize>,
    note: Vec<u8>,
}

fn open_club(old_tills: bool) -> Club {
    let cards = (0..500u32).map(|n| (n, Card { holder: format!("member-{n:04}"), points: n * 37 % 900 })).collect();
    Club { cards: RwLock::new(cards), seen: AtomicU32::new(0), old_tills }
}

fn read_head(till: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if till.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or("/").to_string();
    let mut length = None;
    loop {
        line.clear();
        till.read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            return Ok(Some(Request { path, length, note: Vec::new() }));
        }
        if let Some((name, value)) = header.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
    }
}

/// The note of the till (tills of the first series send it without saying how long it is).
fn read_note(till: &mut BufReader<TcpStream>, req: &mut Request) -> io::Result<()> {
    till.get_ref().set_read_timeout(Some(TILL_QUIET))?; // guilty
    let mut chunk = [0u8; 512];
    while req.note.len() < req.length.unwrap_or(NOTE_MAX) {
        match till.read(&mut chunk) {
            // guilty
            Ok(0) => break,
            Ok(n) => req.note.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(e) => return Err(e),
        }
    }
    till.get_ref().set_read_timeout(None)
}

fn read_sized_note(till: &mut BufReader<TcpStream>, req: &mut Request) -> io::Result<()> {
    let length = req.length.unwrap_or(0).min(NOTE_MAX);
    req.note.resize(length, 0);
    till.read_exact(&mut req.note)
}

fn next_request(till: &mut BufReader<TcpStream>, club: &Club) -> io::Result<Option<Request>> {
    let Some(mut req) = read_head(till)? else { return Ok(None) };
    if club.old_tills {
        read_note(till, &mut req)?;
    } else {
        read_sized_note(till, &mut req)?;
    }
    Ok(Some(req))
}

fn tier(points: u32) -> &'static str {
    match points {
        0..=249 => "green",
        250..=599 => "silver",
        _ => "gold",
    }
}

fn points_page(club: &Club, req: &Request) -> (u16, String) {
    if req.path != "/" {
        return (404, "no such page\n".into());
    }
    let number = club.seen.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % 500;
    if number % 10 == 0 {
        if let Some(card) = club.cards.write().unwrap().get_mut(&number) {
            card.points = (card.points + 5) % 900;
        }
    }
    let cards = club.cards.read().unwrap();
    let card = &cards[&number];
    (
        200,
        format!(
            "{} has {} points ({}), note of {} bytes\n",
            card.holder,
            card.points,
            tier(card.points),
            req.note.len()
        ),
    )
}

fn serve_till(conn: TcpStream, club: &Club) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut till = BufReader::new(conn);
    while let Some(req) = next_request(&mut till, club)? {
        let (code, body) = points_page(club, &req);
        let mut out = Vec::with_capacity(256);
        write!(out, "HTTP/1.1 {code} X\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}", body.len())?;
        till.get_mut().write_all(&out)?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let listener = Arc::new(TcpListener::bind(("127.0.0.1", port)).expect("bind"));
    let club = Arc::new(open_club(broken));
    let crew: Vec<_> = (0..CREW)
        .map(|n| {
            let (listener, club) = (listener.clone(), club.clone());
            let work = move || loop {
                if let Ok((conn, _)) = listener.accept() {
                    let _ = serve_till(conn, &club);
                }
            };
            thread::Builder::new().name(format!("crew-{n}")).spawn(work).unwrap()
        })
        .collect();
    for hand in crew {
        let _ = hand.join();
    }
}
