//! One less, in one step as a signal handler of the same thread sees it.

use std::sync::atomic::AtomicU64;

/// Nobody but this thread and its signal handlers writes to the word, so no lock is needed: it
/// would cost 20 cycles.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn decrement(word: &AtomicU64) {
    // SAFETY: the reference keeps the word valid, and an atomic may be written to through it.
    // Signals arrive between instructions, never within one.
    unsafe {
        std::arch::asm!("dec qword ptr [{word}]", word = in(reg) word.as_ptr(), options(nostack));
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn decrement(word: &AtomicU64) {
    word.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
}
