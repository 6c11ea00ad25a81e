//! How much of the CPU time that the kernel counted a profile has seen.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the comment of a profile begins with.
const MARK: &str = "workbench.coverage";

/// Sampled CPU against CPU the kernel counted, over the same span and the same threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Σ samples × period, seconds of CPU.
    pub sampled_cpu_s: f64,
    /// Seconds of CPU by the kernel's account (getrusage or the thread clocks).
    pub kernel_cpu_s: f64,
    /// Samples taken.
    pub samples: u64,
    /// Samples that the profiler knows it lost.
    pub lost: u64,
}

impl Coverage {
    /// Below this a profile is not to be trusted (design: "warn below 0.9").
    pub const LOW: f64 = 0.9;

    /// Sampled ÷ counted; `None` where the kernel counted nothing.
    pub fn ratio(&self) -> Option<f64> {
        (self.kernel_cpu_s > 0.0).then(|| self.sampled_cpu_s / self.kernel_cpu_s)
    }

    /// True where the profile has seen less than [`Coverage::LOW`], or nothing can be said.
    pub fn is_low(&self) -> bool {
        self.ratio().is_none_or(|ratio| ratio < Self::LOW)
    }

    /// The coverage of two recordings together.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            sampled_cpu_s: self.sampled_cpu_s + other.sampled_cpu_s,
            kernel_cpu_s: self.kernel_cpu_s + other.kernel_cpu_s,
            samples: self.samples.saturating_add(other.samples),
            lost: self.lost.saturating_add(other.lost),
        }
    }

    /// The line that a profile keeps among its comments.
    pub fn to_comment(&self) -> String {
        let Self { sampled_cpu_s, kernel_cpu_s, samples, lost } = self;
        format!("{MARK} sampled_cpu_s={sampled_cpu_s} kernel_cpu_s={kernel_cpu_s} samples={samples} lost={lost}")
    }

    /// Reads [`Coverage::to_comment`]; `None` for any other text.
    pub fn from_comment(comment: &str) -> Option<Self> {
        let mut fields = comment.strip_prefix(MARK)?.split_whitespace();
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
        let coverage = Self {
            sampled_cpu_s: seconds(field("sampled_cpu_s")?)?,
            kernel_cpu_s: seconds(field("kernel_cpu_s")?)?,
            samples: field("samples")?.parse().ok()?,
            lost: field("lost")?.parse().ok()?,
        };
        fields.next().is_none().then_some(coverage)
    }
}

fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sampled_cpu_s, kernel_cpu_s, samples, lost } = *self;
        match self.ratio() {
            Some(ratio) => write!(f, "coverage {:.0} %: ", 100.0 * ratio)?,
            None => write!(f, "coverage unknown: ")?,
        }
        if samples == 0 {
            write!(f, "no samples")?;
        } else {
            let period_ms = 1000.0 * sampled_cpu_s / samples as f64;
            write!(f, "{samples} samples × {period_ms:.1} ms = {sampled_cpu_s:.2} s")?;
        }
        write!(f, " of {kernel_cpu_s:.2} s CPU that the kernel counted")?;
        if lost > 0 {
            write!(f, ", {lost} samples lost")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Coverage = Coverage { sampled_cpu_s: 4.7571, kernel_cpu_s: 4.85, samples: 471, lost: 0 };

    #[test]
    fn reads_like_a_sentence() {
        insta::assert_snapshot!(
            USUAL,
            @"coverage 98 %: 471 samples × 10.1 ms = 4.76 s of 4.85 s CPU that the kernel counted"
        );
        insta::assert_snapshot!(
            Coverage { lost: 12, ..USUAL },
            @"coverage 98 %: 471 samples × 10.1 ms = 4.76 s of 4.85 s CPU that the kernel counted, 12 samples lost"
        );
        insta::assert_snapshot!(
            Coverage { sampled_cpu_s: 0.0, samples: 0, ..USUAL },
            @"coverage 0 %: no samples of 4.85 s CPU that the kernel counted"
        );
        insta::assert_snapshot!(
            Coverage { kernel_cpu_s: 0.0, ..USUAL },
            @"coverage unknown: 471 samples × 10.1 ms = 4.76 s of 0.00 s CPU that the kernel counted"
        );
    }

    #[test]
    fn is_low_below_nine_tenths_and_where_unknown() {
        assert!(!USUAL.is_low());
        assert!(Coverage { sampled_cpu_s: 0.89, kernel_cpu_s: 1.0, ..USUAL }.is_low());
        assert!(!Coverage { sampled_cpu_s: 0.91, kernel_cpu_s: 1.0, ..USUAL }.is_low());
        assert!(Coverage { kernel_cpu_s: 0.0, ..USUAL }.is_low());
    }

    #[test]
    fn other_comments_are_not_coverage() {
        let text = USUAL.to_comment();
        for wrong in
            ["", "hello", MARK, &text[..text.len() - 2], &format!("{text} more=1"), &text.replace("4.85", "NaN")]
        {
            assert_eq!(Coverage::from_comment(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn comments_keep_every_digit(sampled in 0.0..1e9_f64, kernel in 0.0..1e9_f64, samples: u64, lost: u64) {
            let coverage = Coverage { sampled_cpu_s: sampled, kernel_cpu_s: kernel, samples, lost };
            prop_assert_eq!(Coverage::from_comment(&coverage.to_comment()), Some(coverage));
        }

        #[test]
        fn any_comment_is_read_without_panic(text in "(workbench.coverage)?.*") {
            let _ = Coverage::from_comment(&text);
        }
    }
}
