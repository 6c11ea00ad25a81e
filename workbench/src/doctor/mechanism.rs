//! Mechanisms of the kernel and programs beside us: what needs each, and how to get it.

use super::{Check, Health};

/// Something that a part of the workbench stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Perf events that tell who is on a CPU when.
    SwitchRecords,
    /// Stacks of threads that leave their CPU.
    WaitStacks,
    /// The file system of the kernel's tracer.
    Tracefs,
    /// Counting system calls.
    SystemCalls,
    /// Probes in other programs' functions.
    Uprobes,
    /// Run-queue delay of each thread.
    RunQueue,
    /// Throttling and CPU of the control group.
    Throttling,
    /// Pressure stall information.
    PressureStall,
    /// Queues of sockets.
    Sockets,
    /// Memory of a process started here.
    ProcessMemory,
    /// Stopping a process started here.
    Ptrace,
    /// Timers on the CPU clock of each thread.
    ThreadTimers,
    /// A real-time signal that nobody handles.
    StackSignal,
    /// Choosing CPUs.
    Affinity,
    /// A better place in the run queue for the load driver.
    DriverPriority,
    /// Timers that fire when they are due.
    TimerSlack,
    /// Ports of the loopback.
    Loopback,
    /// The program `perf`.
    PerfProgram,
    /// The Go toolchain.
    Go,
    /// The program `valgrind`.
    Valgrind,
    /// The program `tmux`.
    Tmux,
}

use Mechanism::{
    Affinity, DriverPriority, Go, Loopback, PerfProgram, PressureStall, ProcessMemory, Ptrace, RunQueue, Sockets,
    StackSignal, SwitchRecords, SystemCalls, ThreadTimers, Throttling, TimerSlack, Tmux, Tracefs, Uprobes, Valgrind,
    WaitStacks,
};

impl Mechanism {
    /// All of them, in the order shown.
    pub const ALL: [Self; 21] = [
        SwitchRecords,
        WaitStacks,
        Uprobes,
        Tracefs,
        SystemCalls,
        RunQueue,
        Throttling,
        PressureStall,
        Sockets,
        ProcessMemory,
        Ptrace,
        ThreadTimers,
        StackSignal,
        Affinity,
        DriverPriority,
        TimerSlack,
        Loopback,
        PerfProgram,
        Go,
        Valgrind,
        Tmux,
    ];

