//! What is left out of a history and why, and what is odd.

use crate::run::RunHead;

/// Runs that were left out, by reason.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(String, u32)>);

impl Notes {
    pub(super) fn leave_out(&mut self, why: &str) {
        match self.0.iter_mut().find(|(known, _)| known == why) {
            Some((_, count)) => *count += 1,
            None => self.0.push((why.to_owned(), 1)),
        }
    }

    pub(super) fn told(self) -> Vec<String> {
        let one = |(why, count): (String, u32)| format!("not comparable, left out: {count} that {why}");
        self.0.into_iter().map(one).collect()
    }
}

/// What a clock did that no clock should.
pub(super) fn clocks(measured: &[&RunHead], now: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for head in measured {
        if head.finished_at < head.started_at && !head.finished_at.is_empty() {
            notes.push(format!(
                "{} ended ({}) before it began ({}): the clock was set back meanwhile, and its place in the order may be wrong",
                head.run, head.finished_at, head.started_at
            ));
        }
        if !now.is_empty() && head.started_at.as_str() > now {
            notes.push(format!(
                "{} began in the future ({}): a clock was wrong then, or is now",
                head.run, head.started_at
            ));
        }
    }
    notes
}
