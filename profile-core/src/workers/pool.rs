//! A pool of processes, and the calls that give it work.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attached::attaching;
use super::dispatcher::{Chunk, Dispatcher};
use super::encoding::{append_item, encode};
use super::error::{StartError, TaskError};
use super::results::{Outcome, Results};
use super::supervisor::{StartOptions, Supervisor};
use super::task::Task;

/// How long a process may take until its `main` calls [`init`](super::init).
pub(super) const START_LIMIT: Duration = Duration::from_secs(30);
/// Chunks of a call that are at work or wait, for each process. Enough that a process always finds
/// the next one, few enough that inputs and results need little memory.
const CHUNKS_PER_PROCESS: usize = 16;
/// Chunks for each process into which `map` divides its inputs, as Python does.
const SHARES: usize = 4;
/// Threads that wait for a process have shallow calls, but decode results.
const SUPERVISOR_STACK_BYTES: usize = 1 << 20;

/// What an output of a task must be: sent, and kept until it is asked for.
pub trait Output: DeserializeOwned + Send + fmt::Debug + 'static {}

impl<T: DeserializeOwned + Send + fmt::Debug + 'static> Output for T {}

/// Processes that run tasks: this program, executed again. Its `main` calls
/// [`init`](super::init) first.
///
/// ```
/// use profile_core::workers::{self, Pool};
///
/// fn square(number: u64) -> u64 {
///     number * number
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     workers::init();
///     let pool = Pool::new(2)?;
///     let squares = pool.map(workers::task!(square), 1..=4)?;
///     assert_eq!(squares, [1, 4, 9, 16]);
///     Ok(())
/// }
/// ```
///
/// A process that ends during a task is replaced. The item that it was working on is a
/// [`TaskError::Crashed`]; finished ones are kept, and others are done by another process, so no
/// item is begun twice.
///
/// Dropping a pool terminates it, as leaving Python's `with Pool()` does.
#[derive(Debug)]
pub struct Pool {
    dispatcher: Arc<Dispatcher>,
    supervisors: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts this many processes, at least one.
    ///
    /// # Errors
    /// A process cannot be started, or `main` does not call [`init`](super::init).
    pub fn new(processes: usize) -> Result<Pool, StartError> {
        Pool::builder().processes(processes).start()
    }

    /// For other settings.
    pub fn builder() -> PoolBuilder {
        PoolBuilder {
            processes: None,
            options: StartOptions { stack_bytes: None, limit: START_LIMIT },
        }
    }

    /// The number of processes.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.supervisors.len()
    }

    /// The system's numbers of the processes that are ready for tasks or at work.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.dispatcher.pids()
    }

    /// Runs a task once and waits for its result.
    ///
    /// # Errors
    /// It has no result, for the reason assigned.
    pub fn apply<In: Serialize, Out: Output>(
        &self,
        task: Task<In, Out>,
        input: In,
    ) -> Result<Out, TaskError> {
        self.apply_async(task, input).get()
    }

    /// Runs a task once. The result is fetched later.
    pub fn apply_async<In: Serialize, Out: Output>(
        &self,
        task: Task<In, Out>,
        input: In,
    ) -> AsyncResult<Out> {
        let results = Arc::new(Results::new());
        let mut call =
            Call { dispatcher: &self.dispatcher, task: task.index(), results: &results, next: 0 };
        call.add([input]);
        AsyncResult { results }
    }

    /// Runs a task for each input, and returns the results in the order of the inputs.
    ///
    /// Inputs are taken while results arrive, so an endless iterator needs [`Pool::imap`].
    /// They are sent in chunks: a quarter of what each process would get, as in Python.
    ///
    /// # Errors
    /// The first error in the order of the inputs. All inputs are worked on nevertheless.
    pub fn map<In: Serialize, Out: Output>(
        &self,
        task: Task<In, Out>,
        inputs: impl IntoIterator<Item = In>,
    ) -> Result<Vec<Out>, TaskError> {
        let inputs = inputs.into_iter();
        let chunk = inputs.size_hint().0.div_ceil(SHARES * self.processes());
        self.imap(task, inputs).chunk_size(chunk).all()
    }

    /// Runs a task for each input: an iterator over the results, in the order of the inputs.
    ///
    /// Inputs are taken while results are: there are never more than sixteen chunks for each
    /// process between them.
    ///
    /// ```
    /// # use profile_core::workers::{self, Pool};
    /// fn half(number: u64) -> u64 {
    ///     assert!(number % 2 == 0, "{number} is odd");
    ///     number / 2
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # workers::init();
    /// # let pool = Pool::new(2)?;
    /// let halves: Vec<_> = pool.imap(workers::task!(half), 1..).take(2).collect();
    /// assert_eq!(halves[0].as_ref().unwrap_err().to_string(), "the task panicked: 1 is odd");
    /// assert_eq!(halves[1], Ok(1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn imap<In: Serialize, Out: Output, Inputs: IntoIterator<Item = In>>(
        &self,
        task: Task<In, Out>,
        inputs: Inputs,
    ) -> Map<'_, Inputs::IntoIter, Out> {
        Map::new(self, task.index(), inputs.into_iter(), Order::OfInputs)
    }

    /// The same, with results in any order.
    pub fn imap_unordered<In: Serialize, Out: Output, Inputs: IntoIterator<Item = In>>(
        &self,
        task: Task<In, Out>,
        inputs: Inputs,
    ) -> Map<'_, Inputs::IntoIter, Out> {
        Map::new(self, task.index(), inputs.into_iter(), Order::Any)
    }

    /// Ends each process when there is no more work. Calls from now on fail with
    /// [`TaskError::Closed`].
    pub fn close(&self) {
        self.dispatcher.close();
    }

    /// Ends all processes. Those that are working are killed, and unfinished calls fail with
    /// [`TaskError::Terminated`].
    pub fn terminate(&self) {
        self.dispatcher.terminate();
    }

    /// Closes the pool, and waits until all work is done and all processes have ended.
    pub fn join(mut self) {
        self.close();
        self.wait();
    }

    fn wait(&mut self) {
        for supervisor in self.supervisors.drain(..) {
            let _ = supervisor.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if !self.supervisors.is_empty() {
            self.terminate();
            self.wait();
        }
    }
}

