//! Time of day for the record, behind a trait so that tests have none.

/// Tells the time of day.
pub trait Clock {
    /// Now, RFC 3339 in UTC with milliseconds.
    fn now(&self) -> String;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> String {
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}

impl SystemClock {
    /// Now, as it stands in a run's id: `20261124-103000`.
    pub fn stamp(self) -> String {
        jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
    }
}
