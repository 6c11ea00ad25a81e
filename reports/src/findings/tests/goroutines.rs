//! Programs of Go whose goroutines were traced.

use super::*;
use crate::findings::{Build, CpuRow, CpuTable, Loops};
use crate::run::{ThreadsRecord, WaitPlace};

/// A place where goroutines of operations wait, `within` in Go's words; `asks` is the library's function that they called.
fn place(own: &[(&str, u32)], within: &str, asks: &str, waits: u64, total_s: f64) -> WaitPlace {
    WaitPlace {
        function: own[0].0.into(),
        within: within.into(),
        thread: "goroutines".into(),
        own: own.iter().map(|(function, line)| frame(function, *line)).collect(),
        asks: asks.into(),
        called_back: true,
        waits,
        total_s,
        longest_s: 0.1,
        ..WaitPlace::default()
    }
}

/// What is found in 1000 operations that wait so.
fn waiting(places: Vec<WaitPlace>, felt: Felt, levels: &[LevelSummary], loops: &str) -> Vec<(String, String, u32)> {
    let build = Build { go: true, ..Build::default() };
    let threads = ThreadsRecord { waited: places, ..ThreadsRecord::default() };
    let kernel = kernel(|at| KernelSample { cpu_s: Some(0.05 * at), ..KernelSample::default() });
    let calls: BTreeMap<String, f64> = [("write".to_owned(), 0.2)].into();
    let path = vec![frame("main.send", 52), frame("main.price", 83), frame("main.quote", 143)];
    let row = CpuRow { function: "main.send".into(), line: 52, total_s: 1.0, calls, path, ..CpuRow::default() };
    let cpu = CpuTable { total_s: 1.0, rows: vec![row], named: 1.0, ..CpuTable::default() };
    let mut all = Loops::default();
    all.read("src/main.rs", loops);
    found(&Joined {
        build: Some(&build),
        kernel: Some(&kernel),
        cpu: Some(&cpu),
        loops: Some(&all),
        levels,
        ..threaded(&threads, felt)
    })
}

#[test]
fn who_writes_in_pieces_waits_for_an_acknowledgement() {
    let reads = |within: &str| {
        vec![place(&[("main.read", 68), ("main.price", 87), ("main.quote", 143)], within, "io.ReadFull", 1000, 41.0)]
    };
    assert_eq!(waiting(reads("IO wait"), felt(0.041, 0.001), &[], ""), [is("latency-pinned", "main.send", 52)]);
    assert_eq!(waiting(reads("sleep"), felt(0.041, 0.001), &[], ""), [], "it means to wait");
    assert_eq!(waiting(reads("IO wait"), felt(0.061, 0.001), &[], ""), [], "it takes longer");
}

#[test]
fn questions_that_are_asked_one_after_the_other_are_of_whose_loop_it_is() {
    let source = "func page() {\n\tfor _, one := range all {\n\t\tlookUp(one)\n\t}\n}\n";
    let asks = |waits, asks: &str| vec![place(&[("main.lookUp", 9), ("main.page", 3)], "select", asks, waits, 20.0)];
    let of = |waits, asked| waiting(asks(waits, asked), felt(0.021, 0.001), &[], source);
    assert_eq!(of(24_000, "net/http.(*Client).Get"), [is("repeated-work", "main.page", 3)]);
    assert_eq!(of(9_000, "net/http.(*Client).Get"), [], "three questions, and what tells of their answers");
    assert_eq!(of(24_000, ""), [], "it waits for its own");
}

#[test]
fn who_sleeps_until_it_is_its_turn_keeps_a_limit() {
    let level =
        |concurrency, throughput, p50| LevelSummary { concurrency, throughput, p50: Some(p50), ..<_>::default() };
    let pinned = [level(1, 100.0, 0.01), level(16, 101.0, 0.15)];
    let sleeps = |own: &[(&str, u32)]| vec![place(own, "sleep", "", 1000, 140.0)];
    let of = |own: &[(&str, u32)]| waiting(sleeps(own), felt(0.01, 0.14), &pinned, "");
    assert_eq!(
        of(&[("main.(*quota).take", 39), ("main.(*desk).rate", 69)]),
        [is("throttled", "main.(*desk).rate", 69)]
    );
    assert_eq!(of(&[("main.take", 39), ("main.(*desk).rate", 69)]), [is("throttled", "main.take", 39)]);
}

