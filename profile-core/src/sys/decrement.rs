//! A decrement that is atomic with respect to signal handlers of the same thread.

use std::sync::atomic::AtomicU64;

/// Only this thread and its signal handlers write to the word, so the instruction needs no `lock`
/// prefix, which would cost 20 cycles.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn decrement(word: &AtomicU64) {
    // SAFETY: the reference keeps the word valid, and atomics may be written through it. A signal
    // arrives between two instructions, never within one.
    unsafe {
        std::arch::asm!("dec qword ptr [{word}]", word = in(reg) word.as_ptr(), options(nostack));
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn decrement(word: &AtomicU64) {
    word.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
}
