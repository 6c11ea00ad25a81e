//! Sizes in Go's spelling.

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a memory limit: bytes with a unit such as `256MiB` or `1GiB`, or `off`")]
pub struct SizeError(pub String);

/// Reads `256MiB` as GOMEMLIMIT does: a whole number with B, KiB, MiB, GiB, TiB or nothing (bytes); `off` is `None`.
///
/// # Errors
/// Anything else, zero included: no process fits into nothing.
pub fn parse_size(text: &str) -> Result<Option<u64>, SizeError> {
    let refused = || SizeError(text.to_owned());
    let trimmed = text.trim();
    if trimmed == "off" {
        return Ok(None);
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim_start() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_spelling_is_read() {
        for (text, bytes) in
            [("1", 1), ("512B", 512), ("3KiB", 3 << 10), (" 256MiB ", 256 << 20), ("2GiB", 2 << 30), ("1TiB", 1 << 40)]
        {
            assert_eq!(parse_size(text), Ok(Some(bytes)), "{text}");
        }
        assert_eq!(parse_size("off"), Ok(None));
        for text in ["", "0", "0MiB", "MiB", "1.5GiB", "-1", "256MB", "256mib", "99999999999TiB", "1 2"] {
            assert_eq!(parse_size(text), Err(SizeError(text.to_owned())), "{text}");
        }
    }
}
