//! CPU lists in the kernel's syntax: `0-1,3`.

use std::collections::BTreeSet;

/// Largest CPU number: glibc's `cpu_set_t` has 1024 bits.
const LARGEST: usize = 1023;

/// Reads a list and returns it sorted, without duplicates, neighbours joined; `None` where it is no such list.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut cpus = BTreeSet::new();
    for item in text.split(',') {
        let (first, last) = match item.trim().split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => number(item.trim()).map(|cpu| (cpu, cpu))?,
        };
        if first > last {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(written(&cpus))
}

/// `parse` alone would take a leading `+`.
fn number(digits: &str) -> Option<usize> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|cpu| *cpu <= LARGEST)
}

fn written(cpus: &BTreeSet<usize>) -> String {
    let mut rest = cpus.iter().copied().peekable();
    let mut parts = Vec::new();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if_eq(&(last + 1)) {
            last = next;
        }
        parts.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_one_spelling() {
        for (given, expected) in
            [("0", "0"), ("0,1", "0-1"), ("3,0-1", "0-1,3"), (" 5 , 7-9,8-10", "5,7-10"), ("0-0,0", "0")]
        {
            assert_eq!(canonical(given).as_deref(), Some(expected), "{given}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", ",", "0,", "a", "1-", "-1", "2-1", "+1", "0x1", "1-2-3", "0;1", "1024", "0-99999999999"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
