//! Descriptors of values that are being encoded or decoded. serde has no place for them, so they
//! are beside the bytes: the bytes hold an index into a list, which this thread has meanwhile.

use std::cell::RefCell;

use super::system::Descriptor;

thread_local! {
    static LIST: RefCell<Option<Vec<Descriptor>>> = const { RefCell::new(None) };
}

/// Runs something that encodes values; returns its result and the descriptors that they attached.
pub(super) fn attaching<R>(encode: impl FnOnce() -> R) -> (R, Vec<Descriptor>) {
    exchange(Vec::new(), encode)
}

/// Runs something that decodes values with these descriptors.
pub(super) fn with_attached<R>(descriptors: Vec<Descriptor>, decode: impl FnOnce() -> R) -> R {
    exchange(descriptors, decode).0
}

fn exchange<R>(list: Vec<Descriptor>, run: impl FnOnce() -> R) -> (R, Vec<Descriptor>) {
    let outer = LIST.replace(Some(list));
    let result = run();
    (result, LIST.replace(outer).unwrap_or_default())
}

/// The index of a descriptor in the list, to which it is added unless it is there: a thousand items
/// of a chunk may hold the same queue. `None`: nothing is being sent to a process.
pub(super) fn attach(descriptor: &Descriptor) -> Option<u32> {
    LIST.with_borrow_mut(|list| {
        let list = list.as_mut()?;
        let index = list.iter().position(|it| it.is_same(descriptor)).unwrap_or_else(|| {
            list.push(descriptor.clone());
            list.len() - 1
        });
        u32::try_from(index).ok()
    })
}

/// The descriptor with this index.
pub(super) fn attached(index: u32) -> Option<Descriptor> {
    LIST.with_borrow(|list| list.as_ref()?.get(index as usize).cloned())
}
