use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::spec::Settings;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

fn messages(cases: &[(&str, &str)]) -> String {
    let message = |(path, value): &(&str, &str)| check(path, value).expect_err("it is wrong").to_string();
    cases.iter().map(message).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_table_is_sound() {
    let mut paths = BTreeSet::new();
    for knob in KNOBS {
        assert!(paths.insert(knob.path), "{} is there twice", knob.path);
        assert!(!knob.doc.is_empty() && !knob.read_back.is_empty() && !knob.default.prose.is_empty(), "{}", knob.path);
        assert!(
            knob.path
                .split('.')
                .all(|part| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()))
        );
        if let Some(value) = knob.default.value {
            assert_eq!(knob.check(value).as_deref(), Ok(value), "{}", knob.path);
        }
        if let Some(condition) = knob.condition {
            let Ok(Setting::Knob(other)) = lookup(condition.path) else { panic!("{}", condition.path) };
            let (Needed::Value(value) | Needed::AnyBut(value)) = condition.needed;
            assert!(other.default.value.is_some() && other.check(value).is_ok(), "{}", knob.path);
        }
        assert_eq!(knob.go.is_some(), knob.acts_on_subject(), "{}", knob.path);
    }
    for path in &paths {
        assert!(!paths.iter().any(|other| other.starts_with(&format!("{path}."))), "{path} is a knob and a group");
    }
}

