//! The ladder of CPU evidence with each rung refused by the kernel itself: seccomp filters, which subjects inherit. Whatever
//! becomes of the evidence, the measurements stand.

use std::fs;
use std::os::unix::process::CommandExt;

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long, sock_filter};

use crate::program::{Program, Ran, finish};
use crate::sample::program;

/// What a filter does with a call.
#[derive(Clone, Copy)]
enum Fate {
    /// It fails with `EPERM`.
    Refused,
    /// The process that makes it is killed, as by a crash.
    Deadly,
}

/// Runs the program where the kernel does that with some system calls.
fn run(program: &Program, arguments: &[&str], calls: &[(c_long, Fate)]) -> Ran {
    let filter = filter(calls);
    let mut command = program.command(arguments);
    let install = move || {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: both calls only read what they are given, and the filter lives as long as the closure.
        let installed = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
        };
        if installed { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
    finish(command.spawn().expect("the program starts under its filter"))
}

/// A classic BPF program over `struct seccomp_data`, whose first word is the number of the call (seccomp(2)).
fn filter(calls: &[(c_long, Fate)]) -> Vec<sock_filter> {
    let statement = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = vec![statement(BPF_LD | BPF_W | BPF_ABS, 0)];
    for (call, fate) in calls {
        let k = u32::try_from(*call).expect("numbers of calls are small");
        filter.push(sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: 0, jf: 1, k });
        filter.push(statement(
            BPF_RET | BPF_K,
            match fate {
                Fate::Refused => libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs(),
                Fate::Deadly => libc::SECCOMP_RET_KILL_PROCESS,
            },
        ));
    }
    filter.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
    filter
}

const RUN: &[&str] =
    &["run", "allocator-lab", "--variant", "jemalloc", "--trials", "1", "--seed", "7", "--evidence", "cpu"];
const SHAPE: &[&str] = &["--set", "trial.saturated=1s", "--set", "load.operations=400"];

/// What became of a run's CPU evidence: its entry in `run.json`, and what the person was told.
fn evidence(flags: &[&str], calls: &[(c_long, Fate)]) -> (serde_json::Value, String) {
    let program = program();
    let ran = run(&program, &[RUN, SHAPE, flags].concat(), calls);
    assert_eq!(ran.code, Some(0), "evidence never fails a run: {}", ran.stderr);
    let path = program.only_run();
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join("run.json")).expect("a run ends with it")).expect("JSON");
    assert_eq!(summary["status"], "complete", "{summary}");
    let metrics = &summary["variants"][0]["metrics"];
    assert!(metrics["capacity"]["value"].as_f64() > Some(0.0), "the measured data are intact: {metrics}");
    assert!(fs::read_to_string(path.join("report.html")).is_ok_and(|page| page.contains("capacity")));
    (summary["profiles"][0].clone(), ran.stderr)
}

/// Where perf is allowed otherwise is no matter: here it is not.
const NO_PERF: (c_long, Fate) = (libc::SYS_perf_event_open, Fate::Refused);
/// The sampler copies stacks by it, and by nothing else.
const NO_SAMPLER: (c_long, Fate) = (libc::SYS_process_vm_readv, Fate::Refused);

#[test]
fn where_perf_is_refused_the_sampler_takes_its_place_and_says_why() {
    let (profile, said) = evidence(&[], &[NO_PERF]);
    let source = profile["source"].as_str().expect("who sampled");
    assert!(source.starts_with("sampler at 999 Hz in the process") && source.contains("perf"), "{source}");
    assert!(profile["samples"].as_u64() > Some(0) && profile["missing"].is_null(), "{profile}");
    assert!(said.contains("evidence of `jemalloc`: sampler sampled instead: "), "{said}");
}

#[test]
fn where_the_sampler_is_refused_too_pprof_takes_its_place_and_says_why() {
    let (profile, said) = evidence(&[], &[NO_PERF, NO_SAMPLER]);
    let source = profile["source"].as_str().expect("who sampled");
    assert!(source.starts_with("pprof at 99 Hz in the process"), "{source}");
    assert!(source.contains("the sampler could not be used: process_vm_readv is refused here"), "{source}");
    assert!(profile["samples"].as_u64() > Some(0) && profile["missing"].is_null(), "{profile}");
    assert!(said.contains("pprof sampled instead: ") && said.contains("process_vm_readv"), "{said}");
}

#[test]
fn where_nobody_can_sample_the_evidence_is_missing_and_says_why() {
    let (profile, said) = evidence(&[], &[NO_PERF, NO_SAMPLER, (libc::SYS_setitimer, Fate::Refused)]);
    let missing = profile["missing"].as_str().expect("a reason");
    assert!(missing.contains("the profiler took no sample"), "{missing}");
    assert!(said.contains("evidence of `jemalloc` is missing: "), "{said}");
}

#[test]
fn a_profiler_that_kills_its_process_costs_the_evidence_and_nothing_else() {
    for (flags, call) in
        [(["--cpu-backend", "sampler"], libc::SYS_timer_create), (["--cpu-backend", "pprof"], libc::SYS_setitimer)]
    {
        let (profile, said) = evidence(&flags, &[(call, Fate::Deadly)]);
        let missing = profile["missing"].as_str().expect("a reason");
        assert!(missing.contains("SIGSYS") && missing.contains("the profiler"), "{missing}");
        assert!(said.contains(missing), "{said}");
    }
}
