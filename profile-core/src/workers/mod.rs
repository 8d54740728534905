//! Processes instead of threads: what Python's `multiprocessing` offers.
//!
//! A [`Pool`] runs functions in other processes. Each of them is this program, executed again, so a
//! crash, a leak or a global variable of one does not touch the others. If nothing of that matters,
//! threads are simpler and cheaper.
//!
//! ```
//! use profile_core::workers::{self, Pool, TaskError};
//!
//! fn parse(text: String) -> i32 {
//!     text.parse().expect("a number")
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     workers::init(); // First: in a worker process it does not return.
//!     let pool = Pool::new(2)?;
//!     let task = workers::task!(parse);
//!     assert_eq!(pool.map(task, ["1", "2"].map(String::from))?, [1, 2]);
//!     assert!(matches!(pool.apply(task, "x".to_owned()), Err(TaskError::Panicked(_))));
//!     pool.join();
//!     Ok(())
//! }
//! ```
//!
//! Inputs and outputs are types with serde's `Serialize` and `Deserialize` that own what they hold.
//! Types that describe themselves (`serde(untagged)`, `serde(flatten)`, `serde_json::Value`) are
//! refused with an error.
//!
//! With the feature `profile` each process records its own functions, and prints its report when it
//! ends by itself.
//!
//! Only Linux so far. Elsewhere it compiles, and starting a process returns
//! [`StartError::System`] with `ErrorKind::Unsupported`.

mod attached;
mod child;
mod dispatcher;
mod encoding;
mod error;
mod journal;
mod link;
mod pool;
mod process;
mod queue;
mod results;
mod start;
mod supervisor;
mod system;
mod task;
mod value;

pub use crate::task;
pub use child::{CurrentProcess, current_process, init};
pub use error::{StartError, TaskError};
pub use pool::{AsyncResult, Map, Output, Pool, PoolBuilder, Progress};
pub use process::{Process, ProcessBuilder};
pub use queue::{MessageError, Pipe, Queue, pipe};
pub use system::Ended;
pub use task::Task;
pub use value::{Array, Number, Value};

/// What the macro expands to.
#[doc(hidden)]
pub mod __private {
    pub use super::task::{Callable, Id, Registered, Typed};
    pub use inventory;
}
