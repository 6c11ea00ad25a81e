//! From addresses to functions and lines.

use std::collections::HashMap;
use std::ffi::c_void;

use super::profile::{Frame, Symbol};

/// Name of `pprof`'s signal handler: whatever lies above it on a stack is the profiler's own.
const HANDLER: &str = "perf_signal_handler";

/// Resolves each address once.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    known: HashMap<u64, Vec<Symbol>>,
}

impl Symbols {
    /// Frames of a raw stack as the signal handler saw it, leaf first, without the handler's own frames.
    ///
    /// `return_addresses` are those of the unwinder: each points behind its call, except that of the interrupted
    /// function, the first one behind the handler and the kernel's trampoline.
    pub(super) fn frames(&mut self, return_addresses: &[u64]) -> Vec<Frame> {
        let handler = return_addresses.iter().position(|&address| self.is_handler(address));
        // The trampoline follows the handler. Without symbols nothing can be cut, and every address is a caller's.
        let (leaf, first) = match handler {
            Some(handler) => (Some(handler + 2), handler + 2),
            None => (None, 0),
        };
        (first..return_addresses.len())
            .map(|index| {
                let back = u64::from(Some(index) != leaf);
                let address = return_addresses[index].saturating_sub(back);
                Frame { address, symbols: self.at(address).to_vec() }
            })
            .collect()
    }

    /// Frames of a stack of return addresses, leaf first, from the first one behind all functions that are `ours`;
    /// where the compiler inlined ours into a caller, that frame begins with the caller.
    pub(crate) fn callers(&mut self, return_addresses: &[u64], ours: fn(&str) -> bool) -> Vec<Frame> {
        let mut frames: Vec<Frame> = return_addresses
            .iter()
            .map(|address| address.saturating_sub(1))
            .map(|address| Frame { address, symbols: self.at(address).to_vec() })
            .collect();
        let last = frames.iter().rposition(|frame| frame.symbols.iter().any(|symbol| ours(&symbol.name)));
        if let Some(last) = last {
            let symbols = &mut frames[last].symbols;
            let own = symbols.iter().rposition(|symbol| ours(&symbol.name)).map_or(0, |at| at + 1);
            symbols.drain(..own);
            frames.drain(..last + usize::from(frames[last].symbols.is_empty()));
        }
        frames
    }

    /// Frames at addresses within instructions, as the unwinder of this crate gives them: nothing is cut, nothing moved.
    pub(crate) fn exact(&mut self, addresses: &[u64]) -> Vec<Frame> {
        addresses.iter().map(|&address| self.exact_one(address)).collect()
    }

    /// The frame at one such address.
    pub(crate) fn exact_one(&mut self, address: u64) -> Frame {
        Frame { address, symbols: self.at(address).to_vec() }
    }

    fn is_handler(&mut self, return_address: u64) -> bool {
        self.at(return_address.saturating_sub(1)).iter().any(|symbol| symbol.name == HANDLER)
    }

    fn at(&mut self, address: u64) -> &[Symbol] {
        self.known.entry(address).or_insert_with(|| resolve(address))
    }
}

/// Functions at `address`, innermost first.
fn resolve(address: u64) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    // `backtrace` takes every address for a return address and steps back by one; this one is meant as it is.
    let stepped = address.saturating_add(1) as usize as *mut c_void;
    backtrace::resolve(stepped, |symbol| {
        if let Some(name) = symbol.name() {
            symbols.push(Symbol {
                // The alternate form leaves out the hash of legacy mangling.
                name: format!("{name:#}"),
                file: symbol.filename().map(ToOwned::to_owned),
                line: symbol.lineno(),
            });
        }
    });
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_at_its_own_address_with_file_and_line() {
        let address = resolve as *const () as u64;
        let symbols = resolve(address);
        let found = symbols.last().unwrap();
        // Without full debug information the name comes without its path.
        assert!(found.name.ends_with("resolve"), "{found:?}");
        assert!(found.file.as_ref().unwrap().ends_with("cpu/symbols.rs"));
        assert!(found.line.is_some_and(|line| line > 1));
    }

    #[test]
    fn without_a_handler_nothing_is_cut_and_callers_step_back() {
        let addresses = [resolve as *const () as u64 + 1, 1];
        let frames = Symbols::default().frames(&addresses);
        assert_eq!(frames.iter().map(|f| f.address).collect::<Vec<_>>(), [addresses[0] - 1, 0]);
        assert!(frames[1].symbols.is_empty());
    }
}
