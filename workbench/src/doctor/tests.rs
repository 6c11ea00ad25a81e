use super::*;

fn healthy() -> Surroundings {
    Surroundings {
        machine: Machine {
            cpus: 8,
            threads_per_core: 2,
            cpu: "Some CPU".into(),
            clocksource: "tsc".into(),
            tick_hz: Some(250),
            ..Machine::default()
        },
        build: BuildInfo {
            profile: "release".into(),
            commit: "abc".into(),
            flags: vec!["tokio_unstable".into(), "frame-pointers".into(), "line-tables".into()],
            ..BuildInfo::default()
        },
        perf: Ok(true),
        root: false,
        kptr_restrict: Some(0),
        cgroup: 2,
        inherited: vec![],
        hidden_allocator_sources: vec![],
        allocator_guard: None,
        tokio_console: Some("/bin/tokio-console".into()),
        console_child: Ok("/bin/workbench-console".into()),
        load_1m: 0.1,
        autogroup: false,
        tried: Mechanism::ALL.map(|mechanism| (mechanism, Ok("allowed".to_owned()))).into(),
    }
}

#[test]
fn a_healthy_machine_needs_nothing() {
    for check in examine(&healthy()) {
        assert_eq!((check.health, check.fix.as_str()), (Health::Good, ""), "{check:?}");
    }
}

#[test]
fn every_shortcoming_comes_with_a_fix() {
    let sick = Surroundings {
        machine: Machine {
            cpus: 1,
            cpu_quota: Some(0.5),
            clocksource: "hpet".into(),
            tick_hz: None,
            ..Machine::default()
        },
        build: BuildInfo {
            profile: "dev".into(),
            flags: vec!["debug-assertions".into(), "tokio-tracing".into()],
            ..BuildInfo::default()
        },
        perf: Err("perf events are refused (Permission denied)".into()),
        root: false,
        kptr_restrict: Some(2),
        cgroup: 0,
        inherited: vec!["MALLOC_CONF".into()],
        hidden_allocator_sources: vec!["/etc/_rjem_malloc.conf".into()],
        allocator_guard: None,
        tokio_console: None,
        console_child: Err(Missing { what: "console child", why: "not there".into(), command: "cargo build".into() }),
        load_1m: 9.0,
        autogroup: true,
        tried: Mechanism::ALL.map(|mechanism| (mechanism, Err("refused".to_owned()))).into(),
    };
    for check in examine(&sick) {
        assert!(check.health != Health::Good && !check.fix.is_empty(), "{check:?}");
    }
    let guard = Surroundings { allocator_guard: Some("malloc is jemalloc".into()), ..healthy() };
    assert!(examine(&guard).iter().any(|c| c.health == Health::Bad && c.found.contains("malloc is jemalloc")));
}

#[test]
fn sessions_that_share_before_nice_values_count_are_told() {
    let checks = examine(&Surroundings { autogroup: true, ..healthy() });
    let told = checks.iter().find(|check| check.name == "sessions").unwrap();
    assert_eq!(told.health, Health::Notice);
    assert!(told.fix.contains("kernel.sched_autogroup_enabled=0"), "{told:?}");
}
