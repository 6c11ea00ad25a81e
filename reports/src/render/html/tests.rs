//! What the page holds, and that it holds nothing else.

use crate::render::fixture::Fixture;
use crate::render::html::page;

/// Writes the pages for a person to look at, where `WORKBENCH_WRITE_FIXTURE` names a folder. A `flamegraph.svg` found
/// there stands in for the small one, so that a real one can be looked at too.
#[test]
fn pages_for_a_person() {
    let Some(folder) = std::env::var_os("WORKBENCH_WRITE_FIXTURE") else { return };
    let folder = std::path::PathBuf::from(folder);
    let real = std::fs::read_to_string(folder.join("flamegraph.svg")).ok();
    let pages = [
        ("one", Fixture::one_variant()),
        ("two", Fixture::two_variants()),
        ("three", Fixture::three_variants()),
        ("limited", Fixture::driver_limited()),
        ("failed", Fixture::failed()),
    ];
    for (name, mut fixture) in pages {
        if let Some(real) = &real {
            fixture.flamegraphs.values_mut().for_each(|svg| svg.clone_from(real));
        }
        std::fs::write(folder.join(format!("{name}.html")), page(&fixture.page())).expect("the folder is writable");
    }
}
