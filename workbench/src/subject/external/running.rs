//! A program that runs: started, found ready, followed to whoever listens, and ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use reports::run::{ExitRecord, Heed, Settings};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use scenarios::spec::{Load, Program, Ready, Variant};

use super::launch::{self, Launch};
use super::ready::{self, NotReady, Waiting};
use super::tree::{self, Tree};
use super::{heeded, read_back, sockets};
use crate::subject::guard::Guard;
use crate::subject::outside::{Outside, Wanted};
use crate::subject::process::{AwaitedLine, SubjectProcess, ending};
use crate::subject::{SubjectError, reap};

/// How long those who end by themselves may take, once all that was asked to end has.
const LEFTOVERS: Duration = Duration::from_millis(500);
/// How long a port may stay taken by what was just killed.
const PORT_PATIENCE: Duration = Duration::from_secs(1);

/// What is started, and for whom.
pub(super) struct Start<'a> {
    pub(super) program: &'a Program,
    pub(super) variant: &'a Variant,
    pub(super) load: &'a Load,
    /// CPUs that the driver leaves it.
    pub(super) cpus: Option<String>,
    pub(super) marker: String,
    pub(super) guard: &'a Arc<Guard>,
    pub(super) stop: &'a AtomicBool,
    /// What is recorded from outside.
    pub(super) wanted: Option<Wanted>,
}

/// A program that may be driven.
#[derive(Debug)]
pub(super) struct Running {
    process: SubjectProcess,
    tree: Tree,
    name: String,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Who listens there.
    main: i32,
    /// Of that process, where it is not the one that was started.
    followed: Option<OwnedFd>,
    /// Settings read back.
    pub(super) effective: Settings,
    /// Whether it heeds what it was given in variables.
    pub(super) heeded: BTreeMap<String, Heed>,
    requested: Settings,
    /// What a reader should know of how it ran.
    pub(super) remarks: Vec<String>,
    stop_timeout: Duration,
}

impl Running {
    /// Starts it and waits until it is ready.
    pub(super) fn start(start: &Start<'_>) -> Result<(Self, Outside), SubjectError> {
        let Start { program, variant, marker, guard, .. } = start;
        let addresses = launch::addresses(&program.target)?;
        let port = addresses[0].port();
        let launch = Launch::new(program, variant, port, start.cpus.clone())?;
        if let Some(problem) = still_taken(&addresses) {
            return Err(SubjectError::Refused(problem));
        }
        let awaited = Arc::new(match &program.ready {
            Ready::Line(text) => AwaitedLine::containing(&text.replace(scenarios::spec::PORT, &port.to_string())),
            Ready::Port | Ready::Http(_) => AwaitedLine::default(),
        });
        let (started, outside) = Outside::launch(start.wanted, || {
            let (launch, marker, guard) = (launch.clone(), marker.clone(), Arc::clone(guard));
            let awaited = Arc::clone(&awaited);
            move || launch.start(|command| SubjectProcess::start_silent(command, &marker, &guard, &awaited))
        });
        let process = started?;
        let tree = Tree::new(process.pid(), marker);
        let leader = process.pid().cast_signed();
        let began_as = launch.executable();
        if let Some(problem) = read_back::lacks(leader, &launch) {
            return Err(SubjectError::Refused(problem));
        }
        let variables = read_back::variables(leader);
        let mut running = Self {
            process,
            tree,
            name: launch.name(),
            address: addresses[0],
            main: leader,
            followed: None,
            effective: Settings::new(),
            heeded: BTreeMap::new(),
            requested: variant.settings.clone(),
            remarks: Vec::new(),
            stop_timeout: program.stop_timeout,
        };
        let waiting = Waiting {
            ready: &program.ready,
            target: &program.target,
            load: start.load,
            addresses: &addresses,
            awaited: &awaited,
            patience: program.start_timeout,
            stop: start.stop,
        };
        running.address = match ready::wait(&waiting, &running.process, &running.tree) {
            Ok(address) => address,
            Err(NotReady::Interrupted) => return Err(SubjectError::Interrupted),
            Err(NotReady::Ended) => return Err(running.ended("before it was ready")?),
            Err(NotReady::Because(reason)) => return Err(running.failed(&format!("is not ready: {reason}"))),
        };
        running.follow(began_as)?;
        running.read_back(&launch, variant, variables, port)?;
        running.effective.insert(read_back::COMMAND.to_owned(), written(program, variant));
        Ok((running, outside))
    }

