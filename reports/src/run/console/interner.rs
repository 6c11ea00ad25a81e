//! Texts, each stated once.

use std::collections::HashMap;

/// Numbers texts in the order in which they first come.
#[derive(Debug, Default)]
pub struct Interner {
    numbers: HashMap<String, u32>,
    fresh: Vec<String>,
}

impl Interner {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // Four thousand million distinct texts do not fit under any cap.
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.fresh.push(text.to_owned());
        number
    }

    /// Texts that are new since the last call, for the next [`Update::strings`](super::Update::strings).
    pub fn fresh(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fresh)
    }
}
