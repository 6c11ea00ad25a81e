//! The text of a demangled name: generics, closures, hashes off; `<T as Trait>::method` taken apart.

use std::borrow::Cow;

/// Nesting of `<<…> as …>` beyond which a name is left as it is; real ones have at most four levels.
const MAX_DEPTH: u32 = 12;

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// `T::method` of `<T as Trait>::method`.
    pub(super) text: String,
    /// `T`, where there is a trait.
    pub(super) this: Option<String>,
    /// `Trait`.
    pub(super) of_trait: Option<String>,
}

/// The name as the compiler wrote it in the source's terms; anything that is not mangled stays.
pub(super) fn demangled(name: &str) -> Cow<'_, str> {
    match rustc_demangle::try_demangle(name) {
        Ok(readable) => Cow::Owned(format!("{readable:#}")),
        Err(_) => Cow::Borrowed(name),
    }
}

/// Takes a demangled name apart. Names without `::` and angle brackets (C, Go) stay.
pub(super) fn clean(name: &str) -> Path {
    let plain = |text: &str| Path { text: text.to_owned(), this: None, of_trait: None };
    if !name.contains("::") && !name.starts_with(['<', '{']) {
        // Inlined frames of line tables: `poll<app::Future>`. Go writes `main.Map[...]`, C++ always has `::`.
        let angled = name.ends_with('>') && !name.starts_with('<') && !name.contains(' ');
        return plain(&if angled { without_generics(name) } else { name.to_owned() });
    }
    path(without_hashes(name).trim(), 0)
}

fn path(name: &str, depth: u32) -> Path {
    let whole = Path { text: name.to_owned(), this: None, of_trait: None };
    if depth > MAX_DEPTH {
        return whole;
    }
    let Some((inner, rest)) = name.strip_prefix('<').and_then(split_angle) else {
        return Path { text: segments(name, depth), ..whole };
    };
    let (this, of_trait) = match split_top(inner, " as ") {
        Some((this, of_trait)) => (type_name(this, depth + 1), Some(segments(of_trait, depth + 1))),
        None => (type_name(inner, depth + 1), None),
    };
    // A type parameter of a generic function under legacy mangling says nothing, the trait does.
    let shown = match &of_trait {
        Some(of_trait) if is_parameter(&this) => of_trait.clone(),
        _ => this.clone(),
    };
    let rest = segments(rest.trim_start_matches("::"), depth);
    let text = if rest.is_empty() || rest.starts_with('{') { shown } else { format!("{shown}::{rest}") };
    Path { text, this: of_trait.as_ref().map(|_| this), of_trait }
}

/// A type as a path: references, pointers and `dyn` off; types without a path by what they are.
pub(super) fn type_name(name: &str, depth: u32) -> String {
    let mut name = name.trim();
    loop {
        let before = name;
        for prefix in ["&", "mut ", "*const ", "*mut ", "dyn ", "impl ", "(dyn "] {
            name = name.strip_prefix(prefix).unwrap_or(name).trim_start();
        }
        if name.starts_with('\'') {
            name = name.split_once(' ').map_or("", |(_, rest)| rest);
        }
        if name == before {
            break;
        }
    }
    if let Some((first, _)) = split_top(name, " + ") {
        name = first;
    }
    match name.chars().next() {
        Some('[') if split_top(name.trim_start_matches('[').trim_end_matches(']'), "; ").is_some() => {
            "array".to_owned()
        }
        Some('[') => "slice".to_owned(),
        Some('(') => "tuple".to_owned(),
        Some('!') => "never".to_owned(),
        _ if name.starts_with("fn(") || name.starts_with("unsafe fn(") || name.starts_with("extern ") => {
            "fn".to_owned()
        }
        _ => path(name, depth).text,
    }
}

/// `T`, `F`, `S2`, `_`: not a type but the name of a parameter.
pub(super) fn is_parameter(name: &str) -> bool {
    let mut chars = name.chars();
    match chars.next() {
        Some('_') => chars.next().is_none(),
        Some(first) => first.is_ascii_uppercase() && chars.all(|c| c.is_ascii_digit()),
        None => false,
    }
}