/// Settings of a pool.
#[derive(Clone, Debug)]
#[must_use = "a pool starts with `start`"]
pub struct PoolBuilder {
    processes: Option<usize>,
    options: StartOptions,
}

impl PoolBuilder {
    /// How many processes, at least one; by default one for each processor that this process may
    /// use.
    pub fn processes(mut self, processes: usize) -> PoolBuilder {
        self.processes = Some(processes);
        self
    }

    /// Runs tasks in a thread with this stack instead of the main thread.
    pub fn stack_bytes(mut self, bytes: usize) -> PoolBuilder {
        self.options.stack_bytes = Some(bytes as u64);
        self
    }

    /// How long a process may take until its `main` calls [`init`](super::init); 30 seconds by
    /// default.
    pub fn start_timeout(mut self, limit: Duration) -> PoolBuilder {
        self.options.limit = limit;
        self
    }

    /// Starts the processes, and waits until each is ready.
    ///
    /// # Errors
    /// A process cannot be started, or `main` does not call [`init`](super::init).
    pub fn start(self) -> Result<Pool, StartError> {
        let available = || thread::available_parallelism().map_or(1, NonZero::get);
        let processes = self.processes.unwrap_or_else(available).max(1);
        let dispatcher = Arc::new(Dispatcher::new(processes));
        let start = |_| self.options.start(dispatcher.next_name());
        let mut started = (0..processes).map(start).collect::<Result<Vec<_>, _>>()?;
        for one in &mut started {
            one.wait_until_ready(self.options.limit)?;
        }
        let mut pool = Pool { dispatcher: dispatcher.clone(), supervisors: Vec::new() };
        for (slot, one) in started.into_iter().enumerate() {
            dispatcher.remember(slot, &one.child);
            dispatcher.set_ready(slot);
            let supervisor = Supervisor::new(dispatcher.clone(), self.options.clone(), slot);
            let thread = thread::Builder::new().name(format!("pool {slot}"));
            let thread = thread.stack_size(SUPERVISOR_STACK_BYTES);
            pool.supervisors.push(thread.spawn(move || supervisor.run(one))?);
        }
        Ok(pool)
    }
}

/// One call of a pool: adds its inputs, chunk by chunk.
struct Call<'a, Out> {
    dispatcher: &'a Dispatcher,
    task: u32,
    results: &'a Arc<Results<Out>>,
    /// The number of the next input.
    next: usize,
}

impl<Out: Output> Call<'_, Out> {
    /// Adds a chunk. An input that cannot be encoded fails, and divides the chunk.
    fn add<In: Serialize>(&mut self, inputs: impl IntoIterator<Item = In>) {
        let mut inputs = inputs.into_iter();
        loop {
            let mut bytes = Vec::new();
            let (mut count, mut failed) = (0, None);
            let (_, descriptors) = attaching(|| {
                for input in inputs.by_ref() {
                    match append_item(&mut bytes, |bytes| encode(&input, bytes)) {
                        Ok(()) => count += 1,
                        Err(message) => {
                            failed = Some(message);
                            break;
                        }
                    }
                }
            });
            if count > 0 {
                let (task, first, sink) = (self.task, self.next, self.results.clone());
                self.dispatcher.add(Chunk { task, first, count, inputs: bytes, descriptors, sink });
                self.next += count;
            }
            let Some(message) = failed else { return };
            self.results.fail_one(self.next, TaskError::Encoding(message));
            self.next += 1;
        }
    }
}

