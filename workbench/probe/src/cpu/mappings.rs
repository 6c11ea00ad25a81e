//! Executable mappings of this process.

use std::io;

use super::profile::Mapping;

/// Reads `/proc/self/maps`.
pub(crate) fn executable_mappings() -> io::Result<Vec<Mapping>> {
    Ok(parse(&std::fs::read_to_string("/proc/self/maps")?))
}

/// Lines are `start-end perms offset dev inode path`; the path may contain spaces or be absent.
fn parse(maps: &str) -> Vec<Mapping> {
    maps.lines().filter_map(mapping).collect()
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        rest = after;
        field
    };
    let (range, permissions, offset, _device, _inode) = (field(), field(), field(), field(), field());
    if permissions.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Mapping { path: rest.trim_start().to_owned(), start: hex(start)?, end: hex(end)?, offset: hex(offset)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_lines_are_read_whatever_their_path() {
        let maps = "\
5581a0e00000-5581a0f00000 r--p 00000000 fd:01 123456                     /opt/a program/bin
5581a0f00000-5581a1000000 r-xp 00100000 fd:01 123456                     /opt/a program/bin
7f0000000000-7f0000001000 r-xp 00000000 00:00 0
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
zz-7 r-xp 0 0 0 broken
";
        insta::assert_debug_snapshot!(parse(maps), @r#"
        [
            Mapping {
                path: "/opt/a program/bin",
                start: 94015239225344,
                end: 94015240273920,
                offset: 1048576,
            },
            Mapping {
                path: "",
                start: 139637976727552,
                end: 139637976731648,
                offset: 0,
            },
            Mapping {
                path: "[vdso]",
                start: 140724603453440,
                end: 140724603461632,
                offset: 0,
            },
        ]
        "#);
    }

    #[test]
    fn this_very_code_lies_in_a_mapping() {
        let here = executable_mappings as *const () as u64;
        let mappings = executable_mappings().unwrap();
        assert_eq!(mappings.iter().filter(|m| (m.start..m.end).contains(&here)).count(), 1);
        assert!(mappings.is_sorted_by_key(|m| m.start));
    }
}