    /// Finds whoever listens: the program itself, or what it became or left behind.
    fn follow(&mut self, began_as: Option<PathBuf>) -> Result<(), SubjectError> {
        let leader = self.main;
        let alive = self.tree.alive();
        let pids: Vec<i32> = alive.iter().map(|member| member.pid).collect();
        let Some(any) = pids.first() else { return Err(self.ended("as soon as it was ready")?) };
        let listening: Vec<_> = sockets::listeners(*any).into_iter().filter(|one| one.takes(&self.address)).collect();
        let holders: Vec<i32> = listening.iter().flat_map(|one| sockets::holders(one, &pids)).collect();
        if holders.is_empty()
            && let Some(others) = listening.first().map(|one| sockets::holders(one, &tree::numbers()))
            && let Some(other) = others.first()
        {
            return Err(self.failed(&format!(
                "does not listen on {}: process {other} (`{}`) does, which it did not start",
                self.address,
                tree::name(*other)
            )));
        }
        // Where nobody's descriptors can be seen, the process that was started stands for all.
        let main = if holders.contains(&leader) || holders.is_empty() && pids.contains(&leader) {
            leader
        } else {
            holders.first().copied().unwrap_or(*any)
        };
        if main != leader {
            // Several trials tell this once: numbers of processes would make it many.
            let who = tree::name(main);
            self.remarks.push(if pids.contains(&leader) {
                format!(
                    "`{}` started a process `{who}`, which is the one that listens: that one was followed",
                    self.name
                )
            } else {
                format!(
                    "`{}` ended by itself and left a process `{who}` that listens: that one was followed",
                    self.name
                )
            });
            let gone = |_| SubjectError::Ours(format!("process {main} is gone"));
            let pid = Pid::from_raw(main).ok_or_else(|| SubjectError::Ours("a process without a number".into()))?;
            self.followed = Some(pidfd_open(pid, PidfdFlags::empty()).map_err(gone)?);
            self.main = main;
        } else if let (Some(before), Some(now)) = (began_as, tree::executable(main))
            && before != now
        {
            // What it was on its way is a matter of when one looks.
            self.remarks.push(format!("`{}` replaced itself: what was measured is {}", self.name, now.display()));
        }
        Ok(())
    }

    /// Settings as whoever listens has them. A program that replaced itself, or started another, may have lost some.
    fn read_back(
        &mut self,
        launch: &Launch,
        variant: &Variant,
        first: Option<BTreeMap<String, String>>,
        port: u16,
    ) -> Result<(), SubjectError> {
        let moved = !self.remarks.is_empty();
        let variables = match first.filter(|_| !moved) {
            Some(variables) => variables,
            None => read_back::variables(self.main).ok_or_else(|| {
                SubjectError::Refused(format!("the environment of process {} is not ours to read", self.main))
            })?,
        };
        if let Some(problem) = read_back::lacks_variable(&launch.variables, &variables) {
            let who = format!("`{}`: {}", self.name, self.remarks.join("; "));
            return Err(SubjectError::Refused(if moved { format!("{who}; {problem}") } else { problem }));
        }
        self.effective = read_back::settings(self.main, &variant.settings, &variables, port)
            .map_err(|problem| SubjectError::Refused(format!("`{}`: {problem}", self.name)))?;
        let binary = read_back::binary(self.main)
            .map_err(|problem| SubjectError::Refused(format!("`{}`: {problem}", self.name)))?;
        self.effective.insert(read_back::BINARY.to_owned(), binary);
        self.heeded = heeded::when_ready(self.main, &self.requested).map_err(|seen| self.heedless(&seen))?;
        Ok(())
    }

    /// Looks at what shows only after the load.
    pub(super) fn was_driven(&mut self) -> Result<(), SubjectError> {
        let later = heeded::when_driven(self.main, &self.requested).map_err(|seen| self.heedless(&seen))?;
        self.heeded.extend(later);
        Ok(())
    }

    fn heedless(&self, seen: &str) -> SubjectError {
        SubjectError::Refused(format!("`{}` {seen}", self.name))
    }

    /// Number of whoever listens.
    pub(super) fn pid(&self) -> u32 {
        self.main.unsigned_abs()
    }

    /// Numbers of its other processes.
    pub(super) fn others(&self) -> Vec<u32> {
        let alive = self.tree.alive().into_iter().map(|member| member.pid);
        alive.filter(|pid| *pid != self.main).map(i32::unsigned_abs).collect()
    }

