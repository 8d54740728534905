//! Results of one call of a pool, from the threads that receive them to the thread that takes them.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::encoding::decode;
use super::error::TaskError;
use super::task::{NOT_DECODED, NOT_ENCODED, PANICKED, RETURNED};

/// The outcome of an item.
pub(super) type Outcome<Out> = Result<Out, TaskError>;

/// Where outcomes go, whatever their type.
pub(super) trait Sink: Send + Sync + std::fmt::Debug {
    /// Outcomes of consecutive items, encoded.
    fn deliver(&self, first: usize, outcomes: &mut dyn Iterator<Item = &[u8]>);
    /// These items have no result.
    fn fail(&self, first: usize, count: usize, error: &TaskError);
    /// Whether no one will take the results.
    fn is_abandoned(&self) -> bool;
}

#[derive(Debug)]
struct State<Out> {
    /// By their first item.
    batches: BTreeMap<usize, Vec<Outcome<Out>>>,
    is_abandoned: bool,
}

#[derive(Debug)]
pub(super) struct Results<Out> {
    state: Mutex<State<Out>>,
    arrived: Condvar,
}

impl<Out> Results<Out> {
    pub(super) fn new() -> Results<Out> {
        let state = State { batches: BTreeMap::new(), is_abandoned: false };
        Results { state: Mutex::new(state), arrived: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<Out>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, first: usize, batch: Vec<Outcome<Out>>) {
        if !batch.is_empty() {
            self.state().batches.insert(first, batch);
            self.arrived.notify_all();
        }
    }

    /// Waits for the batch that begins with this item, or for any if `first` is `None`. `None`: the
    /// time is over.
    pub(super) fn wait(
        &self,
        first: Option<usize>,
        limit: Option<Duration>,
    ) -> Option<Vec<Outcome<Out>>> {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state();
        loop {
            let found = match first {
                Some(first) => state.batches.remove(&first),
                None => state.batches.pop_first().map(|(_, batch)| batch),
            };
            if found.is_some() {
                return found;
            }
            let Some(end) = end else {
                state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = end.checked_duration_since(Instant::now())?;
            let waited = self.arrived.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn fail_one(&self, item: usize, error: TaskError) {
        self.add(item, vec![Err(error)]);
    }

    pub(super) fn has(&self, first: usize) -> bool {
        self.state().batches.contains_key(&first)
    }

    /// No one will take further results.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.is_abandoned = true;
        state.batches.clear();
    }
}

impl<Out: DeserializeOwned + Send + std::fmt::Debug> Sink for Results<Out> {
    fn deliver(&self, first: usize, outcomes: &mut dyn Iterator<Item = &[u8]>) {
        self.add(first, outcomes.map(read_outcome).collect());
    }

    fn fail(&self, first: usize, count: usize, error: &TaskError) {
        self.add(first, (0..count).map(|_| Err(error.clone())).collect());
    }

    fn is_abandoned(&self) -> bool {
        self.state().is_abandoned
    }
}

fn read_outcome<Out: DeserializeOwned>(outcome: &[u8]) -> Outcome<Out> {
    let (kind, rest) = outcome.split_first().unwrap_or((&NOT_DECODED, &[]));
    let message = || String::from_utf8_lossy(rest).into_owned();
    match *kind {
        RETURNED => Ok(decode(rest)?),
        PANICKED => Err(TaskError::Panicked(message())),
        NOT_DECODED | NOT_ENCODED => Err(TaskError::Encoding(message())),
        other => Err(TaskError::Encoding(format!("unknown kind of outcome: {other}"))),
    }
}
