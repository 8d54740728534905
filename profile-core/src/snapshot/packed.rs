//! The compact form of a snapshot: MessagePack that names every field, behind eight bytes that say
//! so.

use super::Snapshot;

/// What it begins with.
pub(super) const MAGIC: &[u8; 8] = b"PROFSNP1";

impl Snapshot {
    /// The compact form, in which every number is exact. The [format](crate::report) `binary`
    /// writes it.
    ///
    /// # Panics
    /// Never: every snapshot has one.
    ///
    /// ```
    /// # #[cfg(feature = "read")] {
    /// let snapshot = profile_core::capture();
    /// assert_eq!(profile_core::Snapshot::from_bytes(&snapshot.to_bytes())?, snapshot);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let packed = rmp_serde::to_vec_named(self);
        [&MAGIC[..], &packed.expect("a vector takes everything, and keys are text")].concat()
    }
}