#[test]
fn every_knob_is_described() {
    let mut text = String::new();
    for row in describe() {
        writeln!(text, "{} ({}: {}; default {})", row.path, row.kind, row.range, row.default).unwrap();
        writeln!(text, "  {}\n  acts on {}; needs: {}", row.doc, row.acts, row.needs).unwrap();
        writeln!(text, "  Go: {} ({})\n  read back: {}", row.go, row.go_difference, row.read_back).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn values_become_canonical() {
    for (path, given, canonical) in [
        ("runtime.worker_threads", " 02 ", "2"),
        ("runtime.flavor", "current_thread", "current_thread"),
        ("runtime.thread_keep_alive", "1500 ms", "1s500ms"),
        ("runtime.lifo_slot", "false", "false"),
        ("allocator.jemalloc.dirty_decay_ms", "-1", "-1"),
        ("allocator.jemalloc.narenas", "4094", "4094"),
        ("cpu.affinity", "1,0,3", "0-1,3"),
        ("allocator.memory_limit", "1024MiB", "1GiB"),
        ("allocator.memory_limit", "268435456", "256MiB"),
        ("allocator.memory_limit", "off", "off"),
        ("allocator.memory_limit_cpu", "0.50", "0.5"),
        ("load.rate", "1e3", "1000"),
        ("load.rate", "0.50", "0.5"),
        ("trial.saturated", "0s", "0s"),
        ("allocator.jemalloc.tcache_max", "4096", "4KiB"),
        ("allocator.jemalloc.mutex_max_spin", "-1", "-1"),
        ("allocator.mimalloc.arena_reserve", "1024MiB", "1GiB"),
        ("allocator.system.mmap_threshold", "1000", "1000B"),
        ("env.RUST_LOG", " as is ", " as is "),
        ("workload.login", "anything", "anything"),
    ] {
        assert_eq!(check(path, given).as_deref(), Ok(canonical), "{path} = {given}");
    }
}

#[test]
fn bounds_are_inclusive() {
    for (path, min, max) in [
        ("runtime.worker_threads", "1", "1024"),
        ("runtime.max_blocking_threads", "1", "32768"),
        ("runtime.event_interval", "1", "1048576"),
        ("runtime.global_queue_interval", "1", "1048576"),
        ("runtime.thread_keep_alive", "1ms", "1h"),
        ("allocator.jemalloc.narenas", "1", "4094"),
        ("allocator.memory_limit", "1MiB", "1024TiB"),
        ("allocator.jemalloc.dirty_decay_ms", "-1", "2147483648"),
        ("allocator.jemalloc.muzzy_decay_ms", "-1", "2147483648"),
    ] {
        assert_eq!(check(path, min).as_deref(), Ok(min), "{path}");
        assert_eq!(check(path, max).as_deref(), Ok(max), "{path}");
    }
    for (path, value) in [
        ("runtime.worker_threads", "1025"),
        ("runtime.max_blocking_threads", "32769"),
        ("runtime.event_interval", "0"),
        ("runtime.global_queue_interval", "0"),
        ("runtime.thread_keep_alive", "999us"),
        ("runtime.thread_keep_alive", "1h1ns"),
        ("allocator.jemalloc.narenas", "4095"),
        ("allocator.jemalloc.dirty_decay_ms", "-2"),
        ("allocator.jemalloc.muzzy_decay_ms", "2147483649"),
        ("load.rate", "0"),
    ] {
        assert!(matches!(check(path, value), Err(KnobError::Range { .. })), "{path} = {value}");
    }
}

#[test]
fn wrong_names_and_values_name_the_right_ones() {
    insta::assert_snapshot!(messages(&[
        ("runtime.worker_thread", "2"),
        ("worker_threads", "2"),
        ("narenas", "2"),
        ("GOMAXPROCS", "2"),
        ("go.goc", "50"),
        ("alocator.kind", "system"),
        ("gc.percent", "100"),
        ("", "1"),
        ("allocator.jemalloc.prof", "true"),
        ("allocator.jemalloc.lg_prof_sample", "19"),
        ("runtime.io_uring", "true"),
        ("MIMALLOC_PURGE_DELAY", "0"),
        ("MALLOC_TRIM_THRESHOLD_", "0"),
        ("glibc.malloc.arena_max", "1"),
        ("env.MIMALLOC_PURGE_DELAY", "0"),
        ("env.GLIBC_TUNABLES", "glibc.malloc.arena_max=1"),
        ("allocator.jemalloc.tcache_max", "64KiB"),
        ("allocator.jemalloc.tcache_max", "4KB"),
        ("allocator.jemalloc.tcache_max", "-1"),
        ("allocator.jemalloc.lg_tcache_nslots_mul", "17"),
        ("allocator.jemalloc.percpu_arena", "percpus"),
        ("allocator.mimalloc.purge_dealy", "0"),
        ("allocator.mimalloc.purge_decommits", "1"),
        ("allocator.system.arena_max", "0"),
        ("allocator.system.tcache_max", "2KiB"),
        ("runtime", "1"),
        ("allocator.jemalloc", "1"),
        ("workload.", "1"),
        ("workload.Log-in", "1"),
        ("env.", "1"),
        ("env.1A", "1"),
        ("env._RJEM_MALLOC_CONF", "narenas:1"),
        ("env.MALLOC_CONF", "narenas:1"),
        ("env.TOKIO_WORKER_THREADS", "1"),
        ("env.WORKBENCH_ALLOCATOR", "system"),
        ("env.A", "\0"),
        ("runtime.worker_threads", "0"),
        ("runtime.worker_threads", "-1"),
        ("runtime.worker_threads", "99999999999999999999999"),
        ("runtime.worker_threads", "two"),
        ("runtime.worker_threads", "2.5"),
        ("runtime.worker_threads", ""),
        ("runtime.flavor", "multithread"),
        ("runtime.flavor", "threads"),
        ("runtime.thread_keep_alive", "10"),
        ("runtime.thread_keep_alive", "ten"),
        ("runtime.thread_keep_alive", "2h"),
        ("runtime.lifo_slot", "off"),
        ("allocator.jemalloc.dirty_decay_ms", "10s"),
        ("allocator.jemalloc.dirty_decay_ms", "-2"),
        ("allocator.memory_limit", "256MB"),
        ("allocator.memory_limit", "none"),
        ("allocator.memory_limit", "1KiB"),
        ("allocator.memory_limit_cpu", "25"),
        ("GOMEMLIMIT", "1GiB"),
        ("cpu.affinity", "a-b"),
        ("load.rate", "NaN"),
        ("load.rate", "-1"),
        ("load.rate", "fast"),
        ("load.arrivals", "poison\u{1b}[1m"),
    ]));
}

#[test]
fn knobs_without_effect_are_refused() {
    let error = |pairs| check_combination(&settings(pairs)).unwrap_err().to_string();
    let kind = ("allocator.kind", "mimalloc");
    let current = ("runtime.flavor", "current_thread");
    insta::assert_snapshot!(
        [
            error(&[kind, ("allocator.jemalloc.narenas", "1")]),
            error(&[("allocator.kind", "system"), ("allocator.jemalloc.tcache", "false")]),
            error(&[("allocator.mimalloc.purge_delay", "0")]),
            error(&[("allocator.system.arena_max", "1")]),
            error(&[kind, ("allocator.system.arena_max", "1")]),
            error(&[current, ("runtime.worker_threads", "2")]),
            error(&[current, ("runtime.lifo_slot", "false")]),
            error(&[("allocator.memory_limit_cpu", "0.1")]),
            error(&[("allocator.memory_limit", "off"), ("allocator.memory_limit_cpu", "0.1")]),
        ]
        .join("\n")
    );
    for right in [
        settings(&[]),
        settings(&[("allocator.jemalloc.narenas", "1")]),
        settings(&[("allocator.kind", "jemalloc"), ("allocator.jemalloc.narenas", "1")]),
        settings(&[("allocator.memory_limit", "1GiB"), ("allocator.memory_limit_cpu", "0.1")]),
        settings(&[kind, ("runtime.worker_threads", "2"), ("runtime.lifo_slot", "false")]),
        settings(&[current, ("runtime.worker_threads", "1"), ("runtime.global_queue_interval", "7")]),
    ] {
        check_combination(&right).unwrap();
    }
}

#[test]
fn every_load_and_trial_knob_reaches_the_scenario() {
    let scenario = crate::catalog::Catalog::builtin().scenario("http-service").unwrap();
    for knob in KNOBS {
        let (mut trial, mut load) = (scenario.trial.clone(), scenario.load.clone());
        let value = match knob.kind {
            Kind::Duration { .. } => "7ms",
            Kind::Choice(words) => words.last().unwrap(),
            Kind::Boolean => "true",
            _ => "7",
        };
        let applied = apply_to_shape(&mut trial, &mut load, knob.path, value);
        assert_eq!(applied.is_ok(), !knob.acts_on_subject(), "{}", knob.path);
        let changed = (trial, load) != (scenario.trial.clone(), scenario.load.clone());
        assert_eq!(changed, !knob.acts_on_subject(), "{}", knob.path);
    }
}

proptest! {
    #[test]
    fn no_text_panics(path in any::<String>(), value in any::<String>()) {
        let _ = check(&path, &value);
    }

    #[test]
    fn whatever_passes_is_canonical(
        path in select(KNOBS.iter().map(|knob| knob.path).collect::<Vec<_>>()),
        value in "(-?[0-9]{1,12}(\\.[0-9]{1,3})?|[0-9]{1,5}(ns|us|ms|s|m|h)|[0-9](-[0-9])?,[0-9]|true|false|[a-z_]{1,14})",
    ) {
        if let Ok(canonical) = check(path, &value) {
            prop_assert_eq!(check(path, &canonical), Ok(canonical));
        }
    }
}
