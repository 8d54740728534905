//! Reads snapshots from files: JSON for people and other programs, MessagePack for size and speed.
//!
//! Both formats name every field, so a newer version reads the snapshots of an older one; missing
//! fields get their defaults. Reading handles data only: nothing in a file is executed, looked up
//! or followed, and memory grows with the bytes actually present, not with the lengths that the
//! file declares.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::packed::MAGIC;
use super::{SCHEMA_VERSION, Snapshot};

/// Why a snapshot could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file could not be read.
    Io(io::Error),
    /// The file is longer than [`Snapshot::MOST_BYTES`].
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// A newer version wrote the snapshot.
    NewerVersion {
        /// Its `schema_version`.
        found: u32,
    },
    /// The snapshot is damaged, or the file is something else.
    Damaged {
        /// The offset of the first invalid byte, from 0.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Io(error) => write!(f, "cannot read the snapshot: {error}"),
            SnapshotError::TooLarge { bytes } => {
                write!(
                    f,
                    "snapshot too large: {bytes} bytes; at most {} are read",
                    Snapshot::MOST_BYTES
                )
            }
            SnapshotError::NewerVersion { found } => write!(
                f,
                "written by a newer version: schema_version is {found}; \
                     supported are versions up to {SCHEMA_VERSION}"
            ),
            SnapshotError::Damaged { offset, why } => {
                write!(f, "invalid snapshot: byte {offset}: {why}")
            }
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SnapshotError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> SnapshotError {
        SnapshotError::Io(error)
    }
}

/// Checked before the rest is read.
#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

impl Version {
    fn check(self) -> Result<(), SnapshotError> {
        match self.schema_version {
            found if found > SCHEMA_VERSION => Err(SnapshotError::NewerVersion { found }),
            _ => Ok(()),
        }
    }
}

impl Snapshot {
    /// Longer files are not read: a snapshot of 10,000 functions has about ten MiB.
    pub const MOST_BYTES: u64 = 1 << 30;

    /// Parses a snapshot in either format: the compact one, or the JSON that the
    /// [format](crate::report) `json` writes.
    ///
    /// # Errors
    /// A newer version wrote the snapshot, or it is invalid.
    ///
    /// ```
    /// let bytes = b"{\"schema_version\": 1, \"process\": 7}";
    /// let error = profile_core::Snapshot::from_bytes(bytes).unwrap_err();
    /// assert!(error.to_string().starts_with("invalid snapshot: byte 3"), "{error}");
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        match bytes.strip_prefix(MAGIC) {
            Some(packed) => {
                unpacked::<Version>(packed, false)?.check()?;
                unpacked(packed, true)
            }
            None => {
                parsed::<Version>(bytes)?.check()?;
                parsed(bytes)
            }
        }
    }

    /// Loads a snapshot from a file, in either format.
    ///
    /// # Errors
    /// The file cannot be read or is longer than [`Snapshot::MOST_BYTES`], and the errors of
    /// [`Snapshot::from_bytes`].
    ///
    /// ```
    /// let file = std::env::temp_dir().join(format!("snapshot-{}", std::process::id()));
    /// std::fs::write(&file, profile_core::capture().to_bytes())?;
    /// let snapshot = profile_core::Snapshot::load(&file)?;
    /// # std::fs::remove_file(file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Snapshot, SnapshotError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        // A file that is not a regular one may be longer than its metadata states, or endless.
        let mut bytes = Vec::new();
        file.take(Snapshot::MOST_BYTES + 1).read_to_end(&mut bytes)?;
        let bytes_read = bytes.len() as u64;
        if bytes_read > Snapshot::MOST_BYTES {
            return Err(SnapshotError::TooLarge { bytes: length.max(bytes_read) });
        }
        Snapshot::from_bytes(&bytes)
    }
}

fn parsed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, SnapshotError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
        let offset = (before + error.column().saturating_sub(1)) as u64;
        SnapshotError::Damaged { offset, why: without_location(&error.to_string()) }
    })
}

/// The byte offset replaces line and column.
fn without_location(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what).to_owned()
}

/// `whole`: nothing may follow the value.
fn unpacked<T: DeserializeOwned>(packed: &[u8], whole: bool) -> Result<T, SnapshotError> {
    let mut reader = rmp_serde::Deserializer::new(io::Cursor::new(packed));
    let value = T::deserialize(&mut reader);
    let read = reader.position();
    let damaged = |why: String| SnapshotError::Damaged { offset: MAGIC.len() as u64 + read, why };
    match value {
        Ok(_) if whole && read < packed.len() as u64 => {
            Err(damaged("unexpected data after the snapshot".to_owned()))
        }
        Ok(value) => Ok(value),
        Err(error) => Err(damaged(error.to_string())),
    }
}
