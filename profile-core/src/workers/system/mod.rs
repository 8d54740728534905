//! What `workers` needs of the operating system: starting this program again, connections that
//! carry descriptors, the end of a process, shared memory. `linux` has it; `fallback` compiles
//! everywhere else and returns `Unsupported`. It is apart from the room `sys`, which exists only
//! with the feature `profile`.

mod ended;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
mod fallback;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
mod linux;

#[cfg(any(not(target_os = "linux"), profile_fallback))]
use fallback as chosen;
#[cfg(all(target_os = "linux", not(profile_fallback)))]
use linux as chosen;

pub use ended::Ended;

/// A stream between a parent and its child. `send` writes everything, and the descriptors with the
/// first byte; without a reader it is an error, never a signal. `receive` waits for some bytes; 0
/// is the end.
pub(super) use chosen::Channel;
/// A started child: `id`, `wait` with an optional limit, `signaller`, and `wait_for_data`, which
/// ends when the channel has something to read or the child has ended.
pub(super) use chosen::Child;
/// An open file that can be sent to another process; clones share it.
pub(super) use chosen::Descriptor;
/// Whole messages between any number of processes: one end of a pair that keeps their borders.
pub(super) use chosen::Packets;
/// Sends signals to a child, also while another thread waits for it. It never hits a process that
/// got the number later.
pub(super) use chosen::Signaller;
/// Zeroed memory of some words that processes share, as atomics. It keeps its size.
pub(super) use chosen::Words;

/// In a child: the channel to its parent, which is taken from standard input. Standard input is
/// empty afterwards. `None` in a process that is no child, and at the second call.
pub(super) use chosen::channel_of_parent;
/// Ends this process at once, without handlers.
pub(super) use chosen::end_at_once;
/// In a child whose `main` has not called [`channel_of_parent`] yet.
pub(super) use chosen::is_waiting_child;
/// Starts this program again as a child.
pub(super) use chosen::start_this_program;
/// Sends the signal that asks a process to end, and the one that ends it.
pub(super) use chosen::{KILL, TERMINATE};
