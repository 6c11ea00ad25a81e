//! Recipe box: tonight's menu. Recipes and cooks live in the pantry, a key-value server spoken to line by line.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const DISHES: usize = 160;

fn stock() -> HashMap<String, String> {
    let mut shelf = HashMap::new();
    for menu in 0..20 {
        let ids: Vec<String> = (0..DISHES).map(|n| format!("dish:{}", menu * 11 + n)).collect();
        shelf.insert(format!("menu:{menu}"), ids.join(" "));
    }
    for n in 0..400 {
        shelf.insert(
            format!("dish:{n}"),
            format!("soup no. {n} with {} leeks;{} min;cook:{}", n % 9, 10 + n % 50, n % 45),
        );
    }
    for n in 0..45 {
        shelf.insert(format!("cook:{n}"), format!("Cook {}", (b'A' + (n % 26) as u8) as char));
    }
    shelf
}

/// The pantry: `GET key...` is answered with one line, the values parted by tabs.
fn pantry() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let shelf = Arc::new(stock());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shelf = shelf.clone();
            std::thread::spawn(move || fetch_for(stream, shelf));
        }
    });
    Ok(addr)
}

fn fetch_for(stream: std::net::TcpStream, shelf: Arc<HashMap<String, String>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    for line in std::io::BufReader::new(stream).lines() {
        let line = line?;
        let values: Vec<&str> =
            line.split(' ').skip(1).map(|k| shelf.get(k).map(String::as_str).unwrap_or("")).collect();
        out.write_all((values.join("\t") + "\n").as_bytes())?;
    }
    Ok(())
}

struct Line(BufReader<TcpStream>);

impl Line {
    async fn get(&mut self, keys: &str) -> io::Result<String> {
        self.0.write_all(format!("GET {keys}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).await?;
        answer.truncate(answer.trim_end().len());
        Ok(answer)
    }
}

struct Kitchen {
    pantry: SocketAddr,
    lines: Mutex<Vec<Line>>,
    evening: AtomicU64,
    broken: bool,
}

impl Kitchen {
    async fn line(&self) -> io::Result<Line> {
        let idle = self.lines.lock().pop();
        match idle {
            Some(line) => Ok(line),
            None => {
                let stream = TcpStream::connect(self.pantry).await?;
                stream.set_nodelay(true)?;
                Ok(Line(BufReader::new(stream)))
            }
        }
    }

    async fn menu(&self) -> io::Result<String> {
        let evening = self.evening.fetch_add(1, Ordering::Relaxed) % 20;
        let mut line = self.line().await?;
        let ids = line.get(&format!("menu:{evening}")).await?;
        let dishes =
            if self.broken { dishes_of(&mut line, &ids).await? } else { dishes_at_once(&mut line, &ids).await? };
        self.lines.lock().push(line);
        Ok(card(evening, &dishes))
    }
}

fn cook_key(dish: &str) -> &str {
    dish.rsplit(';').next().unwrap_or("")
}

async fn dishes_of(line: &mut Line, ids: &str) -> io::Result<Vec<String>> {
    let mut dishes = Vec::new();
    for id in ids.split(' ') {
        let dish = line.get(id).await?; // guilty
        let cook = line.get(cook_key(&dish)).await?; // guilty
        dishes.push(format!("{dish};{cook}"));
    }
    Ok(dishes)
}

async fn dishes_at_once(line: &mut Line, ids: &str) -> io::Result<Vec<String>> {
    let dishes = line.get(ids).await?;
    let keys: Vec<&str> = dishes.split('\t').map(cook_key).collect();
    let cooks = line.get(&keys.join(" ")).await?;
    Ok(dishes.split('\t').zip(cooks.split('\t')).map(|(dish, cook)| format!("{dish};{cook}")).collect())
}

fn card(evening: u64, dishes: &[String]) -> String {
    let mut card = format!("Menu of evening {evening}\n");
    for dish in dishes {
        let parts: Vec<&str> = dish.split(';').collect();
        if let [name, time, _, cook] = parts[..] {
            card.push_str(&format!("- {name} ({time}) by {cook}\n"));
        }
    }
    card
}

async fn serve(kitchen: Arc<Kitchen>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let end_of_head = line == "\r\n";
        line.clear();
        if end_of_head {
            let body = kitchen.menu().await?;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await?;
        }
    }
    Ok(())
}

pub async fn run(broken: bool, port: u16) -> io::Result<()> {
    let kitchen =
        Arc::new(Kitchen { pantry: pantry()?, lines: Mutex::new(Vec::new()), evening: AtomicU64::new(0), broken });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(kitchen.clone(), stream));
    }
}
