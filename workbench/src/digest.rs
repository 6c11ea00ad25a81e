//! Short names for long things: what hosts, programs and scenarios are told apart by.

use sha2::{Digest, Sha256};

/// The first 64 bits of a text's SHA-256, in hex.
pub(crate) fn of(text: &str) -> String {
    short(Sha256::new_with_prefix(text))
}

/// The same of a file, from where it is open.
pub(crate) fn of_file(mut file: impl std::io::Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(short(hash)),
            n => hash.update(&chunk[..n]),
        }
    }
}

/// The first 64 bits of what was hashed, in hex.
fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_the_head_of_the_published_ones() {
        // FIPS 180-2, appendix B.1: SHA-256 of `abc` begins with ba7816bf 8f01cfea.
        assert_eq!(super::of("abc"), "ba7816bf8f01cfea");
        assert_eq!(super::of_file(&b"abc"[..]).unwrap(), "ba7816bf8f01cfea");
    }
}
