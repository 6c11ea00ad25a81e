//! Lunch orders: every GET places an order. Readers hand orders to two cooks;
//! each takeaway order has a runner that writes its ticket as the stages come in.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

#[derive(Clone, Debug)]
enum Stage {
    Taken,
    Plated(u32),
    Served,
    Notice(String),
}

struct Kitchen {
    following: Mutex<HashMap<u64, Sender<Stage>>>,
    notice_list: Mutex<Vec<Sender<Stage>>>,
    served: AtomicU64,
    takings: AtomicU64,
    broken: bool,
}

struct Job {
    order: u64,
    reply_to: TcpStream,
}

const DISHES: [(&str, u32); 5] = [("soup", 450), ("pie", 690), ("salad", 580), ("curry", 820), ("toast", 310)];

/// Writes down one order until nobody has anything more to say about it.
fn run_ticket(kitchen: &Kitchen, order: u64, stages: Receiver<Stage>) {
    let mut ticket = format!("#{order}");
    for stage in stages {
        match stage {
            Stage::Taken => ticket.push_str(" taken"),
            Stage::Plated(cents) => {
                kitchen.takings.fetch_add(cents as u64, Ordering::Relaxed);
                ticket.push_str(&format!(" plated:{cents}"));
            }
            Stage::Served => ticket.push_str(" served"),
            Stage::Notice(text) => ticket.push_str(&format!(" ({text})")),
        }
    }
    kitchen.served.fetch_add(ticket.len().min(1) as u64, Ordering::Relaxed);
}

fn note_failure(order: u64, failure: Option<std::io::Error>) {
    if let Some(e) = failure {
        eprintln!("order {order} goes without a runner: {e}");
    }
}

fn start_runner(kitchen: &Arc<Kitchen>, order: u64) {
    let (tell, stages) = channel();
    kitchen.following.lock().unwrap().insert(order, tell);
    let k = kitchen.clone();
    let started = thread::Builder::new().stack_size(128 << 10).spawn(move || run_ticket(&k, order, stages));
    note_failure(order, started.err());
}

fn start_runner_with_notices(kitchen: &Arc<Kitchen>, order: u64) {
    let (tell, stages) = channel();
    kitchen.notice_list.lock().unwrap().push(tell.clone()); // guilty
    kitchen.following.lock().unwrap().insert(order, tell);
    let k = kitchen.clone();
    let started = thread::Builder::new().stack_size(128 << 10).spawn(move || run_ticket(&k, order, stages)); // guilty
    note_failure(order, started.err());
}

fn tell(kitchen: &Kitchen, order: u64, stage: Stage) {
    if let Some(runner) = kitchen.following.lock().unwrap().get(&order) {
        let _ = runner.send(stage);
    }
}

fn hand_over(kitchen: &Kitchen, order: u64) {
    tell(kitchen, order, Stage::Served);
    kitchen.following.lock().unwrap().remove(&order);
}

fn announce(kitchen: &Kitchen, text: &str) {
    let notice = Stage::Notice(text.to_string());
    if kitchen.broken {
        kitchen.notice_list.lock().unwrap().retain(|r| r.send(notice.clone()).is_ok());
    } else {
        for runner in kitchen.following.lock().unwrap().values() {
            let _ = runner.send(notice.clone());
        }
    }
}

fn prepare(kitchen: &Arc<Kitchen>, order: u64) -> String {
    let takeaway = order % 4 == 0;
    match (takeaway, kitchen.broken) {
        (false, _) => {}
        (true, true) => start_runner_with_notices(kitchen, order),
        (true, false) => start_runner(kitchen, order),
    }
    tell(kitchen, order, Stage::Taken);
    let (dish, base) = DISHES[order as usize % DISHES.len()];
    let cents = base + (order as u32 * 17) % 90;
    tell(kitchen, order, Stage::Plated(cents));
    hand_over(kitchen, order);
    if order % 1000 == 0 {
        announce(kitchen, "thank you for your patience");
    }
    format!("order {order}: {dish}, {}.{:02}\n", cents / 100, cents % 100)
}

fn cook(kitchen: Arc<Kitchen>, jobs: Arc<Mutex<Receiver<Job>>>) {
    loop {
        let next = jobs.lock().unwrap().recv();
        let Ok(mut job) = next else { return };
        let body = prepare(&kitchen, job.order);
        let msg = format!("HTTP/1.1 200 OK\r\nServer: lunch\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let _ = job.reply_to.write_all(msg.as_bytes());
    }
}

fn read_orders(sock: TcpStream, numbers: &AtomicU64, jobs: Sender<Job>) {
    let _ = sock.set_nodelay(true);
    let Ok(back) = sock.try_clone() else { return };
    let mut saw_request = false;
    for line in BufReader::new(sock).lines() {
        let Ok(line) = line else { return };
        if line.starts_with("GET ") {
            saw_request = true;
        } else if line.is_empty() && std::mem::take(&mut saw_request) {
            let Ok(reply_to) = back.try_clone() else { return };
            let order = numbers.fetch_add(1, Ordering::Relaxed);
            if jobs.send(Job { order, reply_to }).is_err() {
                return;
            }
        }
    }
}

pub fn run(broken: bool, port: u16) {
    let kitchen = Arc::new(Kitchen {
        following: Mutex::default(),
        notice_list: Mutex::default(),
        served: AtomicU64::new(0),
        takings: AtomicU64::new(0),
        broken,
    });
    let (jobs, inbox) = channel();
    let inbox = Arc::new(Mutex::new(inbox));
    for _ in 0..2 {
        let (k, i) = (kitchen.clone(), inbox.clone());
        thread::spawn(move || cook(k, i));
    }
    let numbers = Arc::new(AtomicU64::new(1));
    let door = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for sock in door.incoming().flatten() {
        let (numbers, jobs) = (numbers.clone(), jobs.clone());
        thread::spawn(move || read_orders(sock, &numbers, jobs));
    }
}
