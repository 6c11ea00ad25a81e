//! Invoices as XML, for the tax office's interface.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::Twin;

const POSITIONS: u64 = 1_100;

struct Position {
    article: u64,
    text: String,
    units: u64,
    cents: u64,
}

struct Invoice {
    number: u64,
    positions: Vec<Position>,
}

/// Invoices of the month, by the customer.
struct Ledger {
    invoices: RwLock<Vec<Arc<Invoice>>>,
}

impl Ledger {
    fn load() -> Self {
        let invoices = (0..40).map(|number| Arc::new(invoice(number))).collect();
        Self { invoices: RwLock::new(invoices) }
    }

    fn find(&self, number: u64) -> Arc<Invoice> {
        let invoices = self.invoices.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&invoices[number as usize % invoices.len()])
    }
}

fn invoice(number: u64) -> Invoice {
    let position = |n: u64| Position {
        article: 40_000 + n,
        text: format!("Part {n} of order {number} & delivery"),
        units: n % 9 + 1,
        cents: n * 13 % 7_000 + 5,
    };
    Invoice { number, positions: (0..POSITIONS).map(position).collect() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Makes the document that the interface takes.
struct Writer {
    twin: Twin,
}

impl Writer {
    fn document(&self, invoice: &Invoice) -> String {
        let head = format!("<?xml version=\"1.0\"?>\n<invoice number=\"{}\">\n", invoice.number);
        let body = match self.twin {
            Twin::Broken => self.positions(head, &invoice.positions),
            Twin::Healthy => self.positions_appended(head, &invoice.positions),
        };
        format!("{body}</invoice>\n")
    }

    fn positions(&self, head: String, positions: &[Position]) -> String {
        positions.iter().fold(head, |document, position| {
            let line = Self::line(position);
            format!("{document}{line}") // guilty
        })
    }

    fn positions_appended(&self, mut document: String, positions: &[Position]) -> String {
        for position in positions {
            let _ = write!(document, "{}", Self::line(position));
        }
        document
    }

    fn line(position: &Position) -> String {
        let Position { article, text, units, cents } = position;
        format!("  <position article=\"{article}\" units=\"{units}\" cents=\"{cents}\">{}</position>\n", escaped(text))
    }
}

struct Export {
    ledger: Ledger,
    writer: Writer,
    exported: AtomicU64,
}

impl Export {
    fn next(&self) -> String {
        let number = self.exported.fetch_add(1, Ordering::Relaxed);
        let document = self.writer.document(&self.ledger.find(number));
        format!("{number}: {} bytes, {} lines", document.len(), document.lines().count())
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let export = Export { ledger: Ledger::load(), writer: Writer { twin }, exported: AtomicU64::new(0) };
    crate::plain::serve(port, move |path| match path {
        "/health" => "ok".to_owned(),
        _ => export.next(),
    })
}
