//! What was measured, in the form that limits are compared with.

/// What one call took, or all calls of a run together. `None`: not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) time_ns: Option<u64>,
    pub(crate) calls: Option<u64>,
    /// Calls of the function within each other.
    pub(crate) depth: Option<u64>,
    pub(crate) heap: Option<HeapFigures>,
    /// The most that the process had in memory meanwhile.
    pub(crate) resident_bytes: Option<u64>,
    /// A call that is about to return still holds its variables, so what it leaves behind is not
    /// known yet.
    pub(crate) is_open: bool,
}

/// What was allocated and freed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeapFigures {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) freed_bytes: u64,
    /// Of one call; of a run, the most of any call.
    pub(crate) peak_bytes: u64,
}

impl HeapFigures {
    /// What was left behind. Who freed more than it allocated left nothing.
    #[inline(always)]
    pub(crate) fn retained_bytes(&self) -> u64 {
        self.allocated_bytes.saturating_sub(self.freed_bytes)
    }
}
