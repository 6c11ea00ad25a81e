//! Sessions are remembered for ever: a map that grows with every request, without any channel.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Sessions {
    last: u64,
    known: HashMap<u64, Vec<u8>>,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let sessions = Arc::new(Mutex::new(Sessions::default()));
    crate::http::runtime()?.block_on(serve(port, move || visit(Arc::clone(&sessions), twin)))
}

async fn visit(sessions: Arc<Mutex<Sessions>>, twin: Twin) -> String {
    let mut sessions = sessions.lock().expect("nobody panics");
    remember(&mut sessions);
    if twin == Twin::Healthy {
        let oldest = sessions.last.saturating_sub(500);
        sessions.known.remove(&oldest);
    }
    sessions.last.to_string()
}

fn remember(sessions: &mut Sessions) {
    sessions.last += 1;
    let key = sessions.last;
    sessions.known.insert(key, vec![b's'; 24 * 1024]); // guilty
}
