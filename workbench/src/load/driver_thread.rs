//! The one thread that drives: pinned where it has a CPU of its own, with timers that fire when they are due.

use rustix::thread::{CpuSet, sched_setaffinity};

use super::LoadError;
use super::pacer::Pacing;
use super::placement::Placement;
use super::priority::DriverPriority;

/// What the thread really got.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// `dedicated` or `shared`.
    pub(super) placement: &'static str,
    pub(super) pacing: Pacing,
    pub(super) priority: DriverPriority,
}

impl Seat {
    fn take(placement: &Placement) -> Self {
        let pinned = match placement {
            Placement::Dedicated { driver, .. } => pin(*driver),
            Placement::Shared => false,
        };
        // A thread that could not be pinned must not spin where the subject runs.
        let got = if pinned { placement } else { &Placement::Shared };
        Self { placement: got.name(), pacing: got.pacing(), priority: DriverPriority::obtain() }
    }
}

fn pin(cpu: usize) -> bool {
    if cpu >= CpuSet::MAX_CPU {
        return false;
    }
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).is_ok()
}

/// Runs `body` on a driver thread and waits for it. Whatever the thread obtained ends with it.
pub(super) fn run<T: Send>(
    placement: &Placement,
    body: impl FnOnce(&Seat) -> Result<T, LoadError> + Send,
) -> Result<T, LoadError> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("load-driver".into())
            .spawn_scoped(scope, || body(&Seat::take(placement)))
            .map_err(LoadError::io("starting its thread"))?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_that_is_not_there_leaves_the_thread_shared_and_sleeping() {
        let placement = Placement::Dedicated { driver: 1023, subject: vec![0] };
        let seat = run(&placement, |seat| Ok(seat.clone())).unwrap();
        assert_eq!((seat.placement, seat.pacing), ("shared", Pacing::Sleep));
    }

    #[test]
    fn a_dedicated_driver_runs_on_its_cpu() {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu)).unwrap();
        let placement = Placement::Dedicated { driver: cpu, subject: vec![] };
        let (name, ran_on) = run(&placement, |seat| Ok((seat.placement, rustix::thread::sched_getcpu()))).unwrap();
        assert_eq!((name, ran_on), ("dedicated", cpu));
        assert_eq!(rustix::thread::sched_getaffinity(None).unwrap(), allowed, "only the driver was moved");
    }
}
