//! The descendants of a window's process: the sum of their memory, and a curve for each.
//!
//! They are looked up again for each reading, and only the process id of each is stored: a program
//! may have more children than it may open files.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::reading_plan::Plan;
use super::stream::Stream;
use super::window::{Backend, Curve, Head, resident};
use crate::record::startup;
use crate::sys::{self, Descendant};

/// Maximum number of children's curves in one window; beyond it the curve of an ended child is
/// reused, the lowest first.
const MOST_CURVES: usize = 64;
/// Maximum number of children's curves in all windows, including ended ones.
const MOST_IN_TOTAL: usize = 1024;
static CURVES: AtomicUsize = AtomicUsize::new(0);

/// The descendants in one window.
#[derive(Debug, Default)]
pub(super) struct Children {
    running: Vec<Child>,
    /// Curves of children that have ended.
    ended: Vec<Curve>,
    /// Some child has no curve, or lost its curve to another.
    lacks_curves: bool,
    refused: Option<String>,
}

#[derive(Debug)]
struct Child {
    process: u32,
    curve: Option<Curve>,
}

/// Where readings of children are written.
pub(super) struct Output<'a> {
    pub(super) plan: &'a Plan,
    /// The address of the window that they belong to.
    pub(super) parent: u64,
    /// Curves for children, created for this window and earlier ones in the same slot; the first
    /// ones are in use.
    pub(super) spare: &'a mut Vec<Curve>,
    pub(super) stream: Option<&'a Stream>,
}

impl Children {
    /// Reads the sum of their memory. A child may end while it is read.
    pub(super) fn read(&mut self, to: &mut Output<'_>) -> u64 {
        let Some(what) = resident(to.plan.backend) else { return 0 };
        let found = sys::descendants(to.plan.process);
        self.forget_ended(&found);
        let mut sum = 0_u64;
        // Checked before reading: once its memory is its own, it remains so.
        for it in found.into_iter().filter(|it| !sys::shares_memory(*it)) {
            match sys::memory_of(it.process, what) {
                Ok(Some(bytes)) => {
                    sum = sum.saturating_add(bytes);
                    self.record(it, bytes, to);
                }
                Ok(None) => {}
                Err(error) => self.note_failure(&error),
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

    fn record(&mut self, Descendant { process, .. }: Descendant, bytes: u64, to: &mut Output<'_>) {
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

    fn begin(&mut self, process: u32, to: &mut Output<'_>) -> Option<Curve> {
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

    /// An unused curve, a new one, or that of a child that has ended.
    fn curve(&mut self, spare: &mut Vec<Curve>) -> Option<Curve> {
        let used = self.curves().count();
        if used == spare.len() && used < MOST_CURVES && reserve_curve() {
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

    fn note_failure(&mut self, error: &io::Error) {
        self.refused.get_or_insert_with(|| {
            format!("memory of some children: not available: {error}; the sums do not include them")
        });
    }

    /// The reasons for missing data.
    pub(super) fn unavailable(&self, plan: &Plan) -> impl Iterator<Item = String> {
        let heap = "memory of children: not available: only the process itself knows its heap";
        let unlisted = "memory of children: not available: \
             this kernel does not list them (CONFIG_PROC_CHILDREN)";
        let lacking =
            "curves of all children: not available: only those with the highest peaks are stored";
        let of_heap = plan.backend == Backend::Heap;
        let all = [
            (of_heap, heap),
            (!of_heap && !sys::lists_children(), unlisted),
            (self.lacks_curves, lacking),
        ];
        let present = all.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why.to_owned());
        present.chain(self.refused.clone())
    }
}

fn reserve_curve() -> bool {
    let one_more = |made: usize| (made < MOST_IN_TOTAL).then_some(made + 1);
    CURVES.fetch_update(Relaxed, Relaxed, one_more).is_ok()
}

/// In a forked child: the curves are the parent's.
pub(super) fn forget() {
    CURVES.store(0, Relaxed);
}
