//! Arenas of glibc's allocator, by the heaps that a process has mapped.

use std::collections::BTreeSet;

use super::Seen;
use super::memory::Memory;

/// Heaps of arenas other than the first lie at multiples of this (`HEAP_MAX_SIZE` of glibc's `malloc/arena.c` on 64 bits).
const HEAP: u64 = 64 << 20;

/// Arenas in use, the first included; why they cannot be counted.
pub(super) fn count(pid: i32) -> Result<usize, String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))
        .map_err(|error| format!("its mappings cannot be read: {error}"))?;
    let glibc = maps.lines().any(|line| line.contains("/libc.so.6") || line.contains("/libc-2."));
    if !glibc {
        return Err("it has not loaded glibc: another allocator, or a static one, is in it".to_owned());
    }
    let memory = Memory::of(pid);
    // The first words of a heap (`heap_info`): its arena, the heap before it, its size.
    let arena = |begin: u64| {
        let mut head = [0; 24];
        memory.read(begin, &mut head).ok()?;
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let (arena, size) = (word(0), word(16));
        (arena % HEAP < 4096 && arena != 0 && size > 0 && size <= HEAP && size % 4096 == 0).then_some(arena)
    };
    let arenas: BTreeSet<u64> = heaps(&maps).filter_map(arena).collect();
    Ok(1 + arenas.len())
}

/// Begins of writable, nameless mappings where a heap may begin.
fn heaps(maps: &str) -> impl Iterator<Item = u64> + '_ {
    maps.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let begin = u64::from_str_radix(fields.next()?.split('-').next()?, 16).ok()?;
        let writable = fields.next()?.starts_with("rw-p");
        (writable && begin % HEAP == 0 && fields.count() == 3).then_some(begin)
    })
}

/// What so many arenas say where so many are the most.
pub(super) fn judged(found: Result<usize, String>, most: usize) -> Seen {
    let told = |found: usize| match found {
        1 => "1 arena after the load".to_owned(),
        more => format!("{more} arenas after the load"),
    };
    match found {
        Err(because) => Seen::Nothing(because),
        Ok(found) if found > most => Seen::Otherwise(told(found)),
        Ok(found) if found == most => Seen::InForce(told(found)),
        Ok(found) => Seen::Nothing(format!("{}, and it may never have needed more", told(found))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heaps_are_told_by_where_they_begin() {
        let maps = "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n\
                    7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n\
                    7f0008000000-7f0008021000 rw-p 00000000 00:00 0 [anon: x]\n\
                    7f0010001000-7f0010021000 rw-p 00000000 00:00 0 \n";
        assert_eq!(heaps(maps).collect::<Vec<_>>(), [0x7f00_0000_0000]);
    }

    #[test]
    fn more_arenas_than_allowed_are_a_proof_and_fewer_are_none() {
        assert!(matches!(judged(Ok(1), 1), Seen::InForce(_)));
        assert!(matches!(judged(Ok(3), 2), Seen::Otherwise(seen) if seen == "3 arenas after the load"));
        assert!(matches!(judged(Ok(1), 2), Seen::Nothing(_)));
        assert!(matches!(judged(Err("no".into()), 2), Seen::Nothing(because) if because == "no"));
        let own = std::process::id().cast_signed();
        assert!(count(own).is_ok_and(|arenas| arenas >= 1) || cfg!(target_env = "musl"));
    }
}
