//! `/debug/pprof/symbol`: names of functions at addresses, as Go's handler gives them. `go tool pprof` asks for those of
//! a profile that has addresses alone, as texts (`debug=1`) have; where nobody answers it refuses the whole profile.

use std::fmt::Write as _;

use super::response::{Response, TEXT};
use crate::cpu::Symbols;

/// Most addresses that are looked up for one request: twice the deepest profile that `go tool pprof` asks for at once.
const MOST_ADDRESSES: usize = 10_000;

/// Names of the functions at the addresses of `asked`, hexadecimal with `+` between them. The first line says with any
/// number above 0 that they can be looked up. Addresses without a function, and what is no address, are left out.
pub(super) fn answer(asked: &str) -> Response {
    let mut text = "num_symbols: 1\n".to_owned();
    let mut symbols = Symbols::default();
    for address in asked.split('+').take(MOST_ADDRESSES).filter_map(address) {
        // Of functions inlined at an address Go, too, names the innermost.
        if let Some(symbol) = symbols.exact_one(address).symbols.first() {
            let name: String = symbol.name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            // Writing to a String never fails.
            let _ = writeln!(text, "{address:#x} {name}");
        }
    }
    Response::ok(TEXT, text)
}

fn address(word: &str) -> Option<u64> {
    let word = word.trim();
    u64::from_str_radix(word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(asked: &str) -> String {
        let bytes = answer(asked).to_bytes(true);
        let text = String::from_utf8(bytes).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    #[test]
    fn an_address_has_its_function_and_what_is_none_is_left_out() {
        let here = answer as *const () as u64;
        let text = body(&format!("0x1+{here:#x}+nonsense+{here:X}+"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "num_symbols: 1"), "{text}");
        assert!(lines[1].starts_with(&format!("{here:#x} ")) && lines[1].ends_with("answer"), "{text}");
        assert_eq!(lines[1], lines[2]);
    }

    #[test]
    fn without_addresses_it_says_that_it_can_look_them_up() {
        assert_eq!(body(""), "num_symbols: 1\n");
    }
}
