//! Values as bytes, by postcard, each preceded by its length.
//!
//! postcard writes neither names nor types, which both processes know, since they are the same
//! program. It refuses types that describe themselves (`serde(untagged)`, `serde(flatten)`).
//! Rejected: MessagePack, which accepts those, but reads `Some(None)` back as `None`.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the length before each item.
const LENGTH: usize = 4;

/// Appends to a vector. postcard's own flavors take and return it by value.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// # Errors
/// Why the type cannot be sent.
pub(super) fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
    postcard::serialize_with_flavor(value, Append(into)).map_err(|error| {
        let name = std::any::type_name::<T>();
        match error {
            // postcard drops the text of such an error.
            postcard::Error::SerdeSerCustom => format!(
                "{name} refuses to be encoded; queues, pipes and what is shared are sent as inputs \
                 of tasks only"
            ),
            _ => format!("{name} cannot be encoded: {error}"),
        }
    })
}

/// # Errors
/// Why the bytes are no such value. Bytes that are left over are an error too: they indicate a
/// type that leaves out fields, which postcard would read shifted.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let name = std::any::type_name::<T>;
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} cannot be decoded: {} bytes left", name(), rest.len())),
        Err(error) => Err(format!("{} cannot be decoded: {error}", name())),
    }
}

/// Appends an item: what `write` appends, after its length. If that fails, nothing is appended.
pub(super) fn append_item<E: From<String>>(
    into: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = into.len();
    into.extend_from_slice(&[0; LENGTH]);
    let written = write(into).and_then(|()| {
        let length = into.len() - start - LENGTH;
        u32::try_from(length).map_err(|_| E::from(format!("{length} bytes exceed 4 GiB")))
    });
    match written {
        Ok(length) => into[start..start + LENGTH].copy_from_slice(&length.to_le_bytes()),
        Err(error) => {
            into.truncate(start);
            return Err(error);
        }
    }
    Ok(())
}

/// The next item, and what follows it; `None` at the end.
pub(super) fn next_item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// What follows the first `count` items.
pub(super) fn skip_items(mut bytes: &[u8], count: usize) -> &[u8] {
    for _ in 0..count {
        bytes = next_item(bytes).map_or(&[], |(_, rest)| rest);
    }
    bytes
}
