//! The compact format of a snapshot: MessagePack with field names, after an eight-byte magic
//! number.

use super::Snapshot;

/// The first bytes of the format.
pub(super) const MAGIC: &[u8; 8] = b"PROFSNP1";

impl Snapshot {
    /// Serializes the snapshot in the compact format, in which every number is exact. The
    /// [format](crate::report) `binary` writes it.
    ///
    /// # Panics
    /// Never: every snapshot can be serialized.
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
        [&MAGIC[..], &packed.expect("writing to a vector succeeds, and keys are strings")].concat()
    }
}
