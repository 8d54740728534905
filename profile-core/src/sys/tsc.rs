//! The time stamp counter of x86-64; elsewhere it is said to be absent and the monotonic clock is
//! used.

/// Reads the counter as it is, without waiting for what is in flight. The empty clobber list of the
/// `asm!` block (no `nomem`) makes it a compiler barrier: memory accesses stay on their side of it,
/// which the `_rdtsc` intrinsic does not promise.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn read_tsc() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: `rdtsc` only writes eax and edx (and zeroes the upper halves of rax and rdx); it is
    // present on every x86-64 processor.
    unsafe {
        std::arch::asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags));
    }
    (high << 32) | low
}

/// Waits until everything before it is done, then reads the counter, and lets nothing after it
/// begin.
#[cfg(target_arch = "x86_64")]
pub(crate) fn read_tsc_fenced() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as above; `lfence` has no operands. Between two fences the reading can neither move
    // forward nor let later loads pass it.
    unsafe {
        std::arch::asm!("lfence", "rdtsc", "lfence", out("rax") low, out("rdx") high,
            options(nostack, preserves_flags));
    }
    (high << 32) | low
}

/// Whether the counter ticks at one rate on all cores and in sleep states (leaf 8000_0007h, bit 8).
#[cfg(target_arch = "x86_64")]
pub(crate) fn tsc_is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER: u32 = 0x8000_0007;
    __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & (1 << 8) != 0
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn read_tsc() -> u64 {
    super::monotonic_ns()
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn read_tsc_fenced() -> u64 {
    super::monotonic_ns()
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn tsc_is_invariant() -> bool {
    false
}
