use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::catalog::Catalog;
use crate::file::{parse, to_toml};
use crate::spec::Operation;

fn shop() -> Scenario {
    Catalog::builtin().scenario("http-service").unwrap()
}

fn lab() -> Scenario {
    Catalog::builtin().scenario("allocator-lab").unwrap()
}

fn run(scenario: &Scenario, sets: &[&str], vary: &[&str], only: &[&str]) -> Result<Resolved, ResolveError> {
    let sets: Vec<_> = sets.iter().map(|text| parse_set(text).unwrap()).collect();
    let vary: Vec<_> = vary.iter().map(|text| parse_vary(text).unwrap()).collect();
    let only: Vec<_> = only.iter().map(|&name| name.to_owned()).collect();
    resolve(scenario, &sets, &vary, &only)
}

fn names(resolved: &Resolved) -> Vec<&str> {
    resolved.variants.iter().map(|variant| variant.name.as_str()).collect()
}

fn values<'a>(resolved: &'a Resolved, path: &str) -> Vec<&'a str> {
    resolved.variants.iter().map(|variant| variant.settings.get(path).map_or("-", String::as_str)).collect()
}

#[test]
fn without_wishes_the_scenario_stands() {
    let resolved = run(&shop(), &[], &[], &[]).unwrap();
    assert_eq!(resolved.scenario, shop());
    assert_eq!(names(&resolved), ["broken", "fixed"]);
    assert_eq!(values(&resolved, "workload.login"), ["inline", "pool"]);
    assert_eq!(values(&resolved, "runtime.worker_threads"), ["2", "2"]);
}

#[test]
fn later_wins() {
    let resolved = run(&shop(), &["runtime.worker_threads=04"], &[], &[]).unwrap();
    assert_eq!(values(&resolved, "runtime.worker_threads"), ["4", "4"]);
    let resolved = run(&shop(), &["runtime.worker_threads=4"], &["runtime.worker_threads=1,8"], &[]).unwrap();
    assert_eq!(values(&resolved, "runtime.worker_threads"), ["1", "8", "1", "8"]);
    let resolved = run(&shop(), &["workload.users=3", "workload.users=4"], &[], &[]).unwrap();
    assert_eq!(values(&resolved, "workload.users"), ["4", "4"]);
}

#[test]
fn a_grid_multiplies_variants() {
    let resolved = run(&shop(), &[], &["runtime.worker_threads=1,2", "allocator.kind=jemalloc,system"], &[]).unwrap();
    insta::assert_snapshot!(names(&resolved).join("\n"));
    assert_eq!(values(&resolved, "workload.login")[3..5], ["inline", "pool"]);
    assert_eq!(values(&resolved, "allocator.kind")[..3], ["jemalloc", "system", "jemalloc"]);
}

#[test]
fn knobs_of_one_allocator_stay_with_it_where_the_allocator_is_varied() {
    let vary = ["allocator.kind=jemalloc,mimalloc", "allocator.mimalloc.purge_delay=0,10"];
    let resolved = run(&lab(), &[], &vary, &[]).unwrap();
    assert_eq!(names(&resolved), ["kind=jemalloc", "kind=mimalloc,purge_delay=0", "kind=mimalloc,purge_delay=10"]);
    assert_eq!(values(&resolved, "allocator.mimalloc.purge_delay"), ["-", "0", "10"]);
    let resolved = run(&lab(), &["allocator.system.arena_max=1"], &[], &[]).unwrap();
    assert_eq!(names(&resolved), ["jemalloc", "mimalloc", "system"]);
    assert_eq!(values(&resolved, "allocator.system.arena_max"), ["-", "-", "1"]);
    assert_eq!(resolve(&resolved.scenario, &[], &[], &[]).unwrap(), resolved);
    let refused = run(&lab(), &["allocator.system.arena_max=1"], &[], &["jemalloc", "mimalloc"]).unwrap_err();
    insta::assert_snapshot!(refused, @"variant `jemalloc`: `allocator.system.arena_max` has no effect with allocator.kind = jemalloc: it needs allocator.kind = system");
}

#[test]
fn a_grid_over_what_distinguishes_variants_takes_their_place() {
    let resolved = run(&lab(), &[], &["allocator.kind=jemalloc,mimalloc", "runtime.worker_threads=1"], &[]).unwrap();
    assert_eq!(names(&resolved), ["kind=jemalloc,worker_threads=1", "kind=mimalloc,worker_threads=1"]);
    assert!(resolved.variants.iter().all(|variant| variant.summary.is_empty()));
}

