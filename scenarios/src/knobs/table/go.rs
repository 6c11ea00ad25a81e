//! Go's own variables (runtime package documentation, "Environment Variables"): for programs written in Go.

use super::{SUBJECT, fixed, go, varying};
use crate::knobs::{Acts, Kind, Knob};

const THE_SAME: &str = "none: this is Go's own";

/// What can be known from outside of a Go program that serves no profiles.
const ENVIRONMENT: &str = "environment of the running program; whether it was overruled in code is not known";

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        path: "go.gomaxprocs",
        kind: Kind::Integer { min: 1, max: 1024 },
        default: varying("CPUs that the program may use, its cgroup's quota included from Go 1.25 on"),
        doc: "Threads that run Go code at a time.",
        go: go("GOMAXPROCS", THE_SAME),
        acts: Acts::Go("GOMAXPROCS"),
        read_back: ENVIRONMENT,
        ..SUBJECT
    },
    Knob {
        path: "go.gogc",
        kind: Kind::Percent { max: 1_000_000 },
        default: fixed("100"),
        doc: "New data, in percent of what the last collection found alive, at which the next begins; `off` collects \
              only for go.gomemlimit.",
        go: go("GOGC", THE_SAME),
        acts: Acts::Go("GOGC"),
        read_back: ENVIRONMENT,
        ..SUBJECT
    },
    Knob {
        path: "go.gomemlimit",
        kind: Kind::Size { min: 1, max: 1 << 50 },
        default: fixed("off"),
        doc: "Soft limit on the memory that Go's runtime manages; close to it, it collects more often.",
        go: go("GOMEMLIMIT", THE_SAME),
        acts: Acts::Go("GOMEMLIMIT"),
        read_back: ENVIRONMENT,
        ..SUBJECT
    },
    Knob {
        path: "go.godebug",
        kind: Kind::Pairs,
        default: varying("not set"),
        doc: "Switches of Go's runtime and libraries, as in `gctrace=1,madvdontneed=1`.",
        go: go("GODEBUG", THE_SAME),
        acts: Acts::Go("GODEBUG"),
        read_back: ENVIRONMENT,
        ..SUBJECT
    },
];
