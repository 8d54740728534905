//! What a function may take: plain numbers, of its attribute or of a file.

/// What one call may take at most. `None`: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// `warn_above`, or `max_time`
    pub time_ns: Option<u64>,
    /// `max_allocations`
    pub allocations: Option<u64>,
    /// `max_bytes`
    pub allocated_bytes: Option<u64>,
    /// `max_peak`
    pub peak_bytes: Option<u64>,
    /// `max_retained`
    pub retained_bytes: Option<u64>,
}

/// What all calls of a run may take at most, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// `max_time`
    pub time_ns: Option<u64>,
    /// `max_calls`
    pub calls: Option<u64>,
    /// `max_depth`: calls of the function within each other.
    pub depth: Option<u64>,
    /// `max_allocations`
    pub allocations: Option<u64>,
    /// `max_bytes`
    pub allocated_bytes: Option<u64>,
    /// `max_retained`
    pub retained_bytes: Option<u64>,
}

/// Both, and what becomes of a warning that is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of one call.
    pub call: CallLimits,
    /// Of all calls.
    pub run: RunLimits,
    /// `raise`: it is the error that the function returns.
    pub raises: bool,
}

impl CallLimits {
    /// None.
    pub const NONE: CallLimits = CallLimits {
        time_ns: None,
        allocations: None,
        allocated_bytes: None,
        peak_bytes: None,
        retained_bytes: None,
    };

    /// Whether what a call allocated has to be looked at.
    pub(crate) fn are_of_heap(&self) -> bool {
        let all = [self.allocations, self.allocated_bytes, self.peak_bytes, self.retained_bytes];
        all.iter().any(Option::is_some)
    }

    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, other: CallLimits) -> CallLimits {
        CallLimits {
            time_ns: self.time_ns.or(other.time_ns),
            allocations: self.allocations.or(other.allocations),
            allocated_bytes: self.allocated_bytes.or(other.allocated_bytes),
            peak_bytes: self.peak_bytes.or(other.peak_bytes),
            retained_bytes: self.retained_bytes.or(other.retained_bytes),
        }
    }
}

impl Limits {
    /// Whether any is on what is allocated.
    pub(crate) fn are_of_heap(&self) -> bool {
        let of_run = [self.run.allocations, self.run.allocated_bytes, self.run.retained_bytes];
        self.call.are_of_heap() || of_run.iter().any(Option::is_some)
    }
}

impl RunLimits {
    /// None.
    pub const NONE: RunLimits = RunLimits {
        time_ns: None,
        calls: None,
        depth: None,
        allocations: None,
        allocated_bytes: None,
        retained_bytes: None,
    };

    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, other: RunLimits) -> RunLimits {
        RunLimits {
            time_ns: self.time_ns.or(other.time_ns),
            calls: self.calls.or(other.calls),
            depth: self.depth.or(other.depth),
            allocations: self.allocations.or(other.allocations),
            allocated_bytes: self.allocated_bytes.or(other.allocated_bytes),
            retained_bytes: self.retained_bytes.or(other.retained_bytes),
        }
    }
}

impl Limits {
    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, other: Limits) -> Limits {
        Limits {
            call: self.call.or(other.call),
            run: self.run.or(other.run),
            raises: self.raises || other.raises,
        }
    }
}
