//! Delivery promises: by which day does each open order arrive, given the holidays of its region.
use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use std::thread;

const REGIONS: [(&str, &str); 3] = [
    ("north", "01-01;easter-2;easter+1;05-01;easter+39;easter+50;10-03;12-25;12-26"),
    ("south", "01-01;01-06;easter-2;easter+1;05-01;easter+39;easter+50;easter+60;08-15;10-03;11-01;12-25;12-26"),
    ("coast", "01-01;easter-3;easter-2;easter+1;05-01;05-17;easter+39;easter+50;12-25;12-26"),
];

struct Order {
    number: i64,
    region: &'static str,
    dispatched: i64,
    working_days: u32,
}

/// Days since 1970-01-01.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn easter(year: i64) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    day_number(year, n / 31, n % 31 + 1)
}

fn rule_day(rule: &str, year: i64) -> Option<i64> {
    if let Some(offset) = rule.strip_prefix("easter") {
        return Some(easter(year) + offset.parse::<i64>().ok()?);
    }
    let (month, day) = rule.split_once('-')?;
    Some(day_number(year, month.parse().ok()?, day.parse().ok()?))
}

fn holidays(region: &str) -> BTreeSet<i64> {
    let rules = REGIONS.iter().find(|(name, _)| *name == region).map_or("", |(_, rules)| rules);
    let mut days = BTreeSet::new();
    for year in 1970..2100 {
        days.extend(rules.split(';').filter_map(|rule| rule_day(rule, year))); // guilty
    }
    days
}

fn arrival(order: &Order, closed: &BTreeSet<i64>) -> i64 {
    let mut day = order.dispatched;
    let mut left = order.working_days;
    while left > 0 {
        day += 1;
        let weekday = (day + 3).rem_euclid(7);
        if weekday < 5 && !closed.contains(&day) {
            left -= 1;
        }
    }
    day
}

struct Desk {
    prepared: Option<HashMap<&'static str, BTreeSet<i64>>>,
    next_order: AtomicI64,
}

impl Desk {
    fn promise(&self, order: &Order) -> i64 {
        match &self.prepared {
            Some(calendars) => arrival(order, &calendars[order.region]),
            None => promise_from_rules(order),
        }
    }

    fn open_orders(&self) -> Vec<Order> {
        let first = self.next_order.fetch_add(3, Ordering::Relaxed);
        (first..first + 40)
            .map(|number| Order {
                number,
                region: REGIONS[number as usize % 3].0,
                dispatched: 20_000 + number % 365,
                working_days: 2 + (number % 5) as u32,
            })
            .collect()
    }

    fn sheet(&self) -> String {
        let mut sheet = String::from("order;region;days\n");
        for order in self.open_orders() {
            let days = self.promise(&order) - order.dispatched;
            sheet.push_str(&format!("{};{};{}\n", order.number, order.region, days));
        }
        sheet
    }
}

fn promise_from_rules(order: &Order) -> i64 {
    let closed = holidays(order.region); // guilty
    arrival(order, &closed)
}

fn serve(stream: TcpStream, desk: &Desk) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line == b"\r\n" {
            let sheet = desk.sheet();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n", sheet.len());
            reader.get_mut().write_all((head + &sheet).as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let prepared = (!broken).then(|| REGIONS.iter().map(|(name, _)| (*name, holidays(name))).collect());
    let desk = Arc::new(Desk { prepared, next_order: AtomicI64::new(1) });
    for stream in TcpListener::bind(("127.0.0.1", port)).expect("bind").incoming().flatten() {
        let desk = desk.clone();
        thread::spawn(move || serve(stream, &desk));
    }
}
