//! Sizes in Go's spelling: `256MiB`, `1GiB`, or bytes without a unit.

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

/// Reads a whole number of B, KiB, MiB, GiB or TiB; bytes where there is no unit.
///
/// # Errors
/// What would be right, as the end of a sentence that begins with "is not".
pub fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let (number, shift) = UNITS
        .iter()
        .find_map(|(unit, shift)| Some((trimmed.strip_suffix(unit)?.trim_end(), *shift)))
        .unwrap_or((trimmed, 0));
    let refused = || match near_unit(trimmed) {
        Some(unit) => format!("a size: units are powers of 1024, here `{unit}`"),
        None => "a size such as `256MiB` or `1GiB`: a whole number of B, KiB, MiB, GiB or TiB".to_owned(),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let number: u64 = number.parse().map_err(|_| refused())?;
    number.checked_mul(1 << shift).ok_or_else(refused)
}

/// Writes a size the way [`parse_size`] reads it, exactly, in the largest unit that leaves no fraction.
pub fn size_text(bytes: u64) -> String {
    let whole = |shift: u32| bytes != 0 && bytes.is_multiple_of(1 << shift);
    let (unit, shift) = UNITS.into_iter().find(|(_, shift)| whole(*shift)).unwrap_or(("B", 0));
    format!("{}{unit}", bytes >> shift)
}

/// The unit that somebody meant who wrote `256MB`, `256m` or `256mib`.
fn near_unit(text: &str) -> Option<&'static str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, spelled) = text.split_at(digits);
    let written = spelled.trim().to_ascii_lowercase();
    let meant = |(unit, _): &&(&str, u32)| {
        let unit = unit.to_ascii_lowercase();
        written == unit || written == unit.replace('i', "") || written.len() == 1 && unit.starts_with(&written)
    };
    UNITS.iter().find(meant).map(|(unit, _)| *unit).filter(|unit| !number.is_empty() && *unit != spelled.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gos_spelling_is_read_and_others_are_pointed_to_it() {
        for (text, bytes) in
            [("1", 1), ("512B", 512), ("3KiB", 3 << 10), (" 256 MiB ", 256 << 20), ("2GiB", 2 << 30), ("0", 0)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, unit) in [("256MB", "MiB"), ("256mib", "MiB"), ("1g", "GiB"), ("4kb", "KiB")] {
            assert_eq!(parse_size(text), Err(format!("a size: units are powers of 1024, here `{unit}`")), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "-1", "99999999999TiB", "1 2", "ten"] {
            assert!(parse_size(text).unwrap_err().contains("`256MiB`"), "{text}");
        }
    }

    #[test]
    fn one_spelling_for_each_size() {
        for (bytes, text) in [(0, "0B"), (1, "1B"), (1536, "1536B"), (256 << 20, "256MiB"), (1 << 40, "1TiB")] {
            assert_eq!(size_text(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: u64) {
            prop_assert_eq!(parse_size(&size_text(bytes)), Ok(bytes));
        }
    }
}
