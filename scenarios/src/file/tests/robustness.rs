//! No text makes the reader panic, and what it writes it reads.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{parse, to_toml};
use super::RIGHT;
use crate::knobs::{KNOBS, Kind, duration_text};
use crate::spec::{
    Arrivals, Burst, Connection, Ladder, Line, Load, Operation, Program, Protocol, Request, Scenario, Settings, Slo,
    Stage, Target, Trial, Variant,
};

const FILES: [&str; 3] =
    [RIGHT, include_str!("../../../catalog/http-service.toml"), include_str!("../../../catalog/allocator-lab.toml")];

/// Reads and, where that fails, writes the messages; both must not panic.
fn survives(text: &str) {
    if let Err(problems) = parse("any.toml", text) {
        assert!(!problems.problems.is_empty());
        let shown = problems.render(false);
        assert!(shown.starts_with("error: "), "{shown}");
        assert!(!problems.render(true).is_empty());
    }
}

fn cut(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn anything_like_toml_is_survived(text in "([a-z\\[\\]=\"'{}.,#\\\\ \n\r\t0-9_$:éß日\u{202e}-]|\\[\\[mix\\]\\]\n|\\[knobs\\]\n){0,200}") {
        survives(&text);
    }

    #[test]
    fn truncated_files_are_survived(file in select(&FILES), at in 0_usize..4000) {
        survives(&file[..cut(file, at)]);
    }

    #[test]
    fn mutated_files_are_survived(
        file in select(&FILES),
        at in 0_usize..4000,
        length in 0_usize..40,
        insert in prop_oneof![
            any::<String>(),
            "[\"'\\[\\]{}=.\n\r\\\\0-9a-z-]{0,12}",
            select(&["[", "]]", "\"\"\"", "= 1\n", "\u{feff}", "\u{0}", "\r", "9e999", "-0", "nan", "{}", "[[mix]]\n"])
                .prop_map(str::to_owned),
        ],
    ) {
        let start = cut(file, at);
        let end = cut(file, start + length);
        survives(&format!("{}{insert}{}", &file[..start], &file[end..]));
    }

    #[test]
    fn what_is_written_is_read(scenario in scenarios()) {
        let text = to_toml(&scenario);
        match parse("written.toml", &text) {
            Ok(read) => prop_assert_eq!(read, scenario),
            Err(problems) => prop_assert!(false, "{problems}\n{text}"),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_of_a_program_is_read(
        scenario in scenarios(),
        command in vec("[ -~é]{1,8}", 1..4),
        args in vec(any::<String>(), 0..3),
        own in option::of(vec("[a-z./]{1,8}", 1..3)),
        ready in select(&["port", "http:/health", "line:listening on"]),
        env in btree_map("[A-V][A-Z0-9_]{0,8}", lines(), 0..3),
        folder in option::of("[a-z./é]{1,9}"),
        patience in (durations(Duration::from_secs(3600)), durations(Duration::from_secs(60))),
    ) {
        let target = if command[0].contains("${port}") { "http://localhost:${port}" } else { "https://[::1]:8443" };
        let reserved = |name: &String| crate::knobs::lookup(&format!("env.{name}")).is_err();
        let mut program = Program::new(command, Target::parse(target).unwrap().0);
        program.env = env.into_iter().filter(|(name, _)| !reserved(name)).collect();
        program.ready = ready.parse().unwrap();
        program.folder = folder.map(Into::into);
        (program.start_timeout, program.stop_timeout) = patience;
        let request = Request {
            method: "GET".into(), path: "/".into(), headers: vec![], body: None, expect_status: 200, expect_body: None,
        };
        let mix = scenario.mix.into_iter().map(|op| Operation { request: Some(op.request.unwrap_or(request.clone())), line: None, ..op });
        let plain = |variant: Variant| Variant {
            settings: Settings::new(),
            args: args.iter().map(|arg| arg.replace('\0', "")).collect(),
            command: own.clone(),
            ..variant
        };
        let scenario = Scenario {
            workload: String::new(),
            subject: Some(program),
            mix: mix.collect(),
            settings: Settings::new(),
            variants: scenario.variants.into_iter().map(plain).collect(),
            ..scenario
        };
        let text = to_toml(&scenario);
        match parse("written.toml", &text) {
            Ok(read) => prop_assert_eq!(read, scenario),
            Err(problems) => prop_assert!(false, "{problems}\n{text}"),
        }
    }
}

fn durations(most: Duration) -> impl Strategy<Value = Duration> {
    let most = u64::try_from(most.as_micros()).unwrap();
    (1_000_u64.min(most)..=most).prop_map(Duration::from_micros)
}

/// Text on one line, with all that TOML must quote.
fn lines() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"'\\\\#=\\[\\]é日😀.,]{0,24}"
}

/// Any text but `${`, which begins a placeholder.
fn bodies() -> impl Strategy<Value = String> {
    (any::<String>(), select(&["", "${sequence}", "${random:7}", "\r\n'''\"\"\"\\"]))
        .prop_map(|(text, tail)| text.replace("${", "") + tail)
}

fn values(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Integer { min, max } => (min..=max).prop_map(|n| n.to_string()).boxed(),
        Kind::Milliseconds { min, max } | Kind::Signed { min, max } => (min..=max).prop_map(|n| n.to_string()).boxed(),
        Kind::Number { max, .. } => (0.001..max).prop_map(|n| n.to_string()).boxed(),
        Kind::Boolean => any::<bool>().prop_map(|b| b.to_string()).boxed(),
        Kind::Duration { max, .. } => durations(max).prop_map(duration_text).boxed(),
        Kind::Choice(words) => select(words).prop_map(str::to_owned).boxed(),
        Kind::Size { min, max } | Kind::Bytes { min, max } => (min..=max).prop_map(crate::knobs::size_text).boxed(),
        Kind::Percent { max } => (0..=max).prop_map(|n| n.to_string()).boxed(),
        Kind::Pairs => "[a-z]{1,6}=[0-9]{1,3}(,[a-z]{1,6}=[0-9]{1,3})?".boxed(),
        Kind::CpuSet => select(&["0", "0-1", "1,3-5"]).prop_map(str::to_owned).boxed(),
    }
}

