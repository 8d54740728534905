//! The processes that a window's process has started, and those that these have: their sum, and a
//! curve of each.
//!
//! They are looked up anew for each reading, and nothing is held of one but its number: a program
//! may have more children than it may open files.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::reading_plan::Plan;
use super::stream::Stream;
use super::window::{Backend, Curve, Head, resident};
use crate::record::startup;
use crate::sys::{self, Descendant};

/// Curves of children that one window has; beyond these, one that has ended gives its place, the
/// lowest first.
const MOST_CURVES: usize = 64;
/// Curves of children in all windows, the ended ones too.
const MOST_IN_ALL: usize = 1024;
static CURVES: AtomicUsize = AtomicUsize::new(0);

/// Those of one window.
#[derive(Debug, Default)]
pub(super) struct Children {
    running: Vec<Child>,
    /// Curves of those that have ended.
    ended: Vec<Curve>,
    /// Some has no curve, or had to give its own to another.
    lacks_curves: bool,
    refused: Option<String>,
}

#[derive(Debug)]
struct Child {
    process: u32,
    curve: Option<Curve>,
}

/// Where what is read of them goes.
pub(super) struct To<'a> {
    pub(super) plan: &'a Plan,
    /// Where the window lies that they belong to.
    pub(super) parent: u64,
    /// Curves of children of this window and of those before it in its place; the first of them are
    /// in use.
    pub(super) spare: &'a mut Vec<Curve>,
    pub(super) stream: Option<&'a Stream>,
}

impl Children {
    /// Their sum. One that ends while it is looked at is normal.
    pub(super) fn read(&mut self, to: &mut To<'_>) -> u64 {
        let Some(what) = resident(to.plan.backend) else { return 0 };
        let found = sys::descendants(to.plan.process);
        self.forget_ended(&found);
        let mut sum = 0_u64;
        // Asked before it is read: once its memory is its own, it remains so.
        for it in found.into_iter().filter(|it| !sys::shares_memory(*it)) {
            match sys::memory_of(it.process, what) {
                Ok(Some(bytes)) => {
                    sum = sum.saturating_add(bytes);
                    self.note(it, bytes, to);
                }
                Ok(None) => {}
                Err(error) => self.refuse(&error),
            }
        }
        sum
    }

    fn forget_ended(&mut self, found: &[Descendant]) {
        let (running, ended): (Vec<Child>, Vec<Child>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|child| found.iter().any(|it| it.process == child.process));
        self.running = running;
        self.ended.extend(ended.into_iter().filter_map(|child| child.curve));
    }

    fn note(&mut self, Descendant { process, .. }: Descendant, bytes: u64, to: &mut To<'_>) {
        if !to.plan.multiprocess {
            return;
        }
        let known = self.running.iter().find(|child| child.process == process);
        let curve = match known {
            Some(child) => child.curve,
            None => self.begin(process, to),
        };
        if let Some(curve) = curve {
            curve.add(sys::monotonic_ns(), bytes);
        }
        if let Some(stream) = to.stream {
            stream.send(Some(process), bytes, startup::unix_ns());
        }
    }

    fn begin(&mut self, process: u32, to: &mut To<'_>) -> Option<Curve> {
        let curve = self.curve(to.spare);
        self.running.push(Child { process, curve });
        let head = Head {
            name: None,
            process,
            parent: to.parent,
            backend: to.plan.backend,
            interval_ns: to.plan.interval_ns(),
            now_ns: sys::monotonic_ns(),
            includes_children: false,
        };
        curve.inspect(|curve| curve.begin(&head))
    }

    /// One that is not in use, a new one, or that of a child that has ended.
    fn curve(&mut self, spare: &mut Vec<Curve>) -> Option<Curve> {
        let used = self.curves().count();
        if used == spare.len() && used < MOST_CURVES && may_make() {
            spare.extend(Curve::make());
        }
        if let Some(curve) = spare.get(used) {
            return Some(*curve);
        }
        self.lacks_curves = true;
        let ended = self.ended.iter().enumerate();
        let (lowest, _) = ended.min_by_key(|(_, curve)| curve.peak_bytes())?;
        Some(self.ended.swap_remove(lowest))
    }

    /// All curves in use.
    pub(super) fn curves(&self) -> impl Iterator<Item = Curve> {
        self.running.iter().filter_map(|child| child.curve).chain(self.ended.iter().copied())
    }

    fn refuse(&mut self, error: &io::Error) {
        self.refused.get_or_insert_with(|| {
            format!("memory of some children: not available: {error}; the sums are without them")
        });
    }

    /// What could not be had.
    pub(super) fn unavailable(&self, plan: &Plan) -> impl Iterator<Item = String> {
        let heap = "memory of children: not available: only the process itself knows its heap";
        let unlisted = "memory of children: not available: this kernel does not list them (CONFIG_PROC_CHILDREN)";
        let lacking =
            "curves of all children: not available: there is room for those that grew largest";
        let of_heap = plan.backend == Backend::Heap;
        let all = [
            (of_heap, heap),
            (!of_heap && !sys::lists_children(), unlisted),
            (self.lacks_curves, lacking),
        ];
        let said = all.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why.to_owned());
        said.chain(self.refused.clone())
    }
}

fn may_make() -> bool {
    let one_more = |made: usize| (made < MOST_IN_ALL).then_some(made + 1);
    CURVES.fetch_update(Relaxed, Relaxed, one_more).is_ok()
}

/// In the child of a `fork`: the curves are the parent's.
pub(super) fn forget() {
    CURVES.store(0, Relaxed);
}
