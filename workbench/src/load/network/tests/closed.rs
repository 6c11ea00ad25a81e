//! A closed loop: who was answered asks again.

use std::time::Duration;

use super::server::{Server, answer};
use super::{GO, drive_closed};
use crate::load::network::drive_closed_metered;
use crate::load::{ClosedSpec, fixture};

#[test]
fn a_closed_loop_counts_what_it_did() {
    let server = Server::start(
        |request, _| {
            if request.contains("/write/") { answer("500 No", "") } else { answer("200 OK", "") }
        },
    );
    let outcome = drive_closed(&server.target(), &fixture::closed(), &GO).unwrap();
    let [read, write] = &outcome.operations[..] else { panic!("two operations") };
    assert_eq!((read.errors, read.latency.len(), read.unanswered), (0, read.answered, 0));
    assert_eq!((write.answered, write.error_kinds["status 500"]), (0, write.errors));
    assert!(read.answered > write.errors && write.errors > 0 && outcome.elapsed_s >= 0.06);
    assert_eq!(outcome.answered() + outcome.failed(), server.request_lines().len() as u64);
    assert!(outcome.driver_cpu_in_process_s == 0.0 && outcome.driver_cpu_s > 0.0);
}

#[test]
fn the_meter_is_read_before_the_first_request_and_after_the_last_answer() {
    let server = Server::start(|_, _| answer("200 OK", ""));
    let mut readings = Vec::new();
    let mut meter = || readings.push(server.request_lines().len() as u64);
    let outcome = drive_closed_metered(&server.target(), &fixture::closed(), &GO, &mut meter).unwrap();
    assert_eq!(readings, [0, outcome.answered()]);
}

#[test]
fn a_closed_loop_against_silence_times_out_and_ends() {
    let server = Server::start(|_, _| vec![]);
    let spec = ClosedSpec { timeout: Duration::from_millis(20), ..fixture::closed() };
    let outcome = drive_closed(&server.target(), &spec, &GO).unwrap();
    let timeouts: u64 = outcome.operations.iter().map(|o| o.timeouts).sum();
    assert_eq!((outcome.answered(), outcome.failed()), (0, timeouts));
    assert!(timeouts >= 4);
}