/// Knobs that never depend on others, and environment variables.
fn knob_settings() -> impl Strategy<Value = Settings> {
    let of_ours = |knob: &&crate::knobs::Knob| {
        knob.acts_on_subject() && knob.condition.is_none() && !matches!(knob.acts, crate::knobs::Acts::Go(_))
    };
    let knobs: Vec<_> = KNOBS.iter().filter(of_ours).collect();
    let knob = select(knobs)
        .prop_filter("the flavour and the allocator decide over others", |knob| {
            !matches!(knob.path, "runtime.flavor" | "allocator.kind")
        })
        .prop_flat_map(|knob| values(knob.kind).prop_map(move |value| (knob.path.to_owned(), value)));
    let variable = ("env\\.[A-V][A-Z0-9_]{0,8}", "[ -~\n\té]{0,16}")
        .prop_filter("a reserved name", |(name, _)| crate::knobs::lookup(name).is_ok());
    vec(prop_oneof![knob, variable], 0..6).prop_map(|settings| settings.into_iter().collect())
}

fn parameters() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("workload\\.[a-z][a-z0-9_]{0,8}", prop_oneof!["-?[0-9]{1,20}", "true|false|1.5|", lines()], 0..4)
}

fn requests() -> impl Strategy<Value = Request> {
    let header = ("[A-Za-z-]{1,6}", "[!-~]([ -~]{0,8}[!-~])?");
    let with_body = select(&["POST", "PUT", "PATCH", "DELETE"]).prop_map(str::to_owned);
    let target = "/[a-z0-9/?=&%.]{0,12}(\\$\\{sequence\\}|\\$\\{random:5\\})?";
    (with_body, target, vec(header, 0..3), option::of(bodies()), 200_u16..600, option::of(any::<String>())).prop_map(
        |(method, path, headers, body, expect_status, expect_body)| Request {
            method,
            path,
            headers,
            body,
            expect_status,
            expect_body,
        },
    )
}

fn mixes() -> impl Strategy<Value = Vec<Operation>> {
    let lines = (bodies(), option::of(any::<String>())).prop_map(|(send, expect)| Line { send, expect });
    let sent = prop_oneof![
        option::of(requests()).prop_map(|request| (request, None)),
        lines.prop_map(|line| (None, Some(line))),
    ];
    let operation = (0.001_f64..1e6, any::<bool>(), any::<bool>(), sent);
    (btree_map("[a-zA-Z0-9._-]{1,8}", operation, 1..4)).prop_map(|operations| {
        let mut mix: Vec<Operation> = operations
            .into_iter()
            .map(|(name, (frequency, measured, own, (request, line)))| {
                let (weight, rate) = if own && !measured { (0.0, Some(frequency)) } else { (frequency, None) };
                Operation { name, weight, rate, measured, request, line }
            })
            .collect();
        (mix[0].measured, mix[0].weight, mix[0].rate) = (true, 1.0, None);
        mix
    })
}

