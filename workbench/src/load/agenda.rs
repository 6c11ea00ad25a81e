//! Which operation comes next: the schedule as a queue of those due and not yet sent. Knows no clock and no socket.

use super::schedule::Schedule;
use super::slots::{Ending, Slots};

/// A walk through a schedule. Operations are sent in its order; those that cannot be sent yet keep their intended
/// time and wait, without any memory beyond their slots.
#[derive(Debug)]
pub(super) struct Agenda<'a> {
    schedule: &'a Schedule,
    slots: &'a Slots,
    started_ns: u64,
    timeout_ns: u64,
    /// Clients decide when to send, not the schedule.
    closed: bool,
    /// First operation not yet sent and not given up.
    head: usize,
    /// First operation not yet noticed to wait.
    noticed: usize,
    /// Operations between the two that are not over yet.
    waiting: usize,
}

impl<'a> Agenda<'a> {
    /// Begins at `started_ns`.
    pub(super) fn new(
        schedule: &'a Schedule,
        slots: &'a Slots,
        started_ns: u64,
        timeout_ns: u64,
        closed: bool,
    ) -> Self {
        Self { schedule, slots, started_ns, timeout_ns, closed, head: 0, noticed: 0, waiting: 0 }
    }

    /// The operation to send now, if any is due.
    pub(super) fn front(&mut self, now_ns: u64) -> Option<usize> {
        while self.head < self.noticed && self.slots.at(self.head).ending().is_some() {
            self.head += 1;
        }
        let due = self.head < self.noticed || self.closed && self.head < self.schedule.len();
        (due || self.next_due_ns()? <= now_ns).then_some(self.head)
    }

    /// The operation at the front was sent, at `sent_ns`.
    pub(super) fn sent(&mut self, sent_ns: u64) {
        self.slots.at(self.head).send(sent_ns);
        self.leave();
    }

    /// The operation at the front is over without having been sent.
    pub(super) fn give_up(&mut self, now_ns: u64, ending: Ending) {
        let slot = self.slots.at(self.head);
        if slot.handed_ns().is_none() {
            slot.wait(now_ns);
        }
        slot.finish(now_ns, ending);
        self.leave();
    }

    fn leave(&mut self) {
        if self.head < self.noticed {
            self.waiting -= 1;
        }
        self.head += 1;
        self.noticed = self.noticed.max(self.head);
    }

    /// Everything due by now that is still here waits. Of these, at most `room` may: later ones are shed.
    pub(super) fn notice(&mut self, now_ns: u64, room: usize) {
        while self.next_due_ns().is_some_and(|due| due <= now_ns) {
            let slot = self.slots.at(self.noticed);
            slot.wait(now_ns);
            if self.waiting < room {
                self.waiting += 1;
            } else {
                slot.finish(now_ns, Ending::Shed);
            }
            self.noticed += 1;
        }
    }

    /// Gives up what has waited longer than the timeout.
    pub(super) fn expire(&mut self, now_ns: u64, ending: Ending) {
        while self.waiting > 0 {
            match self.front(now_ns) {
                Some(sequence) if self.deadline_ns(sequence, now_ns) <= now_ns => self.give_up(now_ns, ending),
                _ => break,
            }
        }
    }

