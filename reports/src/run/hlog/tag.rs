//! Tags: an interval log forbids commas, spaces and line ends in them, names of operations do not.

/// Percent-encodes what a tag must not hold: two names never share a tag.
pub(super) fn encode(name: &str) -> String {
    let mut tag = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, ',' | '%') || character.is_whitespace() || character.is_control() {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                tag.push_str(&format!("%{byte:02X}"));
            }
        } else {
            tag.push(character);
        }
    }
    tag
}

/// Undoes [`encode`]; a `%` that no two hexadecimal digits follow stays as it is.
pub(super) fn decode(tag: &str) -> String {
    let bytes = tag.as_bytes();
    let mut name = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escaped = (bytes[position] == b'%')
            .then(|| tag.get(position + 1..position + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                name.push(byte);
                position += 3;
            }
            None => {
                name.push(bytes[position]);
                position += 1;
            }
        }
    }
    String::from_utf8(name).unwrap_or_else(|_| tag.to_owned())
}
