//! The route of a parcel, and its printed form.
use crate::digest::Fnv;
use std::fmt;

#[derive(Clone)]
pub struct Leg {
    pub depot: String,
    pub minute: u32,
}

impl Leg {
    fn code(&self) -> String {
        format!("{}@{:05}", self.depot, self.minute)
    }
}

#[derive(Clone)]
pub struct Waybill {
    pub number: u64,
    pub legs: Vec<Leg>,
}

impl Waybill {
    pub fn sample(number: u64, legs: usize) -> Self {
        let legs = (0..legs)
            .map(|i| Leg { depot: format!("DEP-{:04}", (number as usize * 31 + i * 17) % 9973), minute: i as u32 * 7 })
            .collect();
        Waybill { number, legs }
    }

    pub fn minutes(&self) -> u32 {
        self.legs.last().map_or(0, |l| l.minute)
    }

    pub fn compact(&self) -> Compact<'_> {
        Compact(self)
    }
}

/// One line a leg; each carries the check code of the route so far.
impl fmt::Display for Waybill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "WB {}", self.number)?;
        for i in 0..self.legs.len() {
            // guilty
            let mut check = Fnv::default();
            for leg in &self.legs[..=i] {
                check.feed(leg.code().as_bytes());
            }
            writeln!(f, "{} {:016x}", self.legs[i].code(), check.0)?;
        }
        Ok(())
    }
}

/// The same text, with a running check code.
pub struct Compact<'a>(&'a Waybill);

impl fmt::Display for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "WB {}", self.0.number)?;
        let mut check = Fnv::default();
        for leg in &self.0.legs {
            let code = leg.code();
            check.feed(code.as_bytes());
            writeln!(f, "{code} {:016x}", check.0)?;
        }
        Ok(())
    }
}
