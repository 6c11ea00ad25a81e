//! The table of spawn sites.

/// As many as a scene needs.
const PLACES: usize = 8;

#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/tasks/sites.rs"]
mod sites;

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
