//! Maps (path, site) to the edge that counts it: the calling context tree, built as calls occur.
//!
//! Recursion folds: if a site is already on the path, the new edge targets the ancestor, and calls
//! from there continue the ancestor's path. So no path contains a site twice, however deep the
//! recursion, and the tree is bounded by the number of paths without repetition.

use crate::callsite::CallSite;
use crate::segment::layout::{Edge, MAX_PATHS, Tally, ThreadBlock};
use crate::segment::table::Key;
use crate::segment::writer;

use super::{checks, policy, thread};

/// The edge for a call of `site` from `from`, created at the first call. `None` if memory is
/// exhausted.
///
/// `from` caches the edge, and the previous call caches its successor. So a loop that calls the
/// same functions in turn finds each of them without a search.
pub(crate) fn child(
    block: &ThreadBlock,
    from: &Edge,
    site: &'static CallSite,
) -> Option<&'static Edge> {
    let parent = from.target.get();
    let edge = find(block, parent, site).or_else(|| create(block, parent, site))?;
    let edge_link = std::ptr::from_ref(edge).cast_mut();
    // SAFETY: `last_child` is never null; edges are never freed.
    let before = unsafe { &*from.last_child.get() };
    // Before the first call from a path, `last_child` is the root. The root is not a call and has
    // no successor.
    if !before.site.get().is_null() {
        before.successor.set(edge_link);
    }
    from.last_child.set(edge_link);
    Some(edge)
}

fn find(block: &ThreadBlock, parent: *mut Edge, site: &CallSite) -> Option<&'static Edge> {
    let key = Key(parent.addr(), std::ptr::from_ref(site).addr());
    block.edges.find(key)
}

#[cold]
fn create(
    block: &ThreadBlock,
    parent: *mut Edge,
    site: &'static CallSite,
) -> Option<&'static Edge> {
    if block.paths.get() >= MAX_PATHS && parent != block.other.get() {
        let other = block.other.get();
        return find(block, other, site).or_else(|| create(block, other, site));
    }
    let tally = tally_of(block, site)?;
    let edge = thread::new_edge(block, parent, tally)?;
    // SAFETY: just created, and not shared yet.
    let made = unsafe { &*edge };
    made.site.set(std::ptr::from_ref(site).cast_mut());
    if let Some(ancestor) = ancestor_of(parent, site) {
        made.target.set(ancestor);
    }
    block.edges.insert(made, |bytes| thread::take_bytes(block, bytes))?;
    let first = block.first_edge.get();
    writer::keep_in_file(&block.first_edge_in_file, first, edge);
    made.next.set(first);
    block.first_edge.publish(edge);
    block.paths.add(1);
    Some(made)
}

/// The nearest edge towards the root that has this site.
fn ancestor_of(parent: *mut Edge, site: &CallSite) -> Option<*mut Edge> {
    // SAFETY: links are null or lead to edges, which are never freed.
    let above = std::iter::successors(unsafe { parent.as_ref() }, |edge| unsafe {
        edge.parent.get().as_ref()
    });
    let mut same = above.filter(|edge| std::ptr::eq(edge.site.get(), site));
    same.next().map(|edge| std::ptr::from_ref(edge).cast_mut())
}

/// The function's tally in this thread, created at its first call there.
fn tally_of(block: &ThreadBlock, site: &'static CallSite) -> Option<*mut Tally> {
    let site = std::ptr::from_ref(site).cast_mut();
    if let Some(known) = block.tallies.find(Key(0, site.addr())) {
        return Some(std::ptr::from_ref(known).cast_mut());
    }
    let tally: *mut Tally = thread::take(block)?;
    // SAFETY: just created, and not shared yet.
    let made = unsafe { &*tally };
    // SAFETY: it was created from a reference to a static.
    made.slow_above.set(checks::slow_above(unsafe { &*site }));
    made.site.set(site);
    made.pace.set(policy::FIRST_PACE);
    block.tallies.insert(made, |bytes| thread::take_bytes(block, bytes))?;
    let first = block.first_tally.get();
    writer::keep_in_file(&block.first_tally_in_file, first, tally);
    made.next.set(first);
    block.first_tally.publish(tally);
    Some(tally)
}
