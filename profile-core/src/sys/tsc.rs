//! The time stamp counter of x86-64. On other processors it is reported as absent, and the
//! monotonic clock is used.

/// Reads the counter without waiting for earlier instructions. The `asm!` block has no `nomem`
/// option, so it is a compiler barrier: memory accesses are not moved across it, which the `_rdtsc`
/// intrinsic does not guarantee.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn read_tsc() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: `rdtsc` writes only eax and edx (and zeroes the upper halves of rax and rdx). Every
    // x86-64 processor has it.
    unsafe {
        std::arch::asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags));
    }
    (high << 32) | low
}

/// Reads the counter after all earlier instructions have completed and before any later one begins.
#[cfg(target_arch = "x86_64")]
pub(crate) fn read_tsc_fenced() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as above; `lfence` has no operands.
    unsafe {
        std::arch::asm!("lfence", "rdtsc", "lfence", out("rax") low, out("rdx") high,
            options(nostack, preserves_flags));
    }
    (high << 32) | low
}

/// Whether the counter ticks at a constant rate on all cores and in sleep states (CPUID leaf
/// 8000_0007h, EDX bit 8).
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
