//! What a child has done of its chunk, in memory that it shares with its parent.
//!
//! Outcomes are sent at the end of a chunk. If the child is killed before, its parent finds in the
//! journal the outcomes so far, and which item was being worked on. So no finished item is lost or
//! repeated, one item at most fails, and the others are assigned to another process. Rejected: sending
//! each outcome at once, a system call per item.
//!
//! A child can be killed between any two stores. Their order therefore matters: an item counts as
//! begun before its function is called, and as done after its outcome is stored.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::*};

use super::encoding;
use super::system::{Descriptor, Words};

/// The chunk; stored last when it begins.
const TICKET: usize = 0;
/// Items of the chunk that were begun.
const BEGUN: usize = 1;
/// The first item whose outcome is here.
const FIRST: usize = 2;
/// Outcomes here.
const DONE: usize = 3;
/// Bytes of these outcomes.
const BYTES: usize = 4;
const HEADER: usize = 8;
/// Most bytes of outcomes; a child sends what it has before it stores more.
pub(super) const CAPACITY: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Journal(Words);

impl Journal {
    pub(super) fn new() -> io::Result<Journal> {
        Words::new(HEADER + CAPACITY / 8).map(Journal)
    }

    pub(super) fn from_descriptor(descriptor: Descriptor) -> io::Result<Journal> {
        Words::from_descriptor(descriptor).map(Journal)
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.0.words()[index]
    }

    /// Another chunk. All of the previous one has been sent.
    pub(super) fn begin_chunk(&self, ticket: u64) {
        self.word(DONE).store(0, Release);
        self.word(BEGUN).store(0, Release);
        self.word(FIRST).store(0, Release);
        self.word(BYTES).store(0, Release);
        self.word(TICKET).store(ticket, Release);
    }

    pub(super) fn begin_item(&self, item: usize) {
        self.word(BEGUN).store(item as u64 + 1, Release);
    }

    /// Stores an outcome. `false`: there is no room.
    pub(super) fn end_item(&self, outcome: &[u8]) -> bool {
        let before = self.word(BYTES).load(Relaxed) as usize;
        // Whole words, so that a store never touches an earlier outcome.
        let start = before.next_multiple_of(8);
        if start + outcome.len() > CAPACITY {
            return false;
        }
        let words = &self.0.words()[HEADER + start / 8..];
        for (word, bytes) in words.iter().zip(outcome.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(padded), Relaxed);
        }
        self.word(BYTES).store((start + outcome.len()) as u64, Release);
        self.word(DONE).store(self.word(DONE).load(Relaxed) + 1, Release);
        true
    }

    /// Everything before this item has been sent.
    pub(super) fn sent_up_to(&self, item: usize) {
        self.word(DONE).store(0, Release);
        self.word(FIRST).store(item as u64, Release);
        self.word(BYTES).store(0, Release);
    }

    /// For the parent, once the child has ended: what is left of a chunk of which it received
    /// `received` outcomes.
    pub(super) fn left(&self, ticket: u64, received: usize) -> Unfinished {
        if self.word(TICKET).load(Acquire) != ticket {
            return Unfinished { outcomes: Vec::new(), was_working: false };
        }
        let load = |index| self.word(index).load(Acquire) as usize;
        let (first, done) = (load(FIRST), load(DONE));
        let (bytes, mut start) = (self.bytes(load(BYTES).min(CAPACITY)), 0_usize);
        let mut outcomes = Vec::new();
        for item in first..first + done {
            let at = bytes.get(start.next_multiple_of(8)..);
            let Some((outcome, _)) = at.and_then(encoding::next_item) else { break };
            start = start.next_multiple_of(8) + size_of::<u32>() + outcome.len();
            if item >= received {
                outcomes.push(outcome.to_vec());
            }
        }
        let completed = received + outcomes.len();
        Unfinished { outcomes, was_working: load(BEGUN) > completed }
    }

    fn bytes(&self, count: usize) -> Vec<u8> {
        let words = self.0.words()[HEADER..].iter().take(count.div_ceil(8));
        words.flat_map(|word| word.load(Relaxed).to_le_bytes()).collect()
    }
}

/// What an ended child left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// Outcomes that follow those received.
    pub outcomes: Vec<Vec<u8>>,
    /// Whether it had begun the item after them.
    pub was_working: bool,
}
