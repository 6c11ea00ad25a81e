//! One thread, tasks that are not `Send`, HTTP written by hand: one answer in five asks another program and waits for it.

use std::cell::RefCell;
use std::io;
use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::Twin;

/// What is known of the machine.
trait Fact {
    fn value(&self) -> io::Result<String>;
}

struct Uptime;

impl Fact for Uptime {
    fn value(&self) -> io::Result<String> {
        // The tool takes its time, as such tools do.
        let child = std::process::Command::new("sleep").arg("0.02").stdin(Stdio::null()).output()?; // guilty
        Ok(child.status.to_string())
    }
}

struct Desk<F> {
    fact: F,
    seen: RefCell<u64>,
    twin: Twin,
}

impl<F: Fact> Desk<F> {
    async fn answer(&self) -> io::Result<String> {
        let seen = {
            let mut seen = self.seen.borrow_mut();
            *seen += 1;
            *seen
        };
        match (seen % 5, self.twin) {
            (0, Twin::Broken) => self.fact.value(), // guilty
            (0, Twin::Healthy) => tokio::task::spawn_blocking(|| Uptime.value()).await.map_err(io::Error::other)?,
            _ => Ok(format!("{seen} seen")),
        }
    }
}

async fn converse<F: Fact>(desk: Rc<Desk<F>>, socket: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(socket);
    let mut line = String::new();
    loop {
        line.clear();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
        }
        let body = desk.answer().await?;
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).await?;
        stream.flush().await?;
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let desk = Rc::new(Desk { fact: Uptime, seen: RefCell::new(0), twin });
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::task::spawn_local(converse(Rc::clone(&desk), socket));
        }
    })
}