    /// When the next operation falls due that is not waiting already.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        if self.closed {
            return None;
        }
        self.schedule.offsets_ns.get(self.noticed).map(|offset| self.started_ns + offset)
    }

    /// When the longest waiting operation times out.
    pub(super) fn next_expiry_ns(&self) -> Option<u64> {
        (self.waiting > 0).then(|| self.deadline_ns(self.head, 0))
    }

    /// When an operation times out: counted from its intended time, which for a closed loop is now.
    pub(super) fn deadline_ns(&self, sequence: usize, now_ns: u64) -> u64 {
        let intended = if self.closed { now_ns } else { self.started_ns + self.schedule.offsets_ns[sequence] };
        intended + self.timeout_ns
    }

    /// Index into the mix.
    pub(super) fn operation(&self, sequence: usize) -> usize {
        usize::from(self.schedule.operations[sequence])
    }

    /// Operations that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Nothing is left to send.
    pub(super) fn is_done(&self) -> bool {
        self.noticed == self.schedule.len() && self.waiting == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(offsets_ns: &[u64]) -> Schedule {
        Schedule { offsets_ns: offsets_ns.to_vec(), operations: vec![0; offsets_ns.len()], duration_ns: 1000 }
    }

    #[test]
    fn operations_come_in_order_and_not_before_they_are_due() {
        let (schedule, slots) = (schedule(&[0, 10, 10, 30]), Slots::new(4));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, false);
        let mut sent = Vec::new();
        for now in [999, 1000, 1009, 1010, 1029, 1030, 1031] {
            while let Some(sequence) = agenda.front(now) {
                agenda.sent(now);
                sent.push((now, sequence));
            }
        }
        assert_eq!(sent, [(1000, 0), (1010, 1), (1010, 2), (1030, 3)]);
        assert!(agenda.is_done());
        assert!(slots.iter().all(|slot| !slot.waited() && slot.handed_ns() == slot.sent_ns()));
    }

    #[test]
    fn what_waits_keeps_its_place_and_only_its_notice_counts_as_lag() {
        let (schedule, slots) = (schedule(&[0, 10, 40]), Slots::new(3));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, false);
        agenda.notice(1012, 10);
        assert_eq!((agenda.waiting(), agenda.next_due_ns(), agenda.next_expiry_ns()), (2, Some(1040), Some(1500)));
        assert_eq!(agenda.front(1100), Some(0));
        agenda.sent(1100);
        assert_eq!(agenda.front(1100), Some(1));
        agenda.sent(1101);
        assert_eq!(agenda.front(1101), Some(2));
        agenda.sent(1102);
        let times: Vec<_> = slots.iter().map(|s| (s.handed_ns(), s.sent_ns(), s.waited())).collect();
        let expected = [(1012, 1100, true), (1012, 1101, true), (1102, 1102, false)];
        assert_eq!(times, expected.map(|(handed, sent, waited)| (Some(handed), Some(sent), waited)));
    }

    #[test]
    fn beyond_the_room_operations_are_shed_and_skipped() {
        let (schedule, slots) = (schedule(&[0, 1, 2, 3]), Slots::new(4));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, false);
        agenda.notice(1002, 2);
        assert_eq!(slots.at(2).ending(), Some((1002, Ending::Shed)));
        agenda.notice(1003, 3);
        let mut sent = Vec::new();
        while let Some(sequence) = agenda.front(1010) {
            agenda.sent(1010);
            sent.push(sequence);
        }
        assert_eq!(sent, [0, 1, 3]);
        assert!(agenda.is_done());
    }

    #[test]
    fn shedding_the_last_operation_ends_the_agenda() {
        let (schedule, slots) = (schedule(&[0, 0]), Slots::new(2));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, false);
        agenda.notice(1000, 0);
        assert!(agenda.is_done());
        assert_eq!(agenda.front(1000), None);
    }

    #[test]
    fn what_waits_too_long_is_given_up_in_order() {
        let (schedule, slots) = (schedule(&[0, 10, 490]), Slots::new(3));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, false);
        agenda.notice(1490, 10);
        agenda.expire(1510, Ending::TimedOut);
        assert_eq!(agenda.waiting(), 1);
        assert_eq!(agenda.front(1510), Some(2));
        assert_eq!(slots.at(1).ending(), Some((1510, Ending::TimedOut)));
        agenda.expire(2000, Ending::Shed);
        assert!(agenda.is_done());
        assert_eq!(slots.at(2).ending(), Some((2000, Ending::Shed)));
    }

    #[test]
    fn closed_arrivals_are_due_whenever_a_client_is_free() {
        let (schedule, slots) = (schedule(&[0, 0]), Slots::new(2));
        let mut agenda = Agenda::new(&schedule, &slots, 1000, 500, true);
        assert_eq!(agenda.next_due_ns(), None);
        assert_eq!(agenda.front(1700), Some(0));
        assert_eq!(agenda.deadline_ns(0, 1700), 2200);
        agenda.sent(1700);
        agenda.notice(9000, 10);
        assert_eq!(agenda.waiting(), 0);
        assert_eq!(agenda.front(9000), Some(1));
        agenda.sent(9000);
        assert!(agenda.is_done() && agenda.front(9999).is_none());
    }
}
