//! What a snapshot suggests, as plain data.

use std::collections::BTreeMap;
use std::fmt;

/// What kind of advice it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "profile", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub enum AdviceKind {
    /// Few calls take most of the time: mean and trimmed mean disagree.
    HeavyTail,
    /// Its calls are of two kinds, a short and a long one.
    Bimodal,
    /// Its first call took much longer than the others.
    ColdFirstCall,
    /// Blocks grow step by step that could have their size from the start.
    Regrowth,
    /// Call after call leaves memory behind.
    RetainedGrowth,
    /// It waits more than it works.
    MostlyWaiting,
    /// It is so short and so often called that recording it costs more than it takes.
    RecordingDominates,
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Advice {
    /// What kind.
    pub kind: AdviceKind,
    /// Path of the function.
    pub path: String,
    /// What it rests on, each with its unit in its name.
    pub figures: BTreeMap<String, f64>,
    /// What [`Thresholds`](crate::Thresholds) said of its kind.
    pub threshold: f64,
}

impl Advice {
    #[cfg(feature = "profile")]
    pub(crate) fn new<const N: usize>(
        kind: AdviceKind,
        path: &str,
        threshold: f64,
        figures: [(&str, f64); N],
    ) -> Advice {
        let figures = figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect();
        Advice { kind, path: path.to_owned(), figures, threshold }
    }

    /// A figure by its name; NaN if there is none of that name.
    #[must_use]
    pub fn figure(&self, name: &str) -> f64 {
        self.figures.get(name).copied().unwrap_or(f64::NAN)
    }
}

impl AdviceKind {
    /// As JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AdviceKind::HeavyTail => "heavy_tail",
            AdviceKind::Bimodal => "bimodal",
            AdviceKind::ColdFirstCall => "cold_first_call",
            AdviceKind::Regrowth => "regrowth",
            AdviceKind::RetainedGrowth => "retained_growth",
            AdviceKind::MostlyWaiting => "mostly_waiting",
            AdviceKind::RecordingDominates => "recording_dominates",
        }
    }

    /// The category of the warning that it is too; most are none.
    #[must_use]
    pub fn category(self) -> Option<&'static str> {
        match self {
            AdviceKind::RetainedGrowth => Some("LeakWarning"),
            AdviceKind::RecordingDominates => Some("OverheadWarning"),
            _ => None,
        }
    }
}

impl fmt::Display for AdviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
