//! What a thread did during one poll, added up from looks at it.

use super::look::{Sleep, State};
use super::record::Class;

/// Time on a CPU, asleep, and ready without a CPU, nanoseconds. The three add up to the time from the beginning of the
/// poll to the last look.
///
/// Between two looks the thread's CPU clock tells how long it ran. The rest it slept, where it was found asleep at
/// either end; else it was ready to run, and nobody let it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    pub(super) on_cpu: u64,
    pub(super) asleep: u64,
    pub(super) waiting: u64,
    pub(super) looks: u32,
    /// Until when, on the recorder's clock, and the thread's CPU clock by then.
    at: u64,
    cpu: u64,
    state: Option<State>,
    places: Vec<(Sleep, u64)>,
}

/// Distinct places of sleep that are told apart in one poll.
const MOST_PLACES: usize = 16;

impl Timeline {
    /// A poll that began at `began`; `cpu` is an earlier reading of the thread's CPU clock, the later the better: what
    /// it ran in between counts as this poll's.
    pub(super) fn new(began: u64, cpu: u64) -> Self {
        Self { at: began, cpu, ..Self::default() }
    }

    /// The thread is found in this state at `at`, its CPU clock at `cpu`, asleep at that place.
    pub(super) fn look(&mut self, at: u64, cpu: u64, state: State, place: Option<Sleep>) {
        let asleep = state == State::Asleep || self.state == Some(State::Asleep);
        self.looks += 1;
        self.state = Some(state);
        if let Some(place) = place {
            self.sleeps_at(place);
        }
        self.stretch(at, cpu, asleep);
    }

    /// The poll ended at `at`; the CPU clock was read at `cpu`, perhaps later. It stayed in the state it was last in.
    pub(super) fn end(&mut self, at: u64, cpu: Option<u64>) {
        if self.looks > 0 {
            self.stretch(at, cpu.unwrap_or(self.cpu), self.state == Some(State::Asleep));
        }
    }

    fn stretch(&mut self, at: u64, cpu: u64, asleep: bool) {
        let whole = at.saturating_sub(self.at);
        let ran = cpu.saturating_sub(self.cpu).min(whole);
        self.on_cpu += ran;
        if asleep {
            self.asleep += whole - ran;
            if let Some(last) = self.places.last_mut() {
                last.1 += whole - ran;
            }
        } else {
            self.waiting += whole - ran;
        }
        self.at = self.at.max(at);
        self.cpu = self.cpu.max(cpu);
    }

    /// The place of the moment becomes the last of the list.
    fn sleeps_at(&mut self, place: Sleep) {
        let known = self.places.iter().position(|(known, _)| *known == place);
        match known {
            Some(known) => self.places[known..].rotate_left(1),
            None if self.places.len() < MOST_PLACES => self.places.push((place, 0)),
            None => {}
        }
    }

    /// Where it slept longest.
    pub(super) fn place(&self) -> Option<&Sleep> {
        self.places.iter().max_by_key(|(_, time)| *time).map(|(place, _)| place)
    }

    /// Why it took so long, as far as can be told without a stack. What a poll did by itself makes it a stall where
    /// that alone took longer than the threshold; else the host did.
    pub(super) fn class(&self, threshold: u64) -> Class {
        if self.looks == 0 {
            return Class::Unknown;
        }
        if self.on_cpu + self.asleep < threshold {
            return Class::Descheduled;
        }
        if self.on_cpu >= self.asleep {
            return Class::OnCpu;
        }
        match self.place() {
            Some(place) if place.on_futex() => Class::Lock,
            _ => Class::Blocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(wchan: &str, syscall: i64) -> Option<Sleep> {
        Some(Sleep { wchan: Some(wchan.to_owned()), syscall: Some(syscall) })
    }

    fn parts(timeline: &Timeline) -> [u64; 3] {
        [timeline.on_cpu, timeline.asleep, timeline.waiting].map(|part| part / MS)
    }

    #[test]
    fn a_busy_thread_is_on_cpu_however_often_it_is_interrupted() {
        let mut busy = Timeline::new(100 * MS, 7 * MS);
        // 15 ms of CPU in 60 ms.
        for look in 1..=5 {
            busy.look((100 + 10 * look) * MS, (7 + 2 * look) * MS, State::Runnable, None);
        }
        busy.end(160 * MS, Some(22 * MS));
        assert_eq!(parts(&busy), [15, 0, 45]);
        assert_eq!(busy.class(10 * MS), Class::OnCpu);
        assert_eq!(busy.class(20 * MS), Class::Descheduled);
    }

    #[test]
    fn sleep_is_told_by_where() {
        let mut sleeper = Timeline::new(0, 0);
        sleeper.look(5 * MS, MS, State::Asleep, at("hrtimer_nanosleep", libc::SYS_clock_nanosleep));
        sleeper.look(10 * MS, MS, State::Asleep, at("futex_do_wait", libc::SYS_futex));
        assert_eq!(parts(&sleeper), [1, 9, 0]);
        sleeper.look(15 * MS, MS, State::Asleep, at("futex_do_wait", libc::SYS_futex));
        assert_eq!(sleeper.class(10 * MS), Class::Lock);
        sleeper.look(20 * MS, MS, State::Asleep, at("hrtimer_nanosleep", libc::SYS_clock_nanosleep));
        sleeper.look(25 * MS, MS, State::Runnable, None);
        assert_eq!(parts(&sleeper), [1, 24, 0], "it woke up in between");
        sleeper.end(30 * MS, Some(90 * MS));
        assert_eq!(parts(&sleeper), [6, 24, 0], "what the thread ran after the poll is not the poll's");
        assert_eq!(sleeper.class(10 * MS), Class::Blocked);
        assert_eq!(sleeper.place().unwrap().syscall, Some(libc::SYS_clock_nanosleep));
    }

    #[test]
    fn nobody_looked() {
        let mut unseen = Timeline::new(0, 0);
        unseen.end(50 * MS, Some(50 * MS));
        assert_eq!(unseen.class(10 * MS), Class::Unknown);
    }

    #[test]
    fn places_are_limited() {
        let mut restless = Timeline::new(0, 0);
        for look in 0..100 {
            restless.look(look as u64 * MS, 0, State::Asleep, at("x", look));
        }
        assert_eq!(restless.places.len(), MOST_PLACES);
    }
}
