//! Work of a pool that is not assigned to a process yet, and the state that its threads share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::encoding::skip_items;
use super::error::TaskError;
use super::results::Sink;
use super::system::{Child, Descriptor, KILL, Signaller};

/// Consecutive items of one call.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The index of the task in the list.
    pub task: u32,
    pub first: usize,
    pub count: usize,
    pub inputs: Vec<u8>,
    pub descriptors: Vec<Descriptor>,
    pub sink: Arc<dyn Sink>,
}

impl Chunk {
    /// Adds what follows it, if it is of the same call; else returns that.
    pub(super) fn join(&mut self, next: Chunk) -> Result<(), Chunk> {
        let follows = Arc::ptr_eq(&self.sink, &next.sink) && self.first + self.count == next.first;
        if !follows || !self.descriptors.is_empty() || !next.descriptors.is_empty() {
            return Err(next);
        }
        self.inputs.extend_from_slice(&next.inputs);
        self.count += next.count;
        Ok(())
    }

    /// Without the first `count` items.
    pub(super) fn skip(&mut self, count: usize) {
        self.inputs = skip_items(&self.inputs, count).to_vec();
        self.first += count;
        self.count -= count;
    }
}

#[derive(Debug, Default)]
struct Slot {
    /// Its number, and how to signal it.
    process: Option<(u32, Signaller)>,
    is_ready: bool,
    is_busy: bool,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Chunk>,
    slots: Vec<Slot>,
    is_closed: bool,
    is_terminated: bool,
    /// Processes started so far.
    started: usize,
}

#[derive(Debug)]
pub(super) struct Dispatcher {
    state: Mutex<State>,
    changed: Condvar,
}

impl Dispatcher {
    pub(super) fn new(slots: usize) -> Dispatcher {
        let state = State {
            waiting: VecDeque::new(),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            is_closed: false,
            is_terminated: false,
            started: 0,
        };
        Dispatcher { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_name(&self) -> String {
        let mut state = self.state();
        state.started += 1;
        format!("PoolWorker-{}", state.started)
    }

    /// Adds work; fails it if the pool is closed.
    pub(super) fn add(&self, chunk: Chunk) {
        let mut state = self.state();
        if state.is_closed {
            let error = if state.is_terminated { TaskError::Terminated } else { TaskError::Closed };
            drop(state);
            return chunk.sink.fail(chunk.first, chunk.count, &error);
        }
        state.waiting.push_back(chunk);
        drop(state);
        self.changed.notify_one();
    }

    /// Returns work that a process had not begun, to be done next.
    pub(super) fn put_back(&self, chunks: Vec<Chunk>) {
        let mut state = self.state();
        let chunks = chunks.into_iter().filter(|chunk| chunk.count > 0);
        if state.is_terminated {
            drop(state);
            return chunks.for_each(|it| it.sink.fail(it.first, it.count, &TaskError::Terminated));
        }
        for chunk in Vec::from_iter(chunks).into_iter().rev() {
            state.waiting.push_front(chunk);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for work for a process that has none. `None`: there will be none.
    pub(super) fn wait_for_chunk(&self, slot: usize) -> Option<Chunk> {
        let mut state = self.state();
        state.slots[slot].is_busy = false;
        loop {
            if let Some(chunk) = state.next() {
                state.slots[slot].is_busy = true;
                return Some(chunk);
            }
            // A process that is still working may return what it has not begun.
            let may_come = !state.is_closed || state.slots.iter().any(|slot| slot.is_busy);
            if state.is_terminated || !may_come {
                drop(state);
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Work for a process that has some, if there is more than the idle ones will take.
    pub(super) fn spare_chunk(&self) -> Option<Chunk> {
        let mut state = self.state();
        let idle = state.slots.iter().filter(|slot| !slot.is_busy).count();
        if state.waiting.len() > idle { state.next() } else { None }
    }

    /// Registers the process in this slot. It is killed when the pool is terminated, or now if it is
    /// terminated already.
    pub(super) fn remember(&self, slot: usize, process: &Child) {
        let mut state = self.state();
        let signaller = process.signaller();
        if state.is_terminated {
            signaller.signal(KILL);
        }
        state.slots[slot].process = Some((process.id(), signaller));
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        let state = self.state();
        let ready = state.slots.iter().filter(|slot| slot.is_ready);
        ready.filter_map(|slot| Some(slot.process.as_ref()?.0)).collect()
    }

    /// The process at this slot has answered.
    pub(super) fn set_ready(&self, slot: usize) {
        self.state().slots[slot].is_ready = true;
    }

    pub(super) fn forget(&self, slot: usize) {
        let slot = &mut self.state().slots[slot];
        (slot.process, slot.is_ready) = (None, false);
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.state().is_terminated
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Kills the processes that are working, and fails what waits.
    pub(super) fn terminate(&self) {
        let mut state = self.state();
        (state.is_closed, state.is_terminated) = (true, true);
        let waiting = std::mem::take(&mut state.waiting);
        for slot in state.slots.iter().filter(|slot| slot.is_busy) {
            if let Some((_, process)) = &slot.process {
                process.signal(KILL);
            }
        }
        drop(state);
        self.changed.notify_all();
        waiting.iter().for_each(|it| it.sink.fail(it.first, it.count, &TaskError::Terminated));
    }
}

impl State {
    /// The next work that somebody still waits for.
    fn next(&mut self) -> Option<Chunk> {
        loop {
            let chunk = self.waiting.pop_front()?;
            if !chunk.sink.is_abandoned() {
                return Some(chunk);
            }
        }
    }
}
