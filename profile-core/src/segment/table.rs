//! The index by which a thread finds its own records again. It is in the segment because the thread
//! has no other memory; readers do not use it.

use super::word::{Link, Word};

/// The key of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) usize, pub(crate) usize);

impl Key {
    /// Fibonacci hashing of both words; the upper bits are the well-mixed ones.
    fn hash(self) -> usize {
        let mixed = (self.0 as u64).rotate_left(32) ^ self.1 as u64;
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
    }
}

/// A record that can be found by a key.
pub(crate) trait Keyed: 'static {
    fn key(&self) -> Key;
}

/// The owner's index of its records: open addressing, at most half full.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: Link<Link<T>>,
    capacity: Word,
    length: Word,
}

impl<T: Keyed> Table<T> {
    fn slots(&self) -> &[Link<T>] {
        let slots = self.slots.get();
        if slots.is_null() {
            return &[];
        }
        // SAFETY: `grow` set both words together: `capacity` links starting at `slots`, never
        // freed.
        unsafe { std::slice::from_raw_parts(slots, self.capacity.get() as usize) }
    }

    /// The slot of the key, or the free slot where it belongs.
    fn slot(&self, key: Key) -> Option<&Link<T>> {
        let slots = self.slots();
        let mask = slots.len().checked_sub(1)?;
        let home = key.hash() & mask;
        let mut probes = (0..slots.len()).map(|step| &slots[(home + step) & mask]);
        // SAFETY: links are null or lead to records, which are never freed.
        probes.find(|slot| unsafe { slot.get().as_ref() }.is_none_or(|record| record.key() == key))
    }

    pub(crate) fn find(&self, key: Key) -> Option<&'static T> {
        // SAFETY: as in `slot`.
        self.slot(key).and_then(|slot| unsafe { slot.get().as_ref() })
    }

    pub(crate) fn insert(
        &self,
        record: &'static T,
        take: impl FnOnce(usize) -> Option<*mut u8>,
    ) -> Option<()> {
        if self.length.get() * 2 >= self.capacity.get() {
            self.grow(take)?;
        }
        self.slot(record.key())?.set(std::ptr::from_ref(record).cast_mut());
        self.length.add(1);
        Some(())
    }

    /// Doubles the capacity. The old slots are abandoned: all of them together are smaller than the
    /// new ones.
    fn grow(&self, take: impl FnOnce(usize) -> Option<*mut u8>) -> Option<()> {
        const FIRST: u64 = 32;
        let capacity = (self.capacity.get() * 2).max(FIRST);
        let memory = take(capacity as usize * size_of::<Link<T>>())?;
        let old = (self.slots.get(), self.capacity.get() as usize);
        self.slots.set(memory.cast());
        self.capacity.set(capacity);
        if old.0.is_null() {
            return Some(());
        }
        // SAFETY: these slots were in use until now.
        for link in unsafe { std::slice::from_raw_parts(old.0, old.1) } {
            // SAFETY: as in `slot`.
            if let Some(record) = unsafe { link.get().as_ref() } {
                self.slot(record.key())?.set(link.get());
            }
        }
        Some(())
    }
}