#[test]
fn what_is_built_anew_is_of_who_builds_it() {
    let of = |path: &[(&str, u32)], source: &str| {
        let path: Vec<TraceFrame> = path.iter().map(|(function, line)| frame(function, *line)).collect();
        let TraceFrame { function, line, .. } = path[0].clone();
        let row = CpuRow {
            function,
            line,
            file: "src/main.rs".into(),
            total_s: 1.0,
            allocator_s: 0.2,
            path,
            ..CpuRow::default()
        };
        let cpu = CpuTable { total_s: 1.5, rows: vec![row], named: 1.0, ..CpuTable::default() };
        let kernel = kernel(|at| KernelSample { cpu_s: Some(0.05 * at), ..KernelSample::default() });
        let metrics = metrics(&[("cpu_per_op", 0.001_5)]);
        let mut all = Loops::default();
        all.read("src/main.rs", source);
        found(&Joined {
            kernel: Some(&kernel),
            cpu: Some(&cpu),
            metrics: Some(&metrics),
            loops: Some(&all),
            ..driven(felt(0.001, 0.000_1))
        })
    };
    let board = "func board() {\n\tfor _, f := range rows {\n\t\trow(f)\n\t}\n}\nfunc row(f flight) {\n\tlocal(f)\n}\nfunc local(f flight) {\n\tzone(f)\n}\n";
    assert_eq!(
        of(&[("main.local", 10), ("main.row", 7), ("main.board", 3)], board),
        [is("repeated-work", "main.local", 10)]
    );
    assert_eq!(
        of(&[("main.row", 7), ("main.board", 3)], board),
        [is("repeated-work", "main.row", 7)],
        "not who goes round"
    );
}

#[test]
fn who_does_something_else_while_others_wait_to_be_told_keeps_them() {
    let of = |waited_s: f64| {
        let stands = |own: &[(&str, u32)]| site(TraceCause::Notify, own);
        let busy = TraceSite {
            call: "select".into(),
            ..site(TraceCause::Other, &[("main.stems", 44), ("main.add", 68), ("main.own", 3)])
        };
        let holder = TraceHolder { doing: TraceEndKind::Blocked, site: busy, total_s: 0.1 * waited_s };
        let waits = TracePolls {
            kind: crate::run::GOROUTINES.into(),
            doing: TraceEndKind::Blocked,
            site: Some(TraceSite { call: "futex".into(), ..stands(&[("main.serve", 157)]) }),
            polls: 900,
            total_s: waited_s,
            longest_s: 0.1,
            holders: vec![holder],
            ..TracePolls::default()
        };
        let threads = ThreadsRecord { kept: vec![waits.clone()], kept_open: vec![waits], ..ThreadsRecord::default() };
        let mut all = Loops::default();
        all.read("src/main.rs", "func own() {\n\tfor {\n\t\tadd()\n\t}\n}\n");
        found(&Joined { loops: Some(&all), ..threaded(&threads, felt(0.001, 0.02)) })
    };
    assert_eq!(of(40.0), [is("waiting-on-owner", "main.own", 3)]);
    assert_eq!(of(2.0), [], "as long as an operation takes");
}

#[test]
fn a_connection_for_every_operation_is_of_who_asks_over_it() {
    let of = |count, connecting_s: f64| {
        let calls: BTreeMap<String, f64> = [("connect".to_owned(), connecting_s)].into();
        let cpu = CpuTable {
            total_s: 1.0,
            rows: vec![CpuRow { calls, total_s: 1.0, ..CpuRow::default() }],
            named: 1.0,
            ..CpuTable::default()
        };
        let own: Vec<TraceFrame> = [("main.ask", 52), ("main.serve", 80)].iter().map(|(f, l)| frame(f, *l)).collect();
        let begun = crate::run::Begun { through: "net/http.(*Transport).dial".into(), own, count };
        let waited =
            vec![place(&[("main.ask", 52), ("main.serve", 80)], "select", "net/http.(*Client).Get", 2000, 1.5)];
        let threads = ThreadsRecord { waited, begun: vec![begun], ..ThreadsRecord::default() };
        let kernel = kernel(|at| KernelSample { cpu_s: Some(0.05 * at), ..KernelSample::default() });
        let metrics = metrics(&[("cpu_per_op", 0.000_5)]);
        let build = Build { go: true, ..Build::default() };
        found(&Joined {
            kernel: Some(&kernel),
            cpu: Some(&cpu),
            metrics: Some(&metrics),
            build: Some(&build),
            ..threaded(&threads, felt(0.002, 0.000_1))
        })
    };
    assert_eq!(of(1000, 0.06), [is("repeated-work", "main.ask", 52)]);
    assert_eq!(of(20, 0.06), [], "a pool warms up");
    assert_eq!(of(1000, 0.001), [], "it starts them for something else");
}