#[test]
fn a_grid_takes_the_place_of_a_single_plain_variant() {
    let mut scenario = shop();
    scenario.variants.truncate(1);
    scenario.variants[0].settings.clear();
    let resolved = run(&scenario, &[], &["env.RUST_LOG=info;debug,hyper=off"], &[]).unwrap();
    assert_eq!(names(&resolved), ["RUST_LOG=info", "RUST_LOG=debug+hyper=off"]);
    assert_eq!(values(&resolved, "env.RUST_LOG"), ["info", "debug,hyper=off"]);
}

#[test]
fn ambiguous_last_parts_are_written_in_full() {
    let resolved = run(&shop(), &[], &["workload.users=1,2", "env.users=1"], &["fixed"]).unwrap();
    assert_eq!(names(&resolved), ["fixed,workload.users=1,env.users=1", "fixed,workload.users=2,env.users=1"]);
}

#[test]
fn lists_of_cpus_are_separated_by_semicolons() {
    let resolved = run(&shop(), &[], &["cpu.affinity=0;0,1;3,1"], &["broken"]).unwrap();
    assert_eq!(values(&resolved, "cpu.affinity"), ["0", "0-1", "1,3"]);
    assert_eq!(names(&resolved), ["broken,affinity=0", "broken,affinity=0-1", "broken,affinity=1+3"]);
}

#[test]
fn variants_are_chosen_in_the_order_of_the_scenario() {
    assert_eq!(names(&run(&lab(), &[], &[], &["system", "jemalloc"]).unwrap()), ["jemalloc", "system"]);
    // What another variant sets does not matter once it is not chosen.
    let resolved = run(&lab(), &["allocator.kind=system"], &[], &["mimalloc"]).unwrap();
    assert_eq!(values(&resolved, "allocator.kind"), ["system"]);
}

#[test]
fn load_and_trial_change_for_every_variant() {
    let sets = ["load.rate=250", "load.arrivals=constant", "trial.blocks=3", "load.timeout=900ms"];
    let resolved = run(&shop(), &sets, &[], &[]).unwrap();
    let Scenario { trial, load, .. } = &resolved.scenario;
    assert_eq!((load.rate.to_bits(), load.arrivals, trial.blocks), (250.0_f64.to_bits(), Arrivals::Constant, 3));
    assert_eq!(load.timeout.as_millis(), 900);
    assert!(resolved.variants.iter().all(|variant| !variant.settings.contains_key("load.rate")));
}

#[test]
fn equal_variants_of_a_scenario_are_left_alone() {
    let mut scenario = shop();
    scenario.variants[1].settings = scenario.variants[0].settings.clone();
    assert_eq!(names(&run(&scenario, &["workload.login=pool"], &[], &[]).unwrap()), ["broken", "fixed"]);
}

#[test]
fn wrong_wishes_are_explained() {
    let error = |scenario: &Scenario, sets: &[&str], vary: &[&str], only: &[&str]| {
        run(scenario, sets, vary, only).unwrap_err().to_string()
    };
    let mut closed = shop();
    closed.load.arrivals = Arrivals::Closed;
    closed.load.rate = 0.0;
    let mut beside = shop();
    let export =
        Operation { name: "export".into(), weight: 0.0, rate: Some(5.0), measured: false, ..beside.mix[0].clone() };
    beside.mix.push(export);
    let mut bare = shop();
    bare.settings.clear();
    let wide = "workload.users=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17";
    insta::assert_snapshot!(
        [
            error(&shop(), &["runtime.worker_thread=2"], &[], &[]),
            error(&shop(), &["runtime.worker_threads=0"], &[], &[]),
            error(&shop(), &[], &["runtime.worker_threads=1,0"], &[]),
            error(&shop(), &[], &["allocator.kin=system"], &[]),
            error(&shop(), &["workload.logn=pool"], &[], &[]),
            error(&shop(), &[], &["workload.pages=1"], &[]),
            error(&bare, &["workload.login=pool"], &[], &[]),
            error(&shop(), &[], &[], &["fixd"]),
            error(&shop(), &[], &[], &["zebra"]),
            error(&shop(), &["workload.login=pool"], &[], &[]),
            error(&beside, &["load.arrivals=closed"], &[], &[]),
            error(&lab(), &["runtime.worker_threads=1", "allocator.kind=system"], &[], &[]),
            error(&lab(), &["allocator.jemalloc.narenas=1"], &[], &["mimalloc"]),
            error(&lab(), &["allocator.jemalloc.narenas=1"], &["allocator.kind=mimalloc,system"], &[]),
            error(&shop(), &["runtime.flavor=current_thread"], &[], &[]),
            error(&shop(), &[], &["load.rate=100,200"], &[]),
            error(&shop(), &[], &["trial.blocks=1,2"], &[]),
            error(&shop(), &[], &["workload.users=1,2", "workload.users=3"], &[]),
            error(&shop(), &[], &["runtime.worker_threads=1,01"], &[]),
            error(&shop(), &[], &["env.RUST_LOG=a,b;a+b"], &[]),
            error(&shop(), &[], &[wide, "workload.login_limit=1,2,3,4,5,6,7,8"], &[]),
            error(&shop(), &["load.operations=0", "trial.saturated=0s"], &[], &[]),
            error(&closed, &["load.arrivals=poisson"], &[], &[]),
            resolve(&shop(), &[], &[("workload.users".to_owned(), vec![])], &[]).unwrap_err().to_string(),
        ]
        .join("\n")
    );
}

