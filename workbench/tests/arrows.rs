//! The arrows between crates: four leaves, one hub. Nothing else may point anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Normal and build dependencies between our own crates, by package name.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let ours: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    packages
        .iter()
        .map(|package| {
            let targets = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|d| d["kind"].as_str() != Some("dev"))
                .filter_map(|d| d["name"].as_str())
                .filter(|name| ours.contains(name))
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().expect("name").to_owned(), targets)
        })
        .collect()
}

#[test]
fn leaves_depend_on_no_leaf_and_only_user_binaries_depend_on_the_hub() {
    let arrows = arrows();
    for leaf in ["scenarios", "flamegraphs", "reports"] {
        assert_eq!(arrows[leaf], BTreeSet::new(), "`{leaf}` is a leaf");
    }
    let probe: BTreeSet<&str> = arrows["probe"].iter().map(String::as_str).collect();
    assert!(probe.is_subset(&BTreeSet::from(["flamegraphs"])), "`probe` may use nothing but flamegraphs: {probe:?}");
    let expected = ["flamegraphs", "probe", "reports", "scenarios"].map(str::to_owned).into();
    assert_eq!(arrows["workbench"], expected, "`workbench` is the hub");
    for (name, targets) in &arrows {
        let core = ["workbench", "probe", "scenarios", "flamegraphs", "reports"].contains(&name.as_str());
        // A program of tokio alone, whose builds the bench of task recording compares.
        if name == "builds" {
            assert_eq!(targets, &BTreeSet::new(), "`builds` measures tokio and nothing of ours");
        } else if ["blame-programs", "blame-depotkit"].contains(&name.as_str()) {
            assert_eq!(targets, &BTreeSet::new(), "`{name}` are strangers");
        } else if name == "blame-strangers" {
            assert_eq!(*targets, BTreeSet::from(["blame-depotkit".to_owned()]), "`{name}` have a library of theirs");
        } else if name == "probe-models" {
            // Takes sources of the probe, to run them on other atomics.
            assert_eq!(*targets, BTreeSet::new(), "`{name}` depends on nothing of ours");
        } else if !core {
            // A user brings a workload to the command line, or takes the debug endpoints into a service.
            let allowed = ["workbench", "probe"].map(|one| BTreeSet::from([one.to_owned()]));
            assert!(allowed.contains(targets), "`{name}` is a user's crate: {targets:?}");
        }
    }
}

#[test]
fn leaves_keep_away_from_what_they_must_never_touch() {
    let forbidden: &[(&str, &[&str])] = &[
        ("reports", &["tokio", "clap", "inferno", "pprof"]),
        ("flamegraphs", &["tokio", "clap"]),
        ("scenarios", &["clap", "indicatif"]),
        ("probe", &["clap", "reports", "scenarios"]),
    ];
    for (package, names) in forbidden {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--offline", "--format", "{p}"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo tree runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        let found: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        for name in *names {
            assert!(!found.contains(name), "`{package}` must not depend on `{name}`");
        }
    }
}
