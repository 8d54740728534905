//! The scope of `assert_no_leak!`.

use super::{calibrate, held};

/// While it is open, every block that this thread allocates is followed, and so is what others
/// allocate for it in its [`context`](crate::context).
#[derive(Debug)]
pub struct LeakScope(held::Scope);

impl LeakScope {
    /// Opens one in this thread.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "opening is not making a value")]
    pub fn begin() -> LeakScope {
        calibrate::begin();
        LeakScope(held::Scope::begin())
    }

    /// Bytes and blocks that were allocated in it and are not freed. `None`: there were too many
    /// blocks to follow.
    #[must_use]
    pub fn end(self) -> Option<[u64; 2]> {
        self.0.end()
    }
}
