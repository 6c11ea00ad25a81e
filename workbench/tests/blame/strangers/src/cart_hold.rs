//! Cart hold: GET / is one click in the shop. Every third click sets an article aside in a new cart,
//! some carts are paid for, and a cart that nobody touches for a while goes back on the shelf.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const ARTICLES: [&str; 5] = ["kettle", "lamp", "scarf", "teapot", "stool"];
const HOLD: Duration = Duration::from_millis(800);

enum News {
    Touched,
    Paid,
}

#[derive(Default)]
struct Shelf {
    clicks: u64,
    sold: u64,
    given_back: u64,
    carts: HashMap<u64, Instant>,
    bells: HashMap<u64, Sender<News>>,
}

struct Shop {
    shelf: Mutex<Shelf>,
    broken: bool,
}

fn article(cart: u64) -> &'static str {
    ARTICLES[(cart / 3) as usize % ARTICLES.len()]
}

impl Shop {
    fn put_back(&self, cart: u64) {
        let mut shelf = self.shelf.lock().unwrap();
        if shelf.carts.remove(&cart).is_some() {
            shelf.given_back += 1;
        }
    }

    fn put_back_untouched(&self) {
        let mut shelf = self.shelf.lock().unwrap();
        let before = shelf.carts.len();
        shelf.carts.retain(|_, touched| touched.elapsed() < HOLD);
        shelf.given_back += (before - shelf.carts.len()) as u64;
    }

    fn pay(&self, cart: u64) -> String {
        let mut shelf = self.shelf.lock().unwrap();
        if shelf.carts.remove(&cart).is_none() {
            return format!("cart {cart} is gone, sorry\n");
        }
        shelf.sold += 1;
        if let Some(bell) = shelf.bells.remove(&cart) {
            let _ = bell.send(News::Paid);
        }
        format!("the {} is yours; {} sold today\n", article(cart), shelf.sold)
    }

    fn look(&self, cart: u64) -> String {
        let mut shelf = self.shelf.lock().unwrap();
        if let Some(touched) = shelf.carts.get_mut(&cart) {
            *touched = Instant::now();
        }
        if let Some(bell) = shelf.bells.get(&cart) {
            let _ = bell.send(News::Touched);
        }
        format!("cart {cart}: one {}; {} went back today\n", article(cart), shelf.given_back)
    }
}

fn open_cart(shop: &Arc<Shop>, cart: u64) -> String {
    shop.shelf.lock().unwrap().carts.insert(cart, Instant::now());
    if shop.broken {
        attend(shop, cart);
    }
    format!("we keep one {} for you in cart {cart}\n", article(cart))
}

fn attend(shop: &Arc<Shop>, cart: u64) {
    let (bell, news) = channel();
    shop.shelf.lock().unwrap().bells.insert(cart, bell); // guilty
    let shop = shop.clone();
    thread::spawn(move || attendant(&shop, cart, news)); // guilty
}

fn attendant(shop: &Shop, cart: u64, news: Receiver<News>) {
    loop {
        match news.recv_timeout(HOLD) {
            // guilty
            Ok(News::Touched) => continue,
            Ok(News::Paid) => return,
            Err(RecvTimeoutError::Timeout) => shop.put_back(cart), // guilty
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn store_clerk(shop: Arc<Shop>) {
    loop {
        thread::sleep(HOLD / 4);
        shop.put_back_untouched();
    }
}

fn click(shop: &Arc<Shop>) -> String {
    let number = {
        let mut shelf = shop.shelf.lock().unwrap();
        shelf.clicks += 1;
        shelf.clicks
    };
    let cart = number - number % 3;
    match number % 3 {
        0 => open_cart(shop, cart),
        1 => shop.look(cart),
        _ if cart % 4 == 0 => shop.pay(cart),
        _ => shop.look(cart),
    }
}

fn serve(stream: TcpStream, shop: Arc<Shop>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 0 {
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        let (status, body) = match head.starts_with("GET / ") {
            true => ("200 OK", click(&shop)),
            false => ("404 Not Found", String::new()),
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        writer.write_all(answer.as_bytes())?;
        head.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let shop = Arc::new(Shop { shelf: Mutex::default(), broken });
    if !broken {
        let clerked = shop.clone();
        thread::spawn(move || store_clerk(clerked));
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("port");
    for stream in listener.incoming().flatten() {
        let shop = shop.clone();
        thread::spawn(move || serve(stream, shop));
    }
}
