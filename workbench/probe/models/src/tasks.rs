//! The table of spawn sites, and that of tasks not polled yet.

/// As many as a scene needs.
const PLACES: usize = 8;
const PLACES_OF_UNPOLLED: usize = 8;

#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/tasks/sites.rs"]
mod sites;
#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/tasks/unpolled.rs"]
mod unpolled;

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

/// Two threads ask for the number of one site: both get the same, and the site back.
pub fn threads_agree_on_a_sites_number() {
    let sites = Arc::new(sites::Sites::new());
    assert!((0..sites::SITES).all(|number| sites.location(number).is_none()));
    let location = Location::caller();
    let other = Arc::clone(&sites);
    let thread = thread::spawn(move || {
        let number = other.number(location);
        assert_eq!(other.location(number), Some(location));
        number
    });
    let number = sites.number(location);
    assert_eq!(sites.location(number), Some(location));
    assert_eq!(thread.join().expect("the other thread saw what it should"), number);
}

/// Two threads spawn and poll tasks that share a place: each is told the time of its own spawn or nothing, never another's.
/// (That nobody is told twice follows from the one order in which all see the writes to a place, which loom does not keep.)
pub fn a_first_poll_finds_its_own_spawn_or_none() {
    let unpolled = Arc::new(unpolled::Unpolled::new());
    assert_eq!(unpolled.first_poll(1), None);
    let spawn_and_poll = |unpolled: &unpolled::Unpolled, number: u64, ticks: u64| {
        unpolled.spawned(number, ticks);
        assert!(unpolled.first_poll(number).is_none_or(|spawned| spawned.until(ticks) == 0));
    };
    let other = Arc::clone(&unpolled);
    let thread = thread::spawn(move || spawn_and_poll(&other, 1 + PLACES_OF_UNPOLLED as u64, 6400));
    spawn_and_poll(&unpolled, 1, 3200);
    thread.join().expect("the other thread saw what it should");
}

/// A task is spawned by one thread and polled by another, which learned of it through a queue.
pub fn a_spawn_is_found_by_whoever_polls() {
    let unpolled = Arc::new(unpolled::Unpolled::new());
    assert_eq!(unpolled.first_poll(1), None);
    let queue = Arc::new(loom::sync::atomic::AtomicBool::new(false));
    let (there, pushed) = (Arc::clone(&unpolled), Arc::clone(&queue));
    let thread = thread::spawn(move || {
        if pushed.load(loom::sync::atomic::Ordering::Acquire) {
            assert!(there.first_poll(1).is_some());
        }
    });
    unpolled.spawned(1, 3200);
    queue.store(true, loom::sync::atomic::Ordering::Release);
    thread.join().expect("the other thread saw what it should");
}
