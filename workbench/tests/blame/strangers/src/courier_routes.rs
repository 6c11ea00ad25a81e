//! Bicycle couriers: each visit asks for the street-by-street route of the next parcel.
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

const SIDE: usize = 40;

struct Town {
    corners: Vec<String>,
    closed: Vec<bool>,
    parcels: AtomicUsize,
}

impl Town {
    fn survey() -> Town {
        let streets = ["Elm", "Mill", "Church", "Station", "Orchard", "Harbour"];
        let corners =
            (0..SIDE * SIDE).map(|i| format!("{} St & {}th", streets[i / SIDE % streets.len()], i % SIDE)).collect();
        let closed = (0..SIDE * SIDE).map(|i| i % SIDE != 0 && (i * 2654435761usize >> 7) % 11 == 0).collect();
        Town { corners, closed, parcels: AtomicUsize::new(0) }
    }

    fn open_neighbours(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let (row, col) = (at / SIDE, at % SIDE);
        let around = [
            (row > 0).then(|| at - SIDE),
            (row + 1 < SIDE).then(|| at + SIDE),
            (col > 0).then(|| at - 1),
            (col + 1 < SIDE).then(|| at + 1),
        ];
        around.into_iter().flatten().filter(|&n| !self.closed[n])
    }

    fn next_parcel(&self) -> (usize, usize) {
        let n = self.parcels.fetch_add(1, Ordering::Relaxed);
        let to = (SIDE - 1) * SIDE + SIDE - 1 - n % 4;
        (n % 5 * SIDE, to)
    }

    fn shortest(&self, from: usize, to: usize) -> Option<Vec<String>> {
        let mut seen = vec![false; SIDE * SIDE];
        let mut frontier = VecDeque::new();
        seen[from] = true;
        frontier.push_back((from, vec![self.corners[from].clone()]));
        while let Some((at, path)) = frontier.pop_front() {
            if at == to {
                return Some(path);
            }
            for next in self.open_neighbours(at) {
                if !seen[next] {
                    seen[next] = true;
                    let mut longer = path.clone(); // guilty
                    longer.push(self.corners[next].clone()); // guilty
                    frontier.push_back((next, longer));
                }
            }
        }
        None
    }

    fn shortest_by_parent(&self, from: usize, to: usize) -> Option<Vec<String>> {
        let mut parent = vec![usize::MAX; SIDE * SIDE];
        let mut frontier = VecDeque::from([from]);
        parent[from] = from;
        while let Some(at) = frontier.pop_front() {
            if at == to {
                return Some(self.walk_back(&parent, from, to));
            }
            for next in self.open_neighbours(at) {
                if parent[next] == usize::MAX {
                    parent[next] = at;
                    frontier.push_back(next);
                }
            }
        }
        None
    }

    fn walk_back(&self, parent: &[usize], from: usize, to: usize) -> Vec<String> {
        let mut path = vec![self.corners[to].clone()];
        let mut at = to;
        while at != from {
            at = parent[at];
            path.push(self.corners[at].clone());
        }
        path.reverse();
        path
    }
}

fn directions(route: Option<Vec<String>>) -> String {
    match route {
        Some(path) => format!("{} corners: {}\n", path.len(), path.join(", ")),
        None => "no way through today\n".to_string(),
    }
}

fn read_head(reader: &mut impl BufRead, line: &mut String) -> io::Result<bool> {
    loop {
        line.clear();
        if reader.read_line(line)? == 0 {
            return Ok(false);
        }
        if line.trim_end().is_empty() {
            return Ok(true);
        }
    }
}

fn desk(conn: TcpStream, town: &Town, broken: bool) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut reader = BufReader::new(&conn);
    let mut line = String::new();
    while read_head(&mut reader, &mut line)? {
        let (from, to) = town.next_parcel();
        let route = if broken { town.shortest(from, to) } else { town.shortest_by_parent(from, to) };
        let body = directions(route);
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        (&conn).write_all(reply.as_bytes())?;
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let town = Arc::new(Town::survey());
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    while let Ok((conn, _)) = listener.accept() {
        let town = town.clone();
        thread::spawn(move || desk(conn, &town, broken));
    }
}
