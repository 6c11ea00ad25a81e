//! What jemalloc says on standard error about options it does not accept. It goes on regardless.

use std::fmt;

/// What is wrong with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComplaintKind {
    /// No such option, or its feature is not compiled in.
    UnknownOption,
    /// The value is not of the option's type.
    InvalidValue,
    /// The value is outside the option's range.
    OutOfRange,
}

/// One rejected option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub kind: ComplaintKind,
    /// Option.
    pub key: String,
    /// Value as it was given; may contain colons.
    pub value: String,
}

impl fmt::Display for ComplaintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownOption => "unknown option, or its feature is not compiled in",
            Self::InvalidValue => "invalid value",
            Self::OutOfRange => "value out of range",
        })
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.key, self.value, self.kind)
    }
}

/// Finds jemalloc's complaints between other lines of standard error:
/// `^<jemalloc>: (Invalid conf pair|Invalid conf value|Out-of-range conf value): ([^:]+):(.*)$`.
pub fn parse_complaints(stderr: &str) -> Vec<Complaint> {
    stderr.lines().filter_map(complaint).collect()
}

fn complaint(line: &str) -> Option<Complaint> {
    let said = line.strip_prefix("<jemalloc>: ")?;
    let (kind, pair) = [
        ("Invalid conf pair: ", ComplaintKind::UnknownOption),
        ("Invalid conf value: ", ComplaintKind::InvalidValue),
        ("Out-of-range conf value: ", ComplaintKind::OutOfRange),
    ]
    .into_iter()
    .find_map(|(start, kind)| Some((kind, said.strip_prefix(start)?)))?;
    let (key, value) = pair.split_once(':')?;
    (!key.is_empty()).then(|| Complaint { kind, key: key.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn complaints_are_found_between_other_lines() {
        let stderr = "starting\n\
            <jemalloc>: Invalid conf pair: prof:true\n\
            <jemalloc>: Invalid conf value: narenas:many:of:them\n\
            a line that quotes <jemalloc>: Invalid conf pair: a:b\n\
            <jemalloc>: Out-of-range conf value: dirty_decay_ms:-7\n\
            <jemalloc>: Malformed conf string -- \"x\"\n\
            <jemalloc>: Invalid conf pair: :nothing\n\
            <jemalloc>: Invalid conf pair: lonely\n";
        let found = parse_complaints(stderr);
        insta::assert_debug_snapshot!(found, @r#"
        [
            Complaint {
                kind: UnknownOption,
                key: "prof",
                value: "true",
            },
            Complaint {
                kind: InvalidValue,
                key: "narenas",
                value: "many:of:them",
            },
            Complaint {
                kind: OutOfRange,
                key: "dirty_decay_ms",
                value: "-7",
            },
        ]
        "#);
    }

    #[test]
    fn a_complaint_reads_as_a_sentence_part() {
        let said = parse_complaints("<jemalloc>: Out-of-range conf value: narenas:0");
        assert_eq!(said[0].to_string(), "narenas:0 (value out of range)");
    }

    proptest! {
        #[test]
        fn any_pair_comes_back(key in "[a-z_][a-z_0-9]{0,20}", value in "[^\r\n]{0,20}", noise in "[^\r\n<]{0,40}") {
            let stderr = format!("{noise}\n<jemalloc>: Invalid conf value: {key}:{value}\n{noise}\n");
            let expected = Complaint { kind: ComplaintKind::InvalidValue, key, value };
            prop_assert_eq!(parse_complaints(&stderr), vec![expected]);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            parse_complaints(&text);
        }
    }
}
