//! Advice based on a snapshot, as plain data.

use std::fmt;

/// The kind of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "profile", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub enum AdviceKind {
    /// A few calls take most of the time: mean and trimmed mean disagree.
    HeavyTail,
    /// The calls form two groups, fast and slow.
    Bimodal,
    /// The first call took much longer than the others.
    ColdFirstCall,
    /// Blocks grow step by step although their final size could be reserved at the start.
    Regrowth,
    /// Each call leaves memory allocated.
    RetainedGrowth,
    /// The function waits more than it works.
    MostlyWaiting,
    /// The function is so short and called so often that recording it costs more than it takes
    /// itself.
    RecordingDominates,
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize))]
#[cfg_attr(feature = "read", derive(serde::Deserialize))]
#[non_exhaustive]
pub struct Advice {
    /// The kind of advice.
    pub kind: AdviceKind,
    /// Path of the function.
    pub path: String,
    /// The figures it is based on.
    pub figures: AdviceFigures,
    /// The threshold for its kind from [`Thresholds`](crate::Thresholds).
    pub threshold: f64,
}

/// The figures that advice is based on: those that the advice of its kind mentions; the others are
/// `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct AdviceFigures {
    /// Estimated time saved by following the advice, by which advice is ranked.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub could_save_ns: Option<f64>,
    /// Mean time of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub mean_ns: Option<f64>,
    /// Trimmed mean time of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub trimmed_mean_ns: Option<f64>,
    /// Median time of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub median_ns: Option<f64>,
    /// One call in this many belongs to the tail.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub one_call_in: Option<f64>,
    /// The tail's share of the time.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub share_of_time: Option<f64>,
    /// Median time of the fast calls.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub short_ns: Option<f64>,
    /// Median time of the slow calls.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub long_ns: Option<f64>,
    /// Share of the calls that are slow.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub long_share_of_calls: Option<f64>,
    /// Time of the first call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub first_ns: Option<f64>,
    /// How often a block grew.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub grown: Option<f64>,
    /// How often a block grew, per call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub grown_a_call: Option<f64>,
    /// Upper bound on the bytes copied for that.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub most_saved_bytes: Option<f64>,
    /// Bytes that a call leaves allocated.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes_per_call: Option<f64>,
    /// Half the width of its confidence interval.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub margin_bytes: Option<f64>,
    /// Calls of the function.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub calls: Option<f64>,
    /// Time spent waiting.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub waiting_ns: Option<f64>,
    /// Share of the function's time spent waiting.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub share: Option<f64>,
    /// Time spent on recording its calls.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub recording_ns: Option<f64>,
}

impl Advice {
    #[cfg(feature = "profile")]
    pub(crate) fn new(
        kind: AdviceKind,
        path: &str,
        threshold: f64,
        figures: AdviceFigures,
    ) -> Advice {
        Advice { kind, path: path.to_owned(), figures, threshold }
    }
}

impl AdviceKind {
    /// The name in JSON.
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

    /// The category of the corresponding warning; most kinds have none.
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