    /// All of its processes.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether whoever listens has ended, or does so within `patience`.
    pub(super) fn ends_within(&self, patience: Duration) -> bool {
        reap::ended_within(self.life(), patience)
    }

    /// Readable once whoever listens has ended.
    pub(super) fn life(&self) -> &OwnedFd {
        self.followed.as_ref().unwrap_or_else(|| self.process.life())
    }

    /// What it printed last.
    pub(super) fn output(&self) -> String {
        self.process.stderr()
    }

    /// A failure, in words that follow the program's name.
    pub(super) fn failed(&self, what: &str) -> SubjectError {
        SubjectError::Failed { reason: format!("`{}` {what}", self.name), stderr: self.output() }
    }

    /// It ended when it should not have; says how.
    pub(super) fn ended(&mut self, when: &str) -> Result<SubjectError, SubjectError> {
        if self.followed.is_some() {
            self.process.kill();
            return Ok(self.failed(&format!("ended {when}")));
        }
        let exit = self.process.finish(Duration::ZERO)?;
        let mut what = format!("{} {when}", ending(&exit));
        let output = self.output();
        if output.contains("in use") || output.contains("EADDRINUSE") {
            what.push_str(
                "; its port may still be kept by connections of the trial before: write `${port}` in the target and in \
                 the command, for a free one in each trial",
            );
        }
        Ok(self.failed(&what))
    }

    /// How it ended, of one that has; whoever is left of it is killed.
    pub(super) fn exit(&mut self) -> Result<ExitRecord, SubjectError> {
        self.process.finish(Duration::ZERO)
    }

    /// Asks it to end, waits, kills what is left, reaps.
    pub(super) fn stop(&mut self) -> Result<ExitRecord, SubjectError> {
        let asked = !self.stop_timeout.is_zero();
        let mut ended = false;
        if asked {
            self.process.terminate();
            // Whoever left the group does not hear what it is told. Nobody hears it twice: many take that for "at once".
            let own = self.process.pid().cast_signed();
            for member in self.tree.alive().iter().filter(|member| member.group != own) {
                if let Some(pid) = Pid::from_raw(member.pid) {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            let leader = self.process.ends_within(self.stop_timeout);
            ended = leader && self.ends_within(self.stop_timeout);
            if !ended {
                let time = scenarios::knobs::duration_text(self.stop_timeout);
                self.remarks.push(format!(
                    "`{}` had not ended {time} after SIGTERM and was killed: say `stop_timeout = \"0s\"` not to wait for it",
                    self.name
                ));
            }
        }
        if ended {
            self.leftovers();
        }
        let exit = self.process.finish(Duration::ZERO)?;
        if asked && ended && self.followed.is_none() {
            self.judge(&exit)?;
        }
        Ok(exit)
    }

    /// Names whoever is left once the program has ended; they are killed with its group.
    fn leftovers(&mut self) {
        let deadline = Instant::now() + LEFTOVERS;
        let mut left = self.tree.alive();
        while !left.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            left = self.tree.alive();
        }
        if left.is_empty() {
            return;
        }
        let mut names: Vec<&str> = left.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        self.remarks.push(format!("`{}` left processes behind, which were killed: {}", self.name, names.join(", ")));
    }

    /// How a program ends that was asked to: with 0, or as the signal would have ended it. Other codes are told, other
    /// signals are a failure.
    fn judge(&mut self, exit: &ExitRecord) -> Result<(), SubjectError> {
        match (exit.code, exit.signal.as_deref()) {
            // 128 + SIGINT and 128 + SIGTERM, as shells spell them.
            (Some(0 | 130 | 143), _) | (None, Some("SIGTERM" | "SIGINT" | "SIGHUP" | "SIGKILL")) => Ok(()),
            (Some(_), _) => {
                self.remarks.push(format!("`{}` {} when it was asked to end", self.name, ending(exit)));
                Ok(())
            }
            _ => Err(self.failed(&format!("{} when it was asked to end", ending(exit)))),
        }
    }
}

/// The command line as the scenario has it.
fn written(program: &Program, variant: &Variant) -> String {
    let words = program.command_of(variant);
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Who holds the port, unless whoever was just killed gives it up in time.
fn still_taken(addresses: &[SocketAddr]) -> Option<String> {
    let deadline = Instant::now() + PORT_PATIENCE;
    loop {
        let problem = ready::taken(addresses)?;
        if Instant::now() >= deadline {
            return Some(problem);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
