//! Shared bits: the little line services the programs talk to.
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A neighbouring service: one line in, one line out, after `latency`.
pub fn line_service(name: &'static str, latency: Duration, answer: fn(&str) -> String) -> SocketAddr {
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            rt.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tx.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let Ok((sock, _)) = listener.accept().await else { continue };
                    let _ = sock.set_nodelay(true);
                    tokio::spawn(async move {
                        let (r, mut w) = sock.into_split();
                        let mut lines = BufReader::new(r).lines();
                        while let Ok(Some(line)) = lines.next_line().await {
                            tokio::time::sleep(latency).await;
                            let mut out = answer(&line);
                            out.push('\n');
                            if w.write_all(out.as_bytes()).await.is_err() {
                                break;
                            }
                        }
                    });
                }
            });
        })
        .unwrap();
    rx.recv().unwrap()
}

pub fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
