//! What a snapshot suggests, as plain data.

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
    /// What it rests on.
    pub figures: AdviceFigures,
    /// What [`Thresholds`](crate::Thresholds) said of its kind.
    pub threshold: f64,
}

/// What advice rests on: of each kind those that its sentence names, `None` of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "profile", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct AdviceFigures {
    /// About how much less time would be taken if it were followed: what advice is ranked by.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub could_save_ns: Option<f64>,
    /// Mean time of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub mean_ns: Option<f64>,
    /// Trimmed mean time of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub trimmed_mean_ns: Option<f64>,
    /// Half of the calls take at most this.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub median_ns: Option<f64>,
    /// One call in so many is of the tail.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub one_call_in: Option<f64>,
    /// The tail's share of the time.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub share_of_time: Option<f64>,
    /// What the short kind of calls takes, its median.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub short_ns: Option<f64>,
    /// What the long kind takes.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub long_ns: Option<f64>,
    /// Share of the calls that are of the long kind.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub long_share_of_calls: Option<f64>,
    /// What the first call took.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub first_ns: Option<f64>,
    /// How often a block grew.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub grown: Option<f64>,
    /// The same of a call.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub grown_a_call: Option<f64>,
    /// At most so many bytes were copied for that.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub most_saved_bytes: Option<f64>,
    /// What a call leaves behind.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes_per_call: Option<f64>,
    /// Half the width of its confidence interval.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub margin_bytes: Option<f64>,
    /// Calls of the function.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub calls: Option<f64>,
    /// How long it waited.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub waiting_ns: Option<f64>,
    /// Share of its time that it waits.
    #[cfg_attr(feature = "profile", serde(skip_serializing_if = "Option::is_none"))]
    pub share: Option<f64>,
    /// What recording its calls took.
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
