use std::collections::BTreeMap;

use super::*;
use crate::workload::PressureSource;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn build(runtime: &tokio::runtime::Runtime, parameters: &[(&str, &str)], pressure: Pressure) -> Arc<MemoryLimit> {
    let parameters: BTreeMap<_, _> = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let operations = vec!["request".to_owned(), "report".to_owned()];
    let context = Context::new(parameters, operations, runtime.handle().clone(), 1).with_pressure(pressure);
    MemoryLimit::build(&context).unwrap()
}

fn call(operation: usize) -> Call {
    Call { operation, sequence: 0, seed: 7 }
}

#[test]
fn reports_are_refused_only_under_pressure_and_only_where_shedding_is_on() {
    let runtime = runtime();
    let small = ("report_hold", "0");
    for (shed, level, refused) in [
        ("true", PressureLevel::None, false),
        ("true", PressureLevel::Purging, false),
        ("true", PressureLevel::Over, true),
        ("false", PressureLevel::Over, false),
    ] {
        let (source, pressure) = PressureSource::new();
        let service = build(&runtime, &[small, ("shed", shed), ("report_bytes", "65536")], pressure);
        source.set(level);
        let answer = runtime.block_on(Arc::clone(&service).operate(call(1)));
        assert_eq!(answer.is_err(), refused, "{shed} {level:?}");
        if let Err(error) = answer {
            assert_eq!(error.0, SHED);
        }
        runtime.block_on(service.operate(call(0))).unwrap();
    }
}

#[test]
fn a_report_that_waits_begins_when_the_pressure_falls() {
    let runtime = runtime();
    let (source, pressure) = PressureSource::new();
    source.set(PressureLevel::Over);
    let service = build(&runtime, &[("shed", "true"), ("report_hold", "10000"), ("report_bytes", "65536")], pressure);
    runtime.block_on(async {
        let waiting = tokio::spawn(async move { service.relieved().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        source.set(PressureLevel::Purging);
        assert!(waiting.await.unwrap());
    });
}

#[test]
fn blocks_add_up() {
    for bytes in [1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK + 5] {
        assert_eq!(sizes(bytes).sum::<usize>(), bytes);
        assert!(sizes(bytes).all(|size| size > 0 && size <= BLOCK));
    }
    assert!(touched(BLOCK).capacity() >= BLOCK);
}

#[test]
fn what_it_does_not_take_is_refused() {
    let runtime = runtime();
    let context = |operations: &[&str], parameters: &[(&str, &str)]| {
        let parameters = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let operations = operations.iter().map(|name| (*name).to_owned()).collect();
        Context::new(parameters, operations, runtime.handle().clone(), 1)
    };
    let refused = |context: Context| MemoryLimit::build(&context).unwrap_err().to_string();
    assert!(refused(context(&["burst"], &[])).contains("it has request, report"));
    insta::assert_snapshot!(refused(context(&[], &[("shed", "tru")])), @"parameter `workload.shed`: `tru` is none of false, true: did you mean `true`?");
    insta::assert_snapshot!(refused(context(&[], &[("report_byte", "1")])), @"parameter `workload.report_byte`: not taken; did you mean `report_bytes`? Taken are request_bytes, report_bytes, report_hold, shed");
}
