//! CPUs that this process may run on.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Why an affinity is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AffinityError {
    /// Not the kernel's list syntax.
    #[error("`{0}` is not a list of CPUs such as 0-1,3")]
    Syntax(String),
    /// Beyond what a CPU set can hold.
    #[error("CPU {0} is beyond the largest that can be named, {largest}", largest = CpuSet::count() - 1)]
    TooLarge(usize),
    /// The machine, or the cgroup of this process, does not offer it.
    #[error("CPU {cpu} is not available to this process, which may use {allowed}")]
    NotAllowed {
        /// CPU asked for.
        cpu: usize,
        /// CPUs that may be asked for.
        allowed: Cpus,
    },
    /// The kernel refused.
    #[error("the kernel refuses: {0}")]
    Kernel(#[from] Errno),
}

/// A set of CPUs, never empty. Written in the kernel's list syntax: `0-1,3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpus(BTreeSet<usize>);

impl Cpus {
    /// CPU numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    #[expect(clippy::len_without_is_empty, reason = "a set of CPUs is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn from_kernel(set: &CpuSet) -> Self {
        // `is_set` fails only beyond `count`, where the range ends.
        Self((0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect())
    }
}

impl FromStr for Cpus {
    type Err = AffinityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || AffinityError::Syntax(text.to_owned());
        let number = |digits: &str| {
            // `parse` would take a leading `+`.
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let cpu: usize = plain.then(|| digits.parse().ok()).flatten().ok_or_else(syntax)?;
            if cpu < CpuSet::count() { Ok(cpu) } else { Err(AffinityError::TooLarge(cpu)) }
        };
        let mut cpus = BTreeSet::new();
        for item in text.split(',') {
            let (first, last) = match item.trim().split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => number(item.trim()).map(|cpu| (cpu, cpu))?,
            };
            if first > last {
                return Err(syntax());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter().copied().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if_eq(&(last + 1)) {
                last = next;
            }
            if first == last {
                write!(f, "{separator}{first}")?
            } else {
                write!(f, "{separator}{first}-{last}")?
            }
            separator = ",";
        }
        Ok(())
    }
}

/// CPUs that the calling thread may run on; the main thread's stand for the process while nobody changed another's.
///
/// # Errors
/// The kernel refused.
pub fn get() -> Result<Cpus, AffinityError> {
    Ok(Cpus::from_kernel(&sched_getaffinity(Pid::from_raw(0))?))
}

/// Restricts the calling thread, and every thread it starts from now on, to `cpus`. Call it from the main thread
/// before there are others.
///
/// # Errors
/// A CPU that this process may not use, or the kernel refused. Nothing is changed then.
pub fn set(cpus: &Cpus) -> Result<(), AffinityError> {
    let before = get()?;
    let mut wanted = CpuSet::new();
    for cpu in cpus.iter() {
        wanted.set(cpu)?;
    }
    let own = Pid::from_raw(0);
    // The kernel silently drops CPUs that do not exist, so what it took is read back.
    let taken = sched_setaffinity(own, &wanted).map(|()| get());
    let (allowed, refusal) = match taken {
        Ok(Ok(taken)) if taken == *cpus => return Ok(()),
        Ok(taken) => (taken?, None),
        Err(Errno::EINVAL) => (before.clone(), None),
        Err(error) => (before.clone(), Some(error)),
    };
    if let Some(error) = refusal {
        return Err(error.into());
    }
    let mut previous = CpuSet::new();
    for cpu in before.iter() {
        previous.set(cpu)?;
    }
    sched_setaffinity(own, &previous)?;
    match cpus.iter().find(|cpu| !allowed.0.contains(cpu)) {
        Some(cpu) => Err(AffinityError::NotAllowed { cpu, allowed: before }),
        None => Err(AffinityError::Kernel(Errno::EINVAL)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_and_written_canonically() {
        for (given, canonical) in
            [("0", "0"), ("0,1", "0-1"), ("3,0-1", "0-1,3"), (" 5 , 7-9,8-10", "5,7-10"), ("0-0", "0")]
        {
            assert_eq!(given.parse::<Cpus>().unwrap().to_string(), canonical, "{given}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", ",", "0,", "a", "1-", "-1", "2-1", "+1", "0x1", "1-2-3", "0;1"] {
            assert!(matches!(text.parse::<Cpus>(), Err(AffinityError::Syntax(_))), "{text}");
        }
        assert_eq!("0-4096".parse::<Cpus>(), Err(AffinityError::TooLarge(4096)));
    }

    #[test]
    fn a_thread_is_confined_and_reads_it_back() {
        // A thread of its own, so that no other test is confined.
        let confined = std::thread::spawn(|| {
            let first = get().unwrap().iter().next().unwrap();
            set(&first.to_string().parse().unwrap()).unwrap();
            (first, get().unwrap())
        });
        let (first, confined) = confined.join().unwrap();
        assert_eq!(confined.iter().collect::<Vec<_>>(), [first]);
    }

    #[test]
    fn an_unavailable_cpu_is_named_and_changes_nothing() {
        let outcome = std::thread::spawn(|| {
            let before = get().unwrap();
            let absent = (0..CpuSet::count()).rev().find(|cpu| !before.0.contains(cpu)).unwrap();
            let mixed: Cpus = format!("{},{absent}", before.iter().next().unwrap()).parse().unwrap();
            (set(&mixed), get().unwrap(), before, absent)
        });
        let (refused, after, before, absent) = outcome.join().unwrap();
        assert_eq!(refused, Err(AffinityError::NotAllowed { cpu: absent, allowed: before.clone() }));
        assert_eq!(after, before);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cpus in prop::collection::btree_set(0_usize..1024, 1..40)) {
            let cpus = Cpus(cpus);
            prop_assert_eq!(cpus.to_string().parse::<Cpus>(), Ok(cpus));
        }
    }
}
