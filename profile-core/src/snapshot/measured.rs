//! What one piece of work took.

/// A value and what it took to make it. Figures of memory are `None` without
/// [`ProfilingAllocator`](crate::ProfilingAllocator).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured<T> {
    /// What the work returned.
    pub value: T,
    /// Blocks allocated.
    pub allocations: Option<u64>,
    /// Bytes of them, all together.
    pub allocated_bytes: Option<u64>,
    /// Blocks freed.
    pub frees: Option<u64>,
    /// Bytes of them.
    pub freed_bytes: Option<u64>,
    /// Most bytes held at a time beyond what was held before, with those of work that was handed
    /// on: see [`Function::peak_bytes`](crate::Function::peak_bytes).
    pub peak_bytes: Option<u64>,
    /// `allocated_bytes` less `freed_bytes`.
    pub retained_bytes: Option<i64>,
    /// Wall time.
    pub time_ns: u64,
}