/// A path's segments without generics, impl blocks and closures.
fn segments(name: &str, depth: u32) -> String {
    // Legacy mangling and debug information: `app::orders::<impl app::Store for app::Disk>::load`.
    if let Some((before, block)) =
        name.split_once("<impl ").filter(|(before, _)| before.is_empty() || before.ends_with("::"))
        && let Some((inner, rest)) = split_angle(block)
    {
        let rest = segments(rest.trim_start_matches("::"), depth + 1);
        let base = match split_top(inner, " for ") {
            Some((_, this)) if depth < MAX_DEPTH => type_name(this, depth + 1),
            _ => segments(before.trim_end_matches("::"), depth + 1),
        };
        return if rest.is_empty() { base } else { format!("{base}::{rest}") };
    }
    let plain = without_generics(name);
    let kept: Vec<&str> =
        split_paths(&plain).into_iter().filter(|segment| !segment.is_empty() && !segment.starts_with('{')).collect();
    if kept.is_empty() { unnamed(&plain) } else { kept.join("::") }
}

/// `{closure#0}` alone, as inlined frames of line tables have it.
fn unnamed(name: &str) -> String {
    let inner = name.rsplit("::").next().unwrap_or(name).trim_matches(['{', '}']);
    let kind = inner.split('#').next().unwrap_or(inner).trim_end_matches("_env");
    if kind.is_empty() { String::new() } else { format!("{{{}}}", kind.replace('_', " ")) }
}

fn split_paths(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth, bytes) = (0, 0_i32, name.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                parts.push(&name[from..at]);
                from = at + 2;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&name[from..]);
    parts
}

/// Everything within angle brackets removed, with the `::` of a turbofish; unbalanced names stay.
pub(super) fn without_generics(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let (mut depth, mut previous) = (0_u32, ' ');
    for c in name.chars() {
        match c {
            '<' => {
                if depth == 0 && out.ends_with("::") {
                    out.truncate(out.len() - 2);
                }
                depth += 1;
            }
            '>' if previous != '-' => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return name.to_owned(),
            },
            _ if depth == 0 => out.push(c),
            _ => {}
        }
        previous = c;
    }
    if depth == 0 { out } else { name.to_owned() }
}

/// Text up to the `>` that closes an already opened `<`, and what follows it.
pub(super) fn split_angle(opened: &str) -> Option<(&str, &str)> {
    let (mut depth, mut previous) = (0_u32, b' ');
    for (at, byte) in opened.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if previous != b'-' && depth == 0 => return Some((&opened[..at], &opened[at + 1..])),
            b'>' if previous != b'-' => depth -= 1,
            _ => {}
        }
        previous = byte;
    }
    None
}

/// Splits at the first separator outside of all brackets.
pub(super) fn split_top<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let (mut depth, mut previous) = (0_i32, b' ');
    for (at, byte) in text.bytes().enumerate() {
        if depth == 0 && text.as_bytes()[at..].starts_with(separator.as_bytes()) {
            return Some((&text[..at], &text[at + separator.len()..]));
        }
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' if previous == b'-' => {}
            b'>' | b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        previous = byte;
    }
    None
}

/// Without `::h0123456789abcdef`, `.llvm.123`, `[clone .cold]` and crate disambiguators (`app[1f2e3d4c]::main`).
fn without_hashes(name: &str) -> String {
    let name = name.split(" [clone ").next().unwrap_or(name);
    let name = name.split(".llvm.").next().unwrap_or(name).trim_end_matches(".cold");
    let name = match name.rsplit_once("::h") {
        Some((head, hash)) if hash.len() == 16 && is_hex(hash) => head,
        _ => name,
    };
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let of_crate = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        match after.split_once(']') {
            Some((hash, next)) if of_crate && hash.len() >= 4 && is_hex(hash) => rest = next,
            _ => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
