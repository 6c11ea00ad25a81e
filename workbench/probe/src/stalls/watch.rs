//! What the watchdog does at each tick.

use std::sync::Arc;
use std::time::Duration;

use super::capture::{Answer, Camera, Request, Stack};
use super::kept::Seen;
use super::look::{self, State};
use super::timeline::Timeline;
use crate::tasks::{Ledger, OpenPoll, Threads};

/// A poll that is over tells its duration a moment later: so many looks, so far apart.
const PATIENCE: (u32, Duration) = (20, Duration::from_micros(50));

/// Looks at every thread that polls tasks of one recorder.
pub(super) struct Watch {
    threads: Threads,
    /// Nanoseconds.
    threshold: u64,
    /// Nanoseconds between ticks. Polls that are younger are not looked at.
    interval: u64,
    camera: Result<Camera, String>,
    seats: Vec<Seat>,
    /// Stalls so far.
    pub(super) seen: u64,
    /// The longest of them so far, ended or not, nanoseconds.
    pub(super) longest: u64,
}

/// One ledger, and what is known of whoever sits there.
struct Seat {
    ledger: Arc<Ledger>,
    overdue_before: u64,
    /// Its word at the last tick.
    word: u64,
    /// The thread's CPU clock when that word was first seen, and when the one before was.
    cpu: [u64; 2],
    open: Option<Open>,
}

/// A poll that is old enough to be looked at.
struct Open {
    poll: OpenPoll,
    timeline: Timeline,
    /// The thread's waits for a CPU in its life, nanoseconds, at the first look and at the last.
    run_queue: Option<[u64; 2]>,
    stall: Option<InStall>,
}

/// It is older than the threshold.
struct InStall {
    number: u64,
    thread: String,
    photo: Photo,
}

/// Its stack, with the age of the poll when it was asked for.
enum Photo {
    Asked(Request, u64),
    Taken(Stack, u64),
    Failed(String),
}

/// What is worth telling.
#[derive(Debug)]
pub(super) enum News {
    /// A poll is beyond the threshold and still lasts; its stack is there, or will not be.
    Caught(Seen),
    /// It has ended, or the watch has.
    Over(Seen),
}

impl Watch {
    pub(super) fn new(threads: Threads, threshold: u64, interval: u64) -> Self {
        Self { threads, threshold, interval, camera: Camera::new(), seats: Vec::new(), seen: 0, longest: 0 }
    }

    /// Why there are no stacks.
    pub(super) fn no_stacks(&self) -> Option<&str> {
        self.camera.as_ref().err().map(String::as_str)
    }

    /// Polls beyond the threshold that ended, by the hooks' own count.
    pub(super) fn counted(&self) -> u64 {
        self.seats.iter().map(|seat| seat.ledger.overdue().saturating_sub(seat.overdue_before)).sum()
    }

    /// One look at every thread.
    pub(super) fn tick(&mut self, news: &mut Vec<News>) {
        for ledger in self.threads.ledgers().into_iter().skip(self.seats.len()) {
            self.seats.push(Seat::new(ledger, self.threshold));
        }
        let mut seats = std::mem::take(&mut self.seats);
        for seat in &mut seats {
            self.visit(seat, news);
        }
        self.seats = seats;
    }

    /// The last look: what still lasts is told as it stands. Says how many that were.
    pub(super) fn finish(&mut self, news: &mut Vec<News>) -> u64 {
        self.tick(news);
        let mut lasting = 0;
        let mut seats = std::mem::take(&mut self.seats);
        for seat in &mut seats {
            if let Some(open) = seat.open.take() {
                let age = self.threads.now().saturating_sub(open.poll.began);
                if let Some(seen) = self.over(&seat.ledger, open, age, false) {
                    lasting += 1;
                    news.push(News::Over(seen));
                }
            }
            seat.ledger.count_overdue(u64::MAX);
        }
        self.seats = seats;
        lasting
    }

    fn visit(&mut self, seat: &mut Seat, news: &mut Vec<News>) {
        let poll = seat.ledger.in_poll();
        if let Some(open) = seat.open.take_if(|open| poll != Some(open.poll)) {
            let age = self.threads.now().saturating_sub(open.poll.began);
            let took = open.stall.as_ref().and_then(|_| took(&seat.ledger)).unwrap_or(age);
            if let Some(seen) = self.over(&seat.ledger, open, took, true) {
                news.push(News::Over(seen));
            }
        }
        let word = seat.ledger.word();
        if word != seat.word {
            seat.word = word;
            seat.cpu = [look::cpu_time(seat.ledger.thread()).unwrap_or(seat.cpu[0]), seat.cpu[0]];
        }
        let Some(poll) = poll.filter(|poll| poll.word == word) else { return };
        if self.threads.now().saturating_sub(poll.began) >= self.interval {
            let open = seat.open.get_or_insert_with(|| {
                seat.ledger.await_end(poll.word);
                Open { poll, timeline: Timeline::new(poll.began, seat.cpu[1]), run_queue: None, stall: None }
            });
            if let Some(caught) = self.look(&seat.ledger, open) {
                news.push(News::Caught(caught));
            }
        }
    }