fn variants(shared: &Settings) -> impl Strategy<Value = Vec<Variant>> + use<> {
    let declared: Vec<String> = shared.keys().filter(|path| path.starts_with("workload.")).cloned().collect();
    let parameter = if declared.is_empty() {
        Just(Settings::new()).boxed()
    } else {
        btree_map(select(declared), lines(), 0..2).boxed()
    };
    let settings = (knob_settings(), parameter).prop_map(|(mut knobs, parameters)| {
        knobs.extend(parameters);
        knobs
    });
    btree_map("[a-z]([a-z0-9=, .+\"'é-]{0,10}[a-z])?", (lines(), settings), 1..4).prop_map(|variants| {
        let variant = |(name, (summary, settings)): (String, _)| Variant { summary, settings, ..Variant::plain(name) };
        variants.into_iter().map(variant).collect()
    })
}

fn loads() -> impl Strategy<Value = Load> {
    let arrivals = select(&[Arrivals::Poisson, Arrivals::Constant, Arrivals::Closed]);
    let spans = (durations(Duration::from_secs(3600)), durations(Duration::from_secs(1)));
    let protocol = select(&[Protocol::Auto, Protocol::Http1, Protocol::Http2, Protocol::Lines]);
    let connection = select(&[Connection::KeepAlive, Connection::Close]);
    let how = ((protocol, connection), any::<bool>(), option::of(lines()));
    (arrivals, 0.001_f64..1e7, 1_u64..1_000_000_000, 1_u32..65_536, 1_u32..1_048_577, spans, how).prop_map(
        |(arrivals, rate, operations, concurrency, max_in_flight, (timeout, max_lag_p99), how)| Load {
            arrivals,
            rate,
            operations,
            concurrency,
            max_in_flight,
            timeout,
            max_lag_p99,
            protocol: how.0.0,
            connection: how.0.1,
            tls_insecure: how.1,
            tls_ca: how.2,
            stages: Vec::new(),
            burst: None,
            trace: None,
        },
    )
}

/// Loads whose rate changes.
fn shaped_loads() -> impl Strategy<Value = Load> {
    let hour = Duration::from_secs(3600);
    let stage = (0.0_f64..1e4, 0.1_f64..1e4, durations(hour)).prop_map(|(from, to, span)| Stage {
        from,
        to,
        span: span + Duration::from_secs(21),
    });
    let burst = (1_u32..100, durations(hour)).prop_map(|(size, every)| Burst { size, every });
    (loads(), vec(stage, 1..4), option::of(burst)).prop_filter_map(
        "closed, or too much",
        |(mut load, stages, burst)| {
            (load.stages, load.burst) = (stages, burst);
            (load.arrivals != Arrivals::Closed && load.settle().is_ok()).then_some(load)
        },
    )
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let hour = Duration::from_secs(3600);
    let ladder = select(vec![Ladder::Auto, Ladder::Off, Ladder::Levels(vec![1, 4, 500])]);
    let shape = (1_u32..10_000, durations(hour), durations(hour), ladder);
    let trial = shape.prop_map(|(blocks, warmup, saturated, ladder)| Trial { blocks, warmup, saturated, ladder });
    let settings = (knob_settings(), parameters()).prop_map(|(mut knobs, parameters)| {
        knobs.extend(parameters);
        knobs
    });
    let names = ("[a-z0-9-]{1,12}", 1_u32.., lines(), "[a-z0-9-]{1,12}");
    let load = prop_oneof![3 => loads(), 1 => shaped_loads()];
    let year = Duration::from_secs(365 * 86_400);
    let slo =
        (0.000_001_f64..1.0, option::of(durations(hour)), durations(year)).prop_map(|(objective, latency, window)| {
            Slo {
                objective,
                latency: latency.filter(|latency| !latency.is_zero()),
                window: window.max(Duration::from_nanos(1)),
            }
        });
    (names, trial, (load, option::of(slo)), mixes(), settings).prop_flat_map(
        |(names, trial, (load, slo), mix, settings)| {
            let (name, version, summary, workload) = names;
            let mut mix = mix;
            if load.arrivals == Arrivals::Closed {
                mix.retain(|operation| operation.rate.is_none());
            }
            variants(&settings).prop_map(move |variants| Scenario {
                name: name.clone(),
                version,
                summary: summary.clone(),
                workload: workload.clone(),
                subject: None,
                trial: trial.clone(),
                load: load.clone(),
                mix: mix.clone(),
                settings: settings.clone(),
                variants,
                slo,
            })
        },
    )
}
