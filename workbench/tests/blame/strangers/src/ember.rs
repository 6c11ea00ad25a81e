//! Resizes on threads of their own.
use axum::{extract::State, routing::get, Router};
use std::sync::{mpsc, Arc, Mutex};
use tokio::sync::oneshot;
type Job = Box<dyn FnOnce() + Send>;
struct Workers {
    queue: Option<Mutex<mpsc::Sender<Job>>>,
}
fn shrink(seed: u64) -> u64 {
    (0..2_000u64).fold(seed, |sum, n| sum.rotate_left(5) ^ n)
}
impl Workers {
    fn start(broken: bool) -> Self {
        if broken {
            return Self { queue: None };
        }
        let (send, take) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for job in take {
                job()
            }
        });
        Self { queue: Some(Mutex::new(send)) }
    }
    async fn resize(&self, parts: u64) -> u64 {
        let mut sum = 0;
        for part in 0..parts {
            sum ^= self.part(part).await;
        }
        sum
    }
    async fn part(&self, part: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            let _ = reply.send(shrink(part));
        };
        match &self.queue {
            Some(queue) => queue.lock().unwrap().send(Box::new(job)).unwrap(),
            None => spawn_detached(job),
        }
        answer.await.unwrap()
    }
}
fn spawn_detached(job: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(8 << 20).name("resize".into()).spawn(job).unwrap();
    // guilty
}
async fn image(State(workers): State<Arc<Workers>>) -> String {
    workers.resize(60).await.to_string()
}
pub fn app(broken: bool) -> Router {
    Router::new().route("/", get(image)).with_state(Arc::new(Workers::start(broken)))
}
