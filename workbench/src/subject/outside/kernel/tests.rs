use super::*;

#[test]
fn totals_begin_with_the_recording_and_survive_who_ends() {
    let mut total = Total::default();
    total.see(1, 100, true);
    assert_eq!(total.sum, 0, "what was counted before does not belong to it");
    total.see(1, 130, false);
    // A thread that was born meanwhile counts from its birth on, one that ended keeps its part.
    total.see(2, 7, false);
    total.see(2, 9, false);
    assert_eq!(total.sum, 39);
    // Its number was given to another one.
    total.see(2, 3, false);
    assert_eq!(total.sum, 42);
}

#[test]
fn this_very_process_is_read_to_the_end() {
    let sampler = Sampler::start(std::process::id()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    drop(listener);
    let figures = sampler.stop();
    assert!(figures.samples.len() >= 2, "{figures:?}");
    let last = figures.samples.last().unwrap();
    assert!(last.resident > Some(0) && last.threads > Some(0) && last.descriptors > Some(0), "{last:?}");
    assert!(
        figures
            .samples
            .windows(2)
            .all(|pair| pair[0].at_s <= pair[1].at_s && pair[0].minor_faults <= pair[1].minor_faults)
    );
    assert_eq!(figures.samples[0].minor_faults, Some(0), "totals begin with the recording");
}

#[test]
fn a_long_recording_is_bounded() {
    let mut reader = Reader::new(std::process::id());
    reader.renewed = Some(Duration::MAX);
    reader.samples = vec![KernelSample::default(); MOST_SAMPLES - 1];
    reader.sample(Duration::from_secs(600));
    assert_eq!((reader.samples.len(), reader.stride), (MOST_SAMPLES / 2, 2.0));
}

#[test]
fn tables_of_sockets_keep_nothing_else_from_being_read() {
    let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut reader = Reader::new(std::process::id());
    reader.sample(Duration::ZERO);
    let due = reader.sockets_due;
    assert!(due > Duration::ZERO, "they cost something");
    reader.sample(due - Duration::from_nanos(1));
    reader.sample(due);
    let read = |sample: &KernelSample| (sample.resident.is_some(), sample.backlog.is_some());
    let all: Vec<_> = reader.samples.iter().map(read).collect();
    assert_eq!(all, [(true, true), (true, false), (true, true)]);
}

#[test]
fn a_process_that_is_not_there_leaves_nothing_amiss() {
    let figures = Sampler::start(0x3fff_fff0).unwrap().stop();
    assert!(figures.samples.is_empty() && figures.missing.is_empty(), "{figures:?}");
}

#[test]
fn what_cannot_be_read_says_why_once() {
    let mut missing = BTreeMap::new();
    let denied = std::io::Error::from_raw_os_error(libc::EACCES);
    note(&mut missing, "io", "/proc/1/io", &denied);
    note(&mut missing, "io", "/proc/2/io", &denied);
    note(&mut missing, "stat", "/proc/1/stat", &std::io::Error::from_raw_os_error(libc::ESRCH));
    assert_eq!(missing.len(), 1);
    assert_eq!(missing["io"], "/proc/1/io cannot be read (Permission denied (os error 13))");
}

#[test]
fn figures_are_those_of_a_process_and_all_that_it_started() {
    let mut leader = std::process::Command::new("sh")
        .args([
            "-c",
            "for i in 1 2; do sh -c 'while :; do :; done' & all=\"$all $!\"; done; read line; kill $all; wait",
        ])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = Reader::new(leader.id());
    let mut last = KernelSample::default();
    // The leader waits: CPU time of more than a tick is its children's.
    while last.threads != Some(3) || last.cpu_s.is_none_or(|used| used < 0.02) {
        reader.renewed = None;
        reader.sample(Duration::from_millis(reader.samples.len() as u64));
        last = *reader.samples.last().unwrap();
    }
    let family = process::family(leader.id());
    let own = fs::read_to_string(format!("/proc/{}/stat", leader.id())).ok().and_then(|text| process::stat(&text));
    drop(leader.stdin.take());
    leader.wait().unwrap();
    assert_eq!(family.len(), 3);
    assert!(last.resident > own.map(|stat| stat.resident), "of three processes more is resident than of one");
    assert!(last.descriptors >= Some(3 * 2), "{last:?}");
    let known = |pid: &u32| reader.running.last.contains_key(pid) || reader.ticks.last.contains_key(pid);
    assert!(family.iter().all(known), "{family:?}");
}

#[test]
fn threads_that_end_between_two_looks_are_counted() {
    let mut reader = Reader::new(std::process::id());
    reader.sample(Duration::ZERO);
    let burned = std::thread::spawn(|| {
        let before = thread_cpu_s();
        while thread_cpu_s() - before < 0.05 {}
        thread_cpu_s() - before
    });
    let burned = burned.join().unwrap();
    reader.sample(Duration::from_millis(1));
    assert!(reader.samples[1].cpu_s >= Some(burned), "{:?} of {burned}", reader.samples[1].cpu_s);
}
