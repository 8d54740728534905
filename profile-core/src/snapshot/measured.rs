//! The cost of one piece of work.

/// A value and the cost of computing it. Memory figures are `None` without
/// [`ProfilingAllocator`](crate::ProfilingAllocator).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured<T> {
    /// What the work returned.
    pub value: T,
    /// Blocks allocated.
    pub allocations: Option<u64>,
    /// Bytes allocated.
    pub allocated_bytes: Option<u64>,
    /// Blocks freed.
    pub frees: Option<u64>,
    /// Bytes freed.
    pub freed_bytes: Option<u64>,
    /// Most bytes held beyond what was held before, including those of spawned work: see
    /// [`Function::peak_bytes`](crate::Function::peak_bytes).
    pub peak_bytes: Option<u64>,
    /// `allocated_bytes` minus `freed_bytes`.
    pub retained_bytes: Option<i64>,
    /// Wall time.
    pub time_ns: u64,
}
