//! Functions that other processes of the program can call.
//!
//! A function pointer means nothing in another process, since programs are loaded at random
//! addresses. So [`task!`](crate::task) adds each function to a list built at link time, which is
//! the same in every process of the program, and its index there is what is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encoding::{append_item, decode, encode};

/// A function that other processes can call, made by [`task!`](crate::task).
#[derive(Debug)]
pub struct Task<In, Out> {
    id: Id,
    _function: fn(In) -> Out,
}

impl<In, Out> Clone for Task<In, Out> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<In, Out> Copy for Task<In, Out> {}

impl<In, Out> Task<In, Out> {
    #[doc(hidden)]
    pub const fn new(id: Id, function: fn(In) -> Out) -> Task<In, Out> {
        Task { id, _function: function }
    }

    /// The module path and name of the function.
    #[must_use]
    pub fn name(&self) -> String {
        self.id.to_string()
    }

    /// Its index in the list.
    pub(super) fn index(&self) -> u32 {
        let found = table().binary_search_by_key(&self.id, |entry| entry.0);
        // It is there: whoever has a `Task` has linked the entry beside it.
        found.map_or(u32::MAX, |index| index as u32)
    }
}

/// Identifies a task.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Where the macro is, and what it names.
    pub module: &'static str,
    pub name: &'static str,
    pub line: u32,
    pub column: u32,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}

/// A function without its types.
#[doc(hidden)]
pub trait Callable: Sync {
    /// Calls it with an encoded input, and appends the outcome as an item.
    fn call(&self, input: &[u8], outcomes: &mut Vec<u8>);
}

/// A function with its types.
#[doc(hidden)]
#[derive(Debug)]
pub struct Typed<In, Out>(fn(In) -> Out);

impl<In, Out> Typed<In, Out> {
    /// Of this function.
    pub const fn new(function: fn(In) -> Out) -> Typed<In, Out> {
        Typed(function)
    }
}

/// The first byte of an outcome: what follows is the value, or a message.
pub(super) const RETURNED: u8 = 0;
pub(super) const PANICKED: u8 = 1;
pub(super) const NOT_DECODED: u8 = 2;
pub(super) const NOT_ENCODED: u8 = 3;

impl<In: DeserializeOwned, Out: Serialize> Callable for Typed<In, Out> {
    fn call(&self, input: &[u8], outcomes: &mut Vec<u8>) {
        let input = match decode::<In>(input) {
            Ok(input) => input,
            Err(message) => return append_message(outcomes, NOT_DECODED, &message),
        };
        // What the function left half-done is seen by its later calls, as after a panic in a
        // thread.
        match catch_unwind(AssertUnwindSafe(|| (self.0)(input))) {
            Ok(output) => append_output(outcomes, &output),
            Err(panic) => append_message(outcomes, PANICKED, message_of(&*panic)),
        }
    }
}

fn append_output(outcomes: &mut Vec<u8>, output: &impl Serialize) {
    let appended = append_item(outcomes, |bytes| {
        bytes.push(RETURNED);
        encode(output, bytes)
    });
    if let Err(message) = appended {
        append_message(outcomes, NOT_ENCODED, &message);
    }
}

fn append_message(outcomes: &mut Vec<u8>, kind: u8, message: &str) {
    let _ = append_item(outcomes, |bytes| {
        bytes.push(kind);
        bytes.extend_from_slice(message.as_bytes());
        Ok::<(), String>(())
    });
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// An entry of the list that the linker builds.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registered {
    /// What names it.
    pub id: Id,
    /// Gives the function; not the function itself, whose types a static would have to name.
    pub callable: fn() -> &'static dyn Callable,
}

inventory::collect!(Registered);

type Table = Vec<(Id, &'static dyn Callable)>;

/// All tasks of the program, in the order of their names: the linker's order may differ from one
/// build to the next.
fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entries = inventory::iter::<Registered>.into_iter();
        let mut table: Table = entries.map(|entry| (entry.id, (entry.callable)())).collect();
        table.sort_by_key(|entry| entry.0);
        table
    })
}

/// Two tasks that one macro call made and that have the same name: neither could be told from the
/// other.
pub(super) fn ambiguous() -> Option<Id> {
    table().windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0)
}

pub(super) fn callable(index: u32) -> Option<&'static dyn Callable> {
    table().get(index as usize).map(|entry| entry.1)
}

/// A hash (FNV-1a) of the names of all tasks: two programs with the same one have the same list.
pub(super) fn fingerprint() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (id, _) in table() {
        for byte in format!("{id}:{}:{}\n", id.line, id.column).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Makes a [`Task`] of a function, so that other processes of the program can call it.
///
/// The function takes one value, which may be a tuple, and returns one; both are encoded with serde
/// and so own what they hold. The macro is an expression, also for a `const` or `static`.
///
/// ```
/// use profile_core::workers::{self, Task};
///
/// fn area((width, height): (u32, u32)) -> u32 {
///     width * height
/// }
///
/// static AREA: Task<(u32, u32), u32> = workers::task!(area);
///
/// assert!(AREA.name().ends_with("::area"));
/// ```
#[macro_export]
macro_rules! task {
    ($function:path) => {{
        const ID: $crate::workers::__private::Id = $crate::workers::__private::Id {
            module: ::core::module_path!(),
            name: ::core::stringify!($function),
            line: ::core::line!(),
            column: ::core::column!(),
        };
        $crate::workers::__private::inventory::submit! {
            $crate::workers::__private::Registered {
                id: ID,
                callable: || const { &$crate::workers::__private::Typed::new($function) },
            }
        }
        $crate::workers::Task::new(ID, $function)
    }};
}
