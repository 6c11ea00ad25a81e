//! The rows of a page are asked for one after the other: thirty round trips where one would do.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let database = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let database_port = database.local_addr()?.port();
    std::thread::Builder::new().name("database".into()).spawn(move || database_of_another_host(database))?;
    crate::http::runtime()?.block_on(async move {
        let pool: &Mutex<Vec<TcpStream>> = Box::leak(Box::new(Mutex::new(Vec::new())));
        serve(port, move || async move {
            match page(pool, database_port, twin).await {
                Ok(rows) => format!("{rows} rows"),
                Err(error) => error.to_string(),
            }
        })
        .await
    })
}

async fn page(pool: &Mutex<Vec<TcpStream>>, port: u16, twin: Twin) -> io::Result<usize> {
    let kept = pool.lock().await.pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => TcpStream::connect(("127.0.0.1", port)).await?,
    };
    connection.set_nodelay(true)?;
    let rows = match twin {
        Twin::Broken => rows_one_by_one(&mut connection).await?,
        Twin::Healthy => rows_at_once(&mut connection).await?,
    };
    pool.lock().await.push(connection);
    Ok(rows)
}

async fn rows_one_by_one(connection: &mut TcpStream) -> io::Result<usize> {
    let mut row = [0; 32];
    for _ in 0..30 {
        connection.write_all(&[1]).await?;
        connection.read_exact(&mut row).await?; // guilty
    }
    Ok(30)
}

async fn rows_at_once(connection: &mut TcpStream) -> io::Result<usize> {
    let mut rows = [0; 32 * 30];
    connection.write_all(&[30]).await?;
    connection.read_exact(&mut rows).await?;
    Ok(30)
}

/// Answers a byte that says how many rows, with the rows.
fn database_of_another_host(listener: std::net::TcpListener) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.set_nodelay(true);
            tokio::spawn(async move {
                let mut wanted = [0];
                while socket.read_exact(&mut wanted).await.is_ok() {
                    if socket.write_all(&vec![b'r'; 32 * usize::from(wanted[0])]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}
