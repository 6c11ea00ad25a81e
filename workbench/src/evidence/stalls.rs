//! Stalls: the probe's records as a file of the run.

use probe::cpu::{Frame, Symbol};
use probe::stalls::{Caught, Class, Culprit, Others, Site, Stall};
use reports::run::{self, Place, StallClass, StallFrame, StallOthers, StallRecord, StallWatch, Stalls};

/// What was caught, in the shape of the run's file; or why nobody looked.
pub(super) fn plain(caught: &Result<Caught, String>) -> Stalls {
    match caught {
        Err(because) => Stalls { missing: Some(because.clone()), ..Stalls::default() },
        Ok(caught) => Stalls {
            watch: Some(StallWatch {
                threshold_s: caught.threshold_s,
                interval_s: caught.interval_s,
                longest_gap_s: caught.longest_gap_s,
                counted: caught.counted,
                seen: caught.seen,
                no_stacks: caught.no_stacks.clone(),
            }),
            missing: None,
            stalls: caught.stalls.iter().map(stall).collect(),
            others: caught.others.iter().map(others).collect(),
        },
    }
}

fn stall(stall: &Stall) -> StallRecord {
    StallRecord {
        number: stall.number,
        site: place(&stall.site),
        thread: stall.thread.clone(),
        began_s: stall.began_s,
        duration_s: stall.duration_s,
        ended: stall.ended,
        class: class(stall.class),
        cpu_s: stall.cpu_s,
        blocked_s: stall.blocked_s,
        waiting_s: stall.waiting_s,
        run_queue_s: stall.run_queue_s,
        looks: stall.looks,
        wchan: stall.wchan.clone(),
        syscall: stall.syscall.clone(),
        culprit: stall.culprit.as_ref().map(culprit),
        stack_at_s: stall.stack_at_s,
        rooted: stall.rooted,
        no_stack: stall.no_stack.clone(),
        stack: stall.stack.iter().flat_map(functions).collect(),
    }
}

/// The functions of a frame, innermost first; its address where it has none.
fn functions(frame: &Frame) -> Vec<StallFrame> {
    if frame.symbols.is_empty() {
        return vec![StallFrame { function: format!("{:#x}", frame.address), file: String::new(), line: 0 }];
    }
    let function = |symbol: &Symbol| StallFrame {
        function: symbol.name.clone(),
        file: symbol.file.as_ref().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default(),
        line: symbol.line.unwrap_or(0),
    };
    frame.symbols.iter().map(function).collect()
}

fn others(others: &Others) -> StallOthers {
    StallOthers {
        site: place(&others.site),
        class: class(others.class),
        count: others.count,
        total_s: others.total_s,
        longest_s: others.longest_s,
    }
}

fn place(site: &Site) -> Place {
    Place { file: site.file.clone(), line: site.line, column: site.column }
}

fn culprit(culprit: &Culprit) -> run::Culprit {
    run::Culprit { function: culprit.function.clone(), file: culprit.file.clone(), line: culprit.line }
}

const fn class(class: Class) -> StallClass {
    match class {
        Class::OnCpu => StallClass::OnCpu,
        Class::Blocked => StallClass::Blocked,
        Class::Lock => StallClass::Lock,
        Class::Descheduled => StallClass::Descheduled,
        Class::BlockInPlace => StallClass::BlockInPlace,
        Class::Unknown => StallClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_stall_is_lost() {
        let symbol = Symbol { name: "shop::pay".into(), file: Some("src/pay.rs".into()), line: Some(7) };
        let caught = Caught {
            threshold_s: 0.01,
            interval_s: 0.0025,
            longest_gap_s: 0.004,
            counted: 3,
            seen: 2,
            stalls: vec![Stall {
                number: 1,
                site: Site { file: "src/main.rs".into(), line: 5, column: 9 },
                thread: "worker".into(),
                began_s: 1.5,
                duration_s: 0.06,
                ended: true,
                class: Class::Lock,
                cpu_s: 0.01,
                blocked_s: 0.03,
                waiting_s: 0.02,
                run_queue_s: Some(0.019),
                looks: 20,
                wchan: Some("futex_do_wait".into()),
                syscall: Some("futex".into()),
                stack_at_s: Some(0.0101),
                stack: vec![Frame { address: 16, symbols: Vec::new() }, Frame { address: 32, symbols: vec![symbol] }],
                rooted: true,
                no_stack: None,
                culprit: Some(Culprit { function: "shop::pay".into(), file: "src/pay.rs".into(), line: 7 }),
            }],
            others: vec![Others {
                site: Site { file: "src/main.rs".into(), line: 6, column: 9 },
                class: Class::OnCpu,
                count: 4,
                total_s: 0.1,
                longest_s: 0.05,
            }],
            no_stacks: Some("a reason".into()),
        };
        let plain = plain(&Ok(caught.clone()));
        assert_eq!(
            plain.stalls[0].stack.iter().map(|f| f.function.as_str()).collect::<Vec<_>>(),
            ["0x10", "shop::pay"]
        );
        // Same names and values but for the shape of stacks: what one writes the other reads.
        let mut left = serde_json::to_value(&caught.stalls[0]).unwrap();
        let mut right = serde_json::to_value(&plain.stalls[0]).unwrap();
        for value in [&mut left, &mut right] {
            value.as_object_mut().unwrap().remove("stack");
        }
        assert_eq!(left, right);
        assert_eq!(serde_json::to_value(&caught.others).unwrap(), serde_json::to_value(&plain.others).unwrap());
        let watch = plain.watch.unwrap();
        assert_eq!((watch.counted, watch.seen, watch.no_stacks.as_deref()), (3, 2, Some("a reason")));
        for one in [Class::OnCpu, Class::Blocked, Class::Descheduled, Class::BlockInPlace, Class::Unknown] {
            assert_eq!(serde_json::to_value(one).unwrap(), serde_json::to_value(class(one)).unwrap());
        }
    }

    #[test]
    fn nobody_looked_and_why() {
        assert_eq!(plain(&Err("no thread".into())).missing.as_deref(), Some("no thread"));
    }
}
