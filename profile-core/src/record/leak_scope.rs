//! The scope of `assert_no_leak!`.

use super::{calibrate, held};

/// While it is open, every block that this thread allocates is tracked, as is every block that
/// other threads allocate in its [`context`](crate::context).
#[derive(Debug)]
pub struct LeakScope(held::Scope);

impl LeakScope {
    /// Opens a scope in this thread.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "opens a scope instead of creating a value")]
    pub fn begin() -> LeakScope {
        calibrate::begin();
        LeakScope(held::Scope::begin())
    }

    /// Bytes and blocks allocated in the scope and not freed. `None` if there were too many blocks
    /// to track.
    #[must_use]
    pub fn end(self) -> Option<[u64; 2]> {
        self.0.end()
    }
}
