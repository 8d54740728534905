//! How far the record of a process that was killed reaches.
//!
//! Its last clock anchor may be older than its last calls: an anchor is taken after long calls, and
//! after thousands of short ones. Open calls would end at the anchor, before calls that they made,
//! and those would be scaled down to fit into them.

use std::collections::HashMap;

use super::Reading;
use super::edges::{carried_ticks, edges_of, outermost_ticks};
use crate::segment::layout::edge;
use crate::segment::reader::Record;

/// Ticks of the ended calls of a path (the largest number if they are not known), and of those of
/// the calls made from it that are known.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    own: u64,
    below: u64,
}

impl<'a> Reading<'a> {
    /// Moves the end of the record to the last moment at which a thread is known to have run.
    pub(super) fn extend_to_last_moment(&mut self, blocks: &[Record<'a>]) {
        let moments = blocks.iter().map(|block| self.last_moment(block));
        let last = moments.fold(self.now.ticks, u64::max);
        let beyond = self.rate.ns(last - self.now.ticks);
        self.now.ticks = last;
        self.now.monotonic_ns = self.now.monotonic_ns.saturating_add(beyond);
    }

    /// An open call has taken at least as long as the calls made from its path, less those made by
    /// earlier calls of the path.
    fn last_moment(&self, block: &Record<'a>) -> u64 {
        let edges = edges_of(self.view, block);
        let ended = ended_ticks(&edges);
        self.view.forget(&edges);
        let moment = |frame: super::frames::OpenFrame<'_>| {
            let started = frame.started_at()?;
            let ended = ended.get(&frame.edge).copied().unwrap_or_default();
            Some(started.saturating_add(ended.below.saturating_sub(ended.own)))
        };
        self.open_frames(block).into_iter().filter_map(moment).max().unwrap_or(0)
    }
}

/// By link. Recursive edges are left out, since their calls are within those of their target.
fn ended_ticks(edges: &[Record<'_>]) -> HashMap<u64, Ended> {
    let mut ended: HashMap<u64, Ended> = HashMap::new();
    for record in edges.iter().filter(|record| record.word(edge::target) == record.link()) {
        let ticks = outermost_ticks(record);
        // Spawned work is not in the ticks of its path, but the calls it makes are below it.
        let own = ticks.map_or(u64::MAX, |ticks| ticks.saturating_add(carried_ticks(record)));
        ended.entry(record.link()).or_default().own = own;
        let caller = ended.entry(record.word(edge::parent)).or_default();
        caller.below = caller.below.saturating_add(ticks.unwrap_or(0));
    }
    ended
}