#[test]
fn flags_are_split() {
    let set = |text| parse_set(text).map(|(name, value)| format!("{name} | {value}"));
    assert_eq!(set("a.b=c=d").as_deref(), Ok("a.b | c=d"));
    assert_eq!(set(" a = b ").as_deref(), Ok("a | b"));
    assert_eq!(set("env.EMPTY=").as_deref(), Ok("env.EMPTY | "));
    let vary = |text| parse_vary(text).map(|(name, values)| format!("{name} | {}", values.join(" | ")));
    assert_eq!(vary("a=1, 2,3").as_deref(), Ok("a | 1 | 2 | 3"));
    assert_eq!(vary("a=1,2;3").as_deref(), Ok("a | 1,2 | 3"));
    assert_eq!(vary("cpu.affinity=0").as_deref(), Ok("cpu.affinity | 0"));
    let errors = [
        parse_set("runtime.worker_threads").unwrap_err(),
        parse_set("=2").unwrap_err(),
        parse_vary("runtime.worker_threads").unwrap_err(),
        parse_vary(" =1,2").unwrap_err(),
        parse_vary("runtime.worker_threads=").unwrap_err(),
        parse_vary("runtime.worker_threads=1,,2").unwrap_err(),
        parse_vary("cpu.affinity=0,1").unwrap_err(),
    ];
    insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"));
}

const AXES: [(&str, &[&str]); 5] = [
    ("runtime.worker_threads", &["1", "2", "3"]),
    ("allocator.kind", &["jemalloc", "mimalloc", "system"]),
    ("cpu.affinity", &["0", "0,1", "1-2,5"]),
    ("workload.login", &["inline", "pool"]),
    ("env.MODE", &["a", "b,c"]),
];

const SETS: [(&str, &str); 5] = [
    ("runtime.event_interval", "7"),
    ("load.rate", "12.5"),
    ("trial.warmup", "0s"),
    ("env.MODE", "plain"),
    ("workload.users", "3"),
];

proptest! {
    #[test]
    fn flags_never_panic(text in any::<String>()) {
        let _ = (parse_set(&text), parse_vary(&text));
    }

    /// The file that a run keeps says all that ran, and the grid is complete.
    #[test]
    fn what_resolved_is_written_and_resolves_to_itself(
        axes in subsequence(AXES.to_vec(), 0..=AXES.len()),
        sets in vec(select(SETS.to_vec()), 0..4),
        only in select(vec![vec![], vec!["broken"], vec!["fixed"]]),
    ) {
        let owned = |text: &&str| (*text).to_owned();
        let vary: Vec<_> = axes.iter().map(|(path, values)| (owned(path), values.iter().map(owned).collect())).collect();
        let sets: Vec<_> = sets.iter().map(|(path, value)| (owned(path), owned(value))).collect();
        let only: Vec<_> = only.iter().map(owned).collect();
        let resolved = resolve(&shop(), &sets, &vary, &only).unwrap();

        let points: usize = axes.iter().map(|(_, values)| values.len()).product();
        let replaced = axes.iter().any(|(path, _)| *path == "workload.login");
        let bases = if replaced || !only.is_empty() { 1 } else { 2 };
        prop_assert_eq!(resolved.variants.len(), points * bases);
        for (index, variant) in resolved.variants.iter().enumerate() {
            prop_assert!(!resolved.variants[..index].iter().any(|earlier| earlier.settings == variant.settings));
        }

        let text = to_toml(&resolved.scenario);
        let read = parse("scenario.toml", &text).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(&read, &resolved.scenario);
        prop_assert_eq!(resolve(&read, &[], &[], &[]).unwrap(), resolved);
    }
}
