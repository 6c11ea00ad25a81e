use std::collections::BTreeMap;

use super::*;
use crate::resolve::resolve;
use crate::spec::Settings;

fn message(error: impl fmt::Display) -> String {
    error.to_string()
}

fn dummy(_: &Context) -> Result<Arc<dyn InProcess>, WorkloadError> {
    Err(WorkloadError::Failed("never built".to_owned()))
}

fn parameters(settings: &Settings) -> BTreeMap<String, String> {
    let named = |(path, value): (&String, &String)| {
        crate::knobs::parameter_name(path).map(|name| (name.to_owned(), value.clone()))
    };
    settings.iter().filter_map(named).collect()
}

#[test]
fn builtin_scenarios_read_and_resolve() {
    let catalog = Catalog::builtin();
    assert_eq!(catalog.names().collect::<Vec<_>>(), ["http-service", "allocator-lab", "memory-limit"]);
    let variants = |name| {
        let resolved = resolve(&catalog.scenario(name).unwrap(), &[], &[], &[]).unwrap();
        resolved.variants.into_iter().map(|variant| variant.name).collect::<Vec<_>>()
    };
    assert_eq!(variants("http-service"), ["broken", "fixed"]);
    assert_eq!(variants("allocator-lab"), ["jemalloc", "mimalloc", "system"]);
    assert_eq!(variants("memory-limit"), ["no-limit", "limit", "limit-shed", "decay-0"]);
}

/// A parameter that the file declares and the workload does not take would fail every trial.
#[test]
fn builtin_workloads_take_what_their_scenarios_declare() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let catalog = Catalog::builtin();
    for name in catalog.names() {
        let resolved = resolve(&catalog.scenario(name).unwrap(), &[], &[], &[]).unwrap();
        let operations: Vec<String> = resolved.scenario.mix.iter().map(|operation| operation.name.clone()).collect();
        for variant in &resolved.variants {
            let context = Context::new(parameters(&variant.settings), operations.clone(), runtime.handle().clone(), 1);
            let built = match catalog.constructor(name).unwrap() {
                Constructor::InProcess(build) => build(&context).map(drop),
                Constructor::Networked(build) => build(&context).map(drop),
            };
            built.unwrap_or_else(|error| panic!("{name}, {}: {error}", variant.name));
        }
    }
}

#[test]
fn logins_know_the_password() {
    let scenario = Catalog::builtin().scenario("http-service").unwrap();
    let login = scenario.mix.iter().find(|operation| operation.name == "login").unwrap();
    let body = login.request.as_ref().and_then(|request| request.body.as_deref()).unwrap();
    assert!(body.contains(&format!("\"password\":\"{}\"", crate::workloads::http_service::PASSWORD)), "{body}");
}

#[test]
fn an_unknown_scenario_names_the_nearest_and_all() {
    let catalog = Catalog::builtin();
    insta::assert_snapshot!(message(catalog.scenario("http-servise").unwrap_err()));
    insta::assert_snapshot!(message(catalog.load("kafka").unwrap_err()));
    insta::assert_snapshot!(message(Catalog::empty().load("kafka").unwrap_err()));
}

#[test]
fn a_missing_file_is_named() {
    insta::assert_snapshot!(message(Catalog::builtin().load("no/such/file.toml").unwrap_err()));
}

#[test]
fn a_file_may_use_any_workload_of_the_catalogue() {
    let path = std::env::temp_dir().join(format!("scenarios-{}.toml", std::process::id()));
    let text = include_str!("../../catalog/allocator-lab.toml").replace("name = \"allocator-lab\"", "name = \"mine\"");
    std::fs::write(&path, &text).unwrap();
    let scenario = Catalog::builtin().load(path.to_str().unwrap());
    std::fs::write(&path, text.replace("workload = \"allocator-lab\"", "workload = \"alocator-lab\"")).unwrap();
    let unknown = Catalog::builtin().load(path.to_str().unwrap());
    std::fs::remove_file(&path).unwrap();
    let scenario = scenario.unwrap();
    assert_eq!((scenario.name.as_str(), scenario.workload.as_str()), ("mine", "allocator-lab"));
    let unknown = message(unknown.unwrap_err());
    assert!(unknown.contains(path.to_str().unwrap()) && unknown.contains("did you mean `allocator-lab`?"), "{unknown}");
}

#[test]
fn the_mix_suits_the_workload() {
    let lab = include_str!("../../catalog/allocator-lab.toml");
    let service = include_str!("../../catalog/http-service.toml");
    let catalog = Catalog::builtin();
    let swapped = |text: &str, from: &str, to: &str| {
        let text = text.replace(&format!("workload = \"{from}\""), &format!("workload = \"{to}\""));
        message(catalog.parse("mine.toml", &text).unwrap_err())
    };
    insta::assert_snapshot!(swapped(lab, "allocator-lab", "http-service"));
    insta::assert_snapshot!(swapped(service, "http-service", "allocator-lab"));
}

#[test]
fn users_add_scenarios_and_replace_them() {
    let file = "name = \"mine\"\nversion = 1\nsummary = \"\"\nworkload = \"mine\"\n[load]\nrate = 1\n\
                [[mix]]\noperation = \"tick\"\nweight = 1\n";
    let captured = String::from("closures may capture");
    let catalog = Catalog::builtin().in_process("mine", file.replace("version = 1", "version = 2"), dummy).in_process(
        "mine",
        file,
        move |_| Err(WorkloadError::Failed(captured.clone())),
    );
    assert_eq!(catalog.names().collect::<Vec<_>>(), ["http-service", "allocator-lab", "memory-limit", "mine"]);
    assert_eq!(catalog.scenario("mine").unwrap().version, 1);
    assert_eq!(catalog.constructor("mine").map(Constructor::kind), Some(WorkloadKind::InProcess));
    assert!(catalog.constructor("other").is_none());
}

#[test]
fn an_entry_and_its_file_agree_on_the_name() {
    let file = include_str!("../../catalog/allocator-lab.toml");
    let catalog = Catalog::builtin().in_process("mine", file, dummy);
    insta::assert_snapshot!(message(catalog.scenario("mine").unwrap_err()));
}
