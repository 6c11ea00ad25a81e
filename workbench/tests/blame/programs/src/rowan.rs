//! The body is a stream whose parts come from an engine on a thread of its own, and the stream waits for them in `poll_next`.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use futures_util::Stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc as tasks;

use crate::Twin;

/// Where an engine puts its parts.
enum Outlet {
    Thread(mpsc::Sender<Bytes>),
    Task(tasks::UnboundedSender<Bytes>),
}

/// Where a body takes them.
enum Parts {
    Thread(mpsc::Receiver<Bytes>),
    Task(tasks::UnboundedReceiver<Bytes>),
}

impl Stream for Parts {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::Thread(parts) => Poll::Ready(next_of(parts).map(Ok)), // guilty
            Self::Task(parts) => parts.poll_recv(context).map(|part| part.map(Ok)),
        }
    }
}

fn next_of(parts: &mpsc::Receiver<Bytes>) -> Option<Bytes> {
    parts.recv().ok() // guilty
}

fn render(outlet: &Outlet) {
    for part in 0..3_u8 {
        std::thread::sleep(Duration::from_millis(5));
        let part = Bytes::from(vec![b'a' + part; 500]);
        let gone = match outlet {
            Outlet::Thread(outlet) => outlet.send(part).is_err(),
            Outlet::Task(outlet) => outlet.send(part).is_err(),
        };
        if gone {
            return;
        }
    }
}

async fn picture(State(twin): State<Twin>) -> Body {
    let (outlet, parts) = match twin {
        Twin::Broken => {
            let (outlet, parts) = mpsc::channel();
            (Outlet::Thread(outlet), Parts::Thread(parts))
        }
        Twin::Healthy => {
            let (outlet, parts) = tasks::unbounded_channel();
            (Outlet::Task(outlet), Parts::Task(parts))
        }
    };
    std::thread::spawn(move || render(&outlet));
    Body::from_stream(parts)
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let router = Router::new().route("/", get(picture)).with_state(twin);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
