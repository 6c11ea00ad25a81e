//! What a program of the set is, and what is asked of it.

/// A program and its load.
pub(crate) struct Case {
    /// As the binary of its package knows it; its source is this with `_` for `-`.
    pub(crate) name: &'static str,
    /// Where it is built from.
    pub(crate) package: Package,
    /// The file of `depotkit` in which its fault lies too, or alone.
    pub(crate) library: Option<&'static str>,
    /// Slugs that name the mechanism. Several where the same fault is two of them.
    pub(crate) slugs: &'static [&'static str],
    /// Operations per second.
    pub(crate) rate: u32,
    /// Connections.
    pub(crate) concurrency: u32,
    /// Whether half a CPU is all it gets.
    pub(crate) has_quota: bool,
    /// Whether there is a line to blame. The broken twin of a program without one is its source, built without optimisation.
    pub(crate) has_line: bool,
    /// Load of other routes beside, as `--background` takes it.
    pub(crate) beside: &'static [&'static str],
    /// How its first score came about.
    pub(crate) written: Written,
}

/// Where programs are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// `programs`: they share an HTTP server.
    Programs,
    /// `strangers`: each as its author wrote it.
    Strangers,
    /// `go_strangers`: the same in Go.
    GoStrangers,
    /// A folder in it: those of one hand.
    GoStrangersOf(&'static str),
}

/// What the rules knew of a program when it was scored first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// They were tuned on it.
    Along,
    /// It was held out: written by someone who had not read them. They were mended after its first score.
    HeldOut,
    /// It was held out again: written as those before, scored first after the rules were mended for them.
    HeldOutAgain,
    /// It was written by a third hand, who had not read the rules either, after the second mending.
    Blind,
    /// Written by that hand before its first ones were scored, and scored first after the rules were mended for them.
    BlindAgain,
    /// Written by two more hands, who had not read the rules, in the night to 2026-11-27; scored first after those above.
    Third,
    /// Written in the same night by one who had read them.
    ThirdInformed,
    /// Written by three more hands, who had not read the rules, on 2026-11-27; scored first after those above.
    Fourth,
    /// Written by nine more hands, who had not read the rules, on 2026-11-27 in three rounds; each round was scored first after the
    /// rules were mended for those before.
    Fifth,
    /// Written by eight more hands, who had not read the rules, on 2026-11-27 in two rounds; each scored as those before.
    Sixth,
    /// Written by nine more hands, who had not read the rules, in the night to 2026-11-28 in three rounds; each scored as those before.
    Seventh,
    /// Those that a first look had wrong, of 44 that eight more hands wrote on 2026-11-28, without having read the rules.
    Eighth,
    /// Those that a first look had wrong, of 38 that seven more hands wrote later that day, without having read the rules.
    Ninth,
    /// Those that a first look had wrong, of 21 that four more hands wrote, asked for what no round before had.
    Tenth,
    /// Those that a first look had wrong, of those that five more hands wrote, asked for what they would put into such a test.
    Eleventh,
    /// Those that a first look had wrong, of 30 that five more hands wrote in the evening of that day, asked for the same.
    Twelfth,
    /// Those that a first look had wrong, of 24 that four more hands wrote later that evening, asked for what they would put into
    /// such a test.
    Thirteenth,
}

impl Package {
    /// Whether it is built by Go.
    pub(crate) fn is_go(self) -> bool {
        matches!(self, Self::GoStrangers | Self::GoStrangersOf(_))
    }
}

pub(crate) const fn case(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    let written = Written::Along;
    let package = Package::Programs;
    let (has_quota, has_line) = (false, true);
    Case { name, package, library: None, slugs, rate, concurrency, has_quota, has_line, beside: &[], written }
}

pub(crate) const fn held_out(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::HeldOut, ..case(name, slugs, rate, concurrency) }
}

pub(crate) const fn again(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::HeldOutAgain, ..case(name, slugs, rate, concurrency) }
}

pub(crate) const fn blind(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Blind, ..case(name, slugs, rate, concurrency) }
}

pub(crate) const fn second(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::BlindAgain, ..case(name, slugs, rate, concurrency) }
}

pub(crate) const fn third(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    let package = Package::Strangers;
    Case { package, written: Written::Third, ..case(name, slugs, rate, concurrency) }
}

pub(crate) const fn informed(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::ThirdInformed, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn fourth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Fourth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn fifth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Fifth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn sixth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Sixth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn seventh(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Seventh, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn eighth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Eighth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn ninth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Ninth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn tenth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Tenth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn eleventh(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Eleventh, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn twelfth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Twelfth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn thirteenth(
    name: &'static str,
    slugs: &'static [&'static str],
    rate: u32,
    concurrency: u32,
) -> Case {
    Case { written: Written::Thirteenth, ..third(name, slugs, rate, concurrency) }
}

pub(crate) const fn in_library(file: &'static str, case: Case) -> Case {
    Case { library: Some(file), ..case }
}

pub(crate) const fn in_go(case: Case) -> Case {
    Case { package: Package::GoStrangers, ..case }
}

pub(crate) const fn in_go_of(folder: &'static str, case: Case) -> Case {
    Case { package: Package::GoStrangersOf(folder), ..case }
}

pub(crate) const fn beside(beside: &'static [&'static str], case: Case) -> Case {
    Case { beside, ..case }
}
