//! The limits of one function.

use super::exceeded::Exceeded;
use super::figures::Figures;
use super::kind::{self, Kind, Needs, Row, Scope};
use super::unit::Unit;

/// The limit of one function for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Indexed by [`Kind`]. A plain number, so that a check is one comparison; [`UNLIMITED`] is
    /// never exceeded.
    most: [u64; Kind::ALL.len()],
    /// `raise`: the function returns a warning that is an error.
    raises: bool,
}

const UNLIMITED: u64 = u64::MAX;

impl Limits {
    /// No limits.
    pub const NONE: Limits = Limits { most: [UNLIMITED; Kind::ALL.len()], raises: false };

    /// Adds a limit on each call, by its name in an attribute.
    #[must_use]
    pub const fn call(self, word: &str, most: u64) -> Limits {
        self.with(Kind::of_word(word, Scope::Call), most)
    }

    /// Adds a limit on all calls of a run together.
    #[must_use]
    pub const fn run(self, word: &str, most: u64) -> Limits {
        self.with(Kind::of_word(word, Scope::Run), most)
    }

    /// Adds `raise`.
    #[must_use]
    pub const fn raising(self) -> Limits {
        Limits { raises: true, ..self }
    }

    pub(crate) const fn with(mut self, kind: Kind, most: u64) -> Limits {
        self.most[kind as usize] = most;
        self
    }

    pub(crate) fn raises(&self) -> bool {
        self.raises
    }

    #[inline(always)]
    fn most(&self, kind: Kind) -> u64 {
        self.most[kind as usize]
    }

    /// These limits, and those of `other` for the kinds that are not set here.
    pub(crate) fn or(self, other: Limits) -> Limits {
        let both = |kind: Kind| match self.most(kind) {
            UNLIMITED => other.most(kind),
            most => most,
        };
        Limits { most: Kind::ALL.map(both), raises: self.raises || other.raises }
    }

    /// The rows of the limits that are set.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let is_set = |kind: &Kind| self.most(*kind) != UNLIMITED;
        Kind::ALL.into_iter().filter(is_set).map(Kind::row)
    }

    pub(crate) fn cover(&self, scope: Scope) -> bool {
        self.rows().any(|row| row.scope == scope)
    }

    /// Whether any limits what one call allocates.
    pub(crate) fn cover_heap_of_calls(&self) -> bool {
        self.rows().any(|row| row.scope == Scope::Call && row.is_of_heap())
    }

    /// Whether any limits allocations, of a call or of a run.
    pub(crate) fn cover_heap(&self) -> bool {
        self.rows().any(Row::is_of_heap)
    }

    /// Whether a memory window must be open during each call.
    pub(crate) fn need_window(&self) -> bool {
        self.rows().any(|row| row.needs == Needs::Window)
    }

    /// The shortest time limit on one call.
    pub(crate) fn call_time_ns(&self) -> Option<u64> {
        let is_one = |kind: &Kind| {
            let row = kind.row();
            row.scope == Scope::Call && row.unit == Unit::Time
        };
        let times = Kind::ALL.into_iter().filter(is_one).map(|kind| self.most(kind));
        times.min().filter(|ns| *ns != UNLIMITED)
    }

    /// Whether one call allocated too much. The only check that runs at every call that allocates.
    #[inline(always)]
    pub(crate) fn exceeded_by_heap(&self, figures: &Figures) -> bool {
        kind::any(figures, |kind, row, used| {
            let is_asked = matches!(row.scope, Scope::Call) && row.is_of_heap();
            is_asked && used.is_some_and(|used| used > self.most(kind))
        })
    }

    /// The limits that the figures exceed. An unknown figure exceeds none.
    pub(crate) fn exceeded(
        &self,
        scope: Scope,
        figures: Figures,
    ) -> impl Iterator<Item = Exceeded> {
        let exceeded = move |kind: Kind| {
            let (row, most) = (kind.row(), self.most(kind));
            let is_asked = row.scope == scope && row.is_asked_of(&figures);
            let used = (row.read)(&figures).filter(|used| is_asked && *used > most)?;
            Some(Exceeded { row, used, most })
        };
        Kind::ALL.into_iter().filter_map(exceeded)
    }

    /// The limits on one call whose figures are unknown, though they should be known.
    pub(crate) fn unknown(&self, figures: &Figures) -> impl Iterator<Item = &'static Row> {
        let is_one = |row: &&Row| {
            row.scope == Scope::Call && row.is_asked_of(figures) && (row.read)(figures).is_none()
        };
        self.rows().filter(is_one)
    }
}

impl Row {
    fn is_asked_of(&self, figures: &Figures) -> bool {
        !(figures.is_open && self.needs == Needs::HeapAtEnd)
    }
}