    /// Name, what needs it, and how to get it where it is not there.
    fn about(self) -> (&'static str, &'static str, &'static str) {
        match self {
            SwitchRecords => (
                "switch records",
                "waits and the time line of each thread: --evidence wait, attach",
                "sudo sysctl kernel.perf_event_paranoid=2, or CAP_PERFMON; in a container, a seccomp profile that allows \
                 perf_event_open",
            ),
            WaitStacks => (
                "stacks of waits",
                "where threads wait, not only how long: --evidence wait, attach",
                "run as root or with CAP_PERFMON (`setcap cap_perfmon+ep workbench`), or sudo sysctl \
                 kernel.perf_event_paranoid=1",
            ),
            Uprobes => (
                "uprobes",
                "tasks of an unmodified tokio program, traced from outside",
                "run as root or with CAP_PERFMON, on the host's own PID namespace, on a kernel with CONFIG_UPROBE_EVENTS",
            ),
            Tracefs => (
                "tracefs",
                "the numbers of tracepoints, such as those of system calls",
                "sudo mount -t tracefs tracefs /sys/kernel/tracing; to read it without root: sudo mount -o \
                 remount,mode=755 /sys/kernel/tracing",
            ),
            SystemCalls => (
                "system calls",
                "system calls per operation",
                "root or CAP_PERFMON, and tracefs with CONFIG_FTRACE_SYSCALLS",
            ),
            RunQueue => (
                "run-queue delay",
                "time that threads were ready but had no CPU",
                "a kernel with CONFIG_SCHED_INFO; sudo sysctl kernel.sched_schedstats=1 where it is off",
            ),
            Throttling => (
                "throttling",
                "periods in which the CPU quota held the subject back",
                "a control group with the CPU controller: `systemd-run --scope -p CPUAccounting=yes workbench …`",
            ),
            PressureStall => (
                "pressure stalls",
                "how much the rest of the machine disturbs a run",
                "a kernel with CONFIG_PSI; `psi=1` on its command line where it is off",
            ),
            Sockets => (
                "socket queues",
                "bytes and connections that wait in a subject's sockets",
                "mount /proc with net (`hidepid` or a mask of a container hides it)",
            ),
            ProcessMemory => (
                "process memory",
                "nothing of the workbench; gdb and eu-stack beside it read a subject's memory so",
                "CAP_SYS_PTRACE (`docker run --cap-add SYS_PTRACE`), or sudo sysctl kernel.yama.ptrace_scope=0",
            ),
            Ptrace => (
                "ptrace",
                "nothing of the workbench; gdb and strace beside it stop a subject so",
                "CAP_SYS_PTRACE (`docker run --cap-add SYS_PTRACE`), or sudo sysctl kernel.yama.ptrace_scope=0",
            ),
            ThreadTimers => (
                "thread timers",
                "CPU profiles from inside, where perf events are refused: --cpu-backend sampler",
                "raise `ulimit -i` (each timer holds a queued signal), or use --cpu-backend perf",
            ),
            StackSignal => (
                "a free signal",
                "stacks of polls that take too long: --evidence tasks",
                "leave one of the real-time signals without a handler: `kill -l` lists them",
            ),
            Affinity => (
                "CPU affinity",
                "a core of its own for the load driver; the knob cpu.affinity",
                "more than one CPU for this process (`taskset`, cpuset), and a seccomp profile that allows \
                 sched_setaffinity",
            ),
            DriverPriority => (
                "driver priority",
                "a load driver that is on time though the subject keeps every CPU busy",
                "CAP_SYS_NICE, or a line `USER - nice -10` in /etc/security/limits.conf; kernel 6.12 gives short slices \
                 without",
            ),
            TimerSlack => (
                "timer slack",
                "operations that are sent when they are due, not up to 50 µs later",
                "a seccomp profile that allows prctl(PR_SET_TIMERSLACK)",
            ),
            Loopback => (
                "loopback",
                "networked subjects, tokio-console, debug endpoints",
                "sudo ip link set lo up; in a sandbox, allow listening on 127.0.0.1",
            ),
            PerfProgram => (
                "perf",
                "nothing of the workbench; `perf report` beside it, and one bench",
                "apt-get install linux-perf (or linux-tools-$(uname -r))",
            ),
            Go => (
                "go",
                "`go tool pprof` for the profiles of a run; building Go subjects",
                "https://go.dev/dl, or apt-get install golang-go",
            ),
            Valgrind => ("valgrind", "counts of instructions in our own tests", "apt-get install valgrind"),
            Tmux => ("tmux", "our own tests of the live console", "apt-get install tmux"),
        }
    }

    /// The line of the doctor.
    pub(crate) fn check(self, tried: &Result<String, String>) -> Check {
        let (name, needed_by, fix) = self.about();
        let check = |health, found: &str, fix: &str| Check {
            name,
            health,
            found: found.to_owned(),
            needed_by: needed_by.to_owned(),
            fix: fix.to_owned(),
        };
        match tried {
            Ok(found) => check(Health::Good, found, ""),
            // Everything has a way around it; what has none is told by the checks of the host and the build.
            Err(why) => check(Health::Notice, why, fix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_says_what_needs_it_and_how_to_get_it() {
        let lines: Vec<String> = Mechanism::ALL
            .iter()
            .map(|one| {
                let check = one.check(&Err("not there".into()));
                format!("{}\n  needed by: {}\n  to get it: {}", check.name, check.needed_by, check.fix)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        let there = Uprobes.check(&Ok("allowed".into()));
        assert_eq!((there.health, there.fix.as_str()), (Health::Good, ""));
    }
}