    /// Looks at the thread; `Some` when its stall has just become worth telling.
    fn look(&mut self, ledger: &Arc<Ledger>, open: &mut Open) -> Option<Seen> {
        let thread = ledger.thread();
        let (cpu, at) = (look::cpu_time(thread)?, self.threads.now());
        let state = look::state(thread)?;
        let place = (state == State::Asleep).then(|| look::sleep(thread));
        let run_queue = look::run_queue_wait(thread);
        if !ledger.is_in(open.poll.word) {
            // Some of this may be of what came after. The next tick tells how it ended.
            return None;
        }
        open.timeline.look(at, cpu, state, place);
        open.run_queue = run_queue.map(|now| [open.run_queue.map_or(now, |[first, _]| first), now]);
        let age = at.saturating_sub(open.poll.began);
        if age < self.threshold {
            return None;
        }
        self.longest = self.longest.max(age);
        match &mut open.stall {
            None => {
                self.seen += 1;
                let photo = match &self.camera {
                    Ok(camera) => match camera.ask(ledger, open.poll.word) {
                        Ok(request) => Photo::Asked(request, age),
                        Err(because) => Photo::Failed(because),
                    },
                    Err(because) => Photo::Failed(because.clone()),
                };
                let untold = matches!(photo, Photo::Failed(_));
                open.stall = Some(InStall { number: self.seen, thread: look::name(thread), photo });
                if !untold {
                    return None;
                }
            }
            Some(stall) => {
                if !self.develop(&mut stall.photo) {
                    return None;
                }
            }
        }
        self.seen(open, age, false)
    }

    /// Looks whether a stack has come; true when it just has, or just cannot come any more.
    fn develop(&mut self, photo: &mut Photo) -> bool {
        let (Photo::Asked(request, age), Ok(camera)) = (&*photo, &mut self.camera) else { return false };
        *photo = match camera.answer(request) {
            Answer::Pending => return false,
            Answer::Stack(stack) => Photo::Taken(stack, *age),
            Answer::TooLate => Photo::Failed("the poll ended before its thread answered".to_owned()),
        };
        true
    }

    /// A poll ended after `duration`, or the watch did; `None` where it was no stall.
    fn over(&mut self, ledger: &Ledger, mut open: Open, duration: u64, ended: bool) -> Option<Seen> {
        let stall = open.stall.as_mut()?;
        self.develop(&mut stall.photo);
        if let Photo::Asked(..) = stall.photo {
            let because = if ended { "the poll ended before its thread answered" } else { "its thread did not answer" };
            // Dropping the request gives it up.
            stall.photo = Photo::Failed(because.to_owned());
        }
        self.longest = self.longest.max(duration);
        open.timeline.end(open.poll.began + duration, look::cpu_time(ledger.thread()));
        self.seen(&open, duration, ended)
    }

    fn seen(&self, open: &Open, duration: u64, ended: bool) -> Option<Seen> {
        let stall = open.stall.as_ref()?;
        Some(Seen {
            number: stall.number,
            site: open.poll.site,
            thread: stall.thread.clone(),
            began: open.poll.began,
            duration,
            ended,
            class: open.timeline.class(self.threshold),
            timeline: open.timeline.clone(),
            run_queue: open.run_queue.map(|[first, last]| last.saturating_sub(first)),
            stack: match &stall.photo {
                Photo::Taken(stack, age) => Ok((stack.clone(), *age)),
                Photo::Failed(because) => Err(because.clone()),
                Photo::Asked(..) => Err("its thread has not answered yet".to_owned()),
            },
        })
    }
}

impl Seat {
    fn new(ledger: Arc<Ledger>, threshold: u64) -> Self {
        ledger.count_overdue(threshold);
        let cpu = look::cpu_time(ledger.thread()).unwrap_or(0);
        Self { overdue_before: ledger.overdue(), word: ledger.word(), cpu: [cpu; 2], open: None, ledger }
    }
}

/// Duration of the poll that just ended.
fn took(ledger: &Ledger) -> Option<u64> {
    for _ in 0..PATIENCE.0 {
        if let Some(took) = ledger.took() {
            return Some(took);
        }
        std::thread::sleep(PATIENCE.1);
    }
    None
}