/// The result of [`Pool::apply_async`], when it is there.
#[derive(Debug)]
#[must_use = "the result is fetched with `get`"]
pub struct AsyncResult<Out> {
    results: Arc<Results<Out>>,
}

impl<Out: Output> AsyncResult<Out> {
    /// Whether [`get`](Self::get) returns at once.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.results.has(0)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// There is none, for the reason assigned.
    pub fn get(self) -> Result<Out, TaskError> {
        let batch = self.results.wait(Some(0), None);
        batch.and_then(|batch| batch.into_iter().next()).unwrap_or(Err(TaskError::TimedOut))
    }

    /// Waits for it, but not longer than this. Returns itself if there is none yet.
    ///
    /// # Errors
    /// This handle: there is no result yet.
    pub fn get_timeout(self, limit: Duration) -> Result<Result<Out, TaskError>, AsyncResult<Out>> {
        let batch = self.results.wait(Some(0), Some(limit));
        batch.and_then(|batch| batch.into_iter().next()).ok_or(self)
    }
}

/// The progress of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Inputs whose result has arrived, also if it is an error.
    pub done: usize,
    /// All inputs, if the iterator knew.
    pub total: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    OfInputs,
    Any,
}

/// The results of [`Pool::imap`] and [`Pool::imap_unordered`]. Dropping it abandons what has not
/// begun.
#[must_use = "nothing is done before the first result is asked for"]
pub struct Map<'a, Inputs, Out> {
    pool: &'a Pool,
    task: u32,
    inputs: std::iter::Fuse<Inputs>,
    total: Option<usize>,
    order: Order,
    chunk: usize,
    results: Arc<Results<Out>>,
    submitted: usize,
    received: usize,
    batch: vec::IntoIter<Outcome<Out>>,
    progress: Option<Box<dyn FnMut(Progress) + 'a>>,
}

impl<'a, Inputs: Iterator, Out: Output> Map<'a, Inputs, Out>
where
    Inputs::Item: Serialize,
{
    fn new(pool: &'a Pool, task: u32, inputs: Inputs, order: Order) -> Self {
        let (least, most) = inputs.size_hint();
        Map {
            pool,
            task,
            inputs: inputs.fuse(),
            total: most.filter(|most| *most == least),
            order,
            chunk: 1,
            results: Arc::new(Results::new()),
            submitted: 0,
            received: 0,
            batch: Vec::new().into_iter(),
            progress: None,
        }
    }

    /// Sends this many inputs at once, instead of one. Results of a chunk arrive together.
    pub fn chunk_size(mut self, items: usize) -> Self {
        self.chunk = items.max(1);
        self
    }

    /// Calls this when results arrive, in the thread that takes them.
    pub fn on_progress(mut self, call: impl FnMut(Progress) + 'a) -> Self {
        self.progress = Some(Box::new(call));
        self
    }

    /// All results.
    ///
    /// # Errors
    /// The first error. All inputs are worked on nevertheless.
    pub fn all(self) -> Result<Vec<Out>, TaskError> {
        let mut all = Vec::with_capacity(self.total.unwrap_or_default());
        let mut failed = None;
        for outcome in self {
            match outcome {
                Ok(output) => all.push(output),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(all), Err)
    }

    /// Adds inputs, as many as may be underway.
    fn submit_more(&mut self) {
        let most = self.chunk.saturating_mul(CHUNKS_PER_PROCESS * self.pool.processes().max(1));
        while self.submitted - self.received < most {
            let (dispatcher, results) = (&self.pool.dispatcher, &self.results);
            let mut call = Call { dispatcher, task: self.task, results, next: self.submitted };
            call.add(self.inputs.by_ref().take(self.chunk));
            if call.next == self.submitted {
                return;
            }
            self.submitted = call.next;
        }
    }
}

impl<Inputs: Iterator, Out: Output> Iterator for Map<'_, Inputs, Out>
where
    Inputs::Item: Serialize,
{
    type Item = Result<Out, TaskError>;

    fn next(&mut self) -> Option<Result<Out, TaskError>> {
        loop {
            if let Some(outcome) = self.batch.next() {
                return Some(outcome);
            }
            self.submit_more();
            if self.received == self.submitted {
                return None;
            }
            let first = (self.order == Order::OfInputs).then_some(self.received);
            let batch = self.results.wait(first, None)?;
            self.received += batch.len();
            if let Some(call) = &mut self.progress {
                call(Progress { done: self.received, total: self.total });
            }
            self.batch = batch.into_iter();
        }
    }
}

impl<Inputs, Out> Drop for Map<'_, Inputs, Out> {
    fn drop(&mut self) {
        self.results.abandon();
    }
}

impl<Inputs, Out> fmt::Debug for Map<'_, Inputs, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (submitted, received) = (self.submitted, self.received);
        write!(f, "Map {{ submitted: {submitted}, received: {received} }}")
    }
}
