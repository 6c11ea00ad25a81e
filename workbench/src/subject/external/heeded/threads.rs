//! Worker threads of tokio, by their names.

use std::time::{Duration, Instant};

use super::Seen;

/// What tokio calls threads of its runtimes, workers and blocking ones alike, where the program does not name them.
const NAMES: [&str; 2] = ["tokio-rt-worker", "tokio-runtime-w"];

/// How long a program may take from being ready to having its threads, which name themselves.
const PATIENCE: Duration = Duration::from_secs(1);

/// Threads of a process with such a name, once there are as many as were asked for or no more come.
pub(super) fn settled(pid: i32, asked: usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = named(pid);
        if found >= asked || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Threads of a process that have such a name.
fn named(pid: i32) -> usize {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let name = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm")).ok();
    threads.flatten().filter_map(name).filter(|name| NAMES.iter().any(|ours| name.starts_with(ours))).count()
}

/// What so many threads say where so many workers were asked for. More than that need not be workers: blocking threads
/// have the same name.
pub(super) fn judged(found: usize, asked: usize) -> Seen {
    let threads = if found == 1 { "1 thread".to_owned() } else { format!("{found} threads") };
    let told = format!("{threads} named like tokio's workers once it was ready");
    match found {
        0 => Seen::Nothing("it has no thread named as tokio names them".into()),
        _ if found == asked => Seen::InForce(told),
        _ if found < asked => Seen::Otherwise(told),
        _ => Seen::Nothing(format!("{told}, of which some may be of its blocking pool")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_threads_than_workers_are_a_proof_and_more_are_none() {
        assert!(matches!(judged(0, 2), Seen::Nothing(_)));
        assert!(matches!(judged(1, 2), Seen::Otherwise(seen) if seen.starts_with("1 thread named")));
        assert!(matches!(judged(2, 2), Seen::InForce(_)));
        assert!(matches!(judged(5, 2), Seen::Nothing(because) if because.contains("blocking pool")));
    }

    #[test]
    fn workers_of_this_process_are_counted() {
        let own = std::process::id().cast_signed();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        // Other tests of this process may have runtimes too.
        while named(own) < 3 {
            std::thread::yield_now();
        }
        drop(runtime);
    }
}
