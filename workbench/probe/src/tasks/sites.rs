//! Spawn sites as small numbers.

use std::panic::Location;
use std::ptr;

use super::PLACES;
use crate::sync::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The number of sites that a recording tells apart: places of the table, and [`OTHERS`].
pub(super) const SITES: usize = PLACES + 1;

/// The site that stands for all that found no place.
pub(super) const OTHERS: usize = PLACES;

/// Places looked at before a site is given up: beyond it the table is as good as full.
const LOOKS: usize = 64;

/// Finds a number by the address of a [`Location`]. Entries are only ever added, each by one compare-and-swap; a search
/// is a multiplication, and usually one load and one comparison.
///
/// Two addresses may hold the same file, line and column; whoever reads merges them.
pub(super) struct Sites {
    places: [AtomicPtr<Location<'static>>; PLACES],
}

impl Sites {
    pub(super) const fn new() -> Self {
        Self { places: [const { AtomicPtr::new(ptr::null_mut()) }; PLACES] }
    }

    /// Number of a site, below [`SITES`]; always the same for the same address.
    pub(super) fn number(&self, location: &'static Location<'static>) -> usize {
        let (wanted, first) = sought(location);
        for look in 0..LOOKS {
            let at = (first + look) % PLACES;
            let found = self.places[at].load(Relaxed);
            // Only the address is compared: relaxed is enough.
            if found == wanted || (found.is_null() && self.claim(at, wanted)) {
                return at;
            }
        }
        OTHERS
    }

    /// The number of a site that was met before and is found at the first look, as nearly all are.
    #[inline(always)]
    pub(super) fn known(&self, location: &'static Location<'static>) -> Option<usize> {
        let (wanted, first) = sought(location);
        (self.places[first].load(Relaxed) == wanted).then_some(first)
    }

    /// Takes an empty place; true where it now holds `wanted`, whoever wrote it.
    fn claim(&self, at: usize, wanted: *mut Location<'static>) -> bool {
        // Released, because a `&'static` may be to memory that this thread has just written and leaked.
        match self.places[at].compare_exchange(ptr::null_mut(), wanted, Release, Relaxed) {
            Ok(_) => true,
            Err(earlier) => earlier == wanted,
        }
    }

    /// The site of a number; `None` for [`OTHERS`] and numbers never given.
    pub(super) fn location(&self, number: usize) -> Option<&'static Location<'static>> {
        let found = self.places.get(number)?.load(Acquire);
        // SAFETY: null, or an address that came from a `&'static Location` in `number`.
        unsafe { found.as_ref() }
    }
}

/// What is looked for, and the place to look at first.
#[inline(always)]
fn sought(location: &'static Location<'static>) -> (*mut Location<'static>, usize) {
    let wanted = ptr::from_ref(location).cast_mut();
    // Fibonacci hashing: the upper bits of the product depend on all bits of the address.
    let first = (wanted.addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros());
    // Below PLACES, so the cast loses nothing.
    (wanted, first as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somewhere() -> &'static Location<'static> {
        Box::leak(Box::new(*Location::caller()))
    }

    #[test]
    fn a_site_keeps_its_number_and_gets_its_location_back() {
        let sites = Sites::new();
        let all: Vec<_> = (0..PLACES / 2).map(|_| somewhere()).collect();
        let numbers: Vec<_> = all.iter().map(|site| sites.number(site)).collect();
        let mut distinct = numbers.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        for (site, number) in all.iter().zip(numbers) {
            assert_eq!(sites.number(site), number);
            assert!(sites.known(site).is_none_or(|known| known == number));
            assert!(ptr::eq(sites.location(number).unwrap(), *site));
        }
    }

    #[test]
    fn a_full_table_sends_the_rest_elsewhere() {
        let sites = Sites::new();
        let numbers: Vec<_> = (0..2 * PLACES).map(|_| sites.number(somewhere())).collect();
        assert!(numbers.iter().filter(|number| **number == OTHERS).count() >= PLACES);
        assert!(numbers.iter().all(|number| *number < SITES));
        assert!(sites.location(OTHERS).is_none());
    }

    #[test]
    fn threads_agree() {
        let sites = Sites::new();
        let all: Vec<_> = (0..200).map(|_| somewhere()).collect();
        let numbers = || all.iter().map(|site| sites.number(site)).collect::<Vec<_>>();
        let seen: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(numbers)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|one| *one == seen[0]));
    }
}
