//! Toll clearing: a car passes the gantry, its account is charged at the clearing house,
//! and the receipt goes back. A teller keeps the connection to the clearing house.
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

struct Charge {
    plate: String,
    cents: u32,
    receipt: Sender<String>,
}

/// The clearing house: every charge is confirmed, in order, 5 ms after it came in.
fn clearing_house(house: TcpListener) {
    for stream in house.incoming().flatten() {
        stream.set_nodelay(true).ok();
        let mut out = stream.try_clone().unwrap();
        let (accepted, due) = channel::<(Instant, String)>();
        thread::spawn(move || -> io::Result<()> {
            for (at, charge) in due {
                thread::sleep(at.saturating_duration_since(Instant::now()));
                out.write_all(format!("PAID {charge}\n").as_bytes())?;
            }
            Ok(())
        });
        thread::spawn(move || {
            for charge in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = accepted.send((Instant::now() + Duration::from_millis(5), charge));
            }
        });
    }
}

fn dial(house: SocketAddr) -> io::Result<(TcpStream, BufReader<TcpStream>)> {
    let out = TcpStream::connect(house)?;
    out.set_nodelay(true)?;
    let answers = BufReader::new(out.try_clone()?);
    Ok((out, answers))
}

fn post(out: &mut TcpStream, charge: &Charge) -> io::Result<()> {
    out.write_all(format!("{} {}\n", charge.plate, charge.cents).as_bytes())
}

fn read_receipt(answers: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}

fn teller(house: SocketAddr, charges: Receiver<Charge>) -> io::Result<()> {
    let (mut out, mut answers) = dial(house)?;
    for charge in charges {
        post(&mut out, &charge)?; // guilty
        let line = read_receipt(&mut answers)?; // guilty
        let _ = charge.receipt.send(line);
    }
    Ok(())
}

fn sending_teller(house: SocketAddr, charges: Receiver<Charge>) -> io::Result<()> {
    let (mut out, mut answers) = dial(house)?;
    let (posted, open) = channel::<Sender<String>>();
    thread::spawn(move || -> io::Result<()> {
        for receipt in open {
            let _ = receipt.send(read_receipt(&mut answers)?);
        }
        Ok(())
    });
    for charge in charges {
        post(&mut out, &charge)?;
        let _ = posted.send(charge.receipt);
    }
    Ok(())
}

fn read_plate(car: u64) -> String {
    let letter = |n: u64| (b'A' + (n % 26) as u8) as char;
    format!("{}{}-{:04}", letter(car / 7), letter(car / 3), car * 37 % 10_000)
}

fn tariff(car: u64) -> u32 {
    match car % 10 {
        0 => 1250,
        1 | 2 => 680,
        _ => 340,
    }
}

fn pass_gantry(car: u64, office: &Sender<Charge>) -> String {
    let (receipt, paid) = channel();
    let charge = Charge { plate: read_plate(car), cents: tariff(car), receipt };
    if office.send(charge).is_err() {
        return "office closed\n".into();
    }
    paid.recv().unwrap_or_else(|_| "not cleared\n".into())
}

fn lane(number: u64, stream: TcpStream, office: Sender<Charge>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut car = number * 1000;
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            car += 1;
            let body = pass_gantry(car, &office);
            out.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        }
    }
    Ok(())
}

pub fn run(broken: bool, port: u16) {
    let house = TcpListener::bind("127.0.0.1:0").expect("clearing house");
    let address = house.local_addr().unwrap();
    thread::spawn(move || clearing_house(house));
    let (office, charges) = channel();
    let work = if broken { teller } else { sending_teller };
    thread::Builder::new().name("teller".into()).spawn(move || work(address, charges)).unwrap();
    let gantry = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    for (number, stream) in gantry.incoming().flatten().enumerate() {
        let office = office.clone();
        thread::spawn(move || lane(number as u64, stream, office));
    }
}
