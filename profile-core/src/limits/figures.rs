//! Measurements, in the form that limits are compared with.

/// The measurements of one call, or of all calls of a run together. `None`: unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) time_ns: Option<u64>,
    pub(crate) calls: Option<u64>,
    /// The recursion depth.
    pub(crate) depth: Option<u64>,
    pub(crate) heap: Option<HeapFigures>,
    /// The peak of the process's resident memory during the call.
    pub(crate) resident_bytes: Option<u64>,
    /// A call that is about to return still holds its variables, so its retained memory is not
    /// known yet.
    pub(crate) is_open: bool,
}

/// What was allocated and freed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeapFigures {
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) freed_bytes: u64,
    /// Of one call; for a run, the maximum over its calls.
    pub(crate) peak_bytes: u64,
}

impl HeapFigures {
    /// Bytes that are still allocated; 0 if more was freed than allocated.
    #[inline(always)]
    pub(crate) fn retained_bytes(&self) -> u64 {
        self.allocated_bytes.saturating_sub(self.freed_bytes)
    }
}
