//! Tracks what the process still holds of the blocks that each function allocated, from allocation
//! to free, in whatever thread and function they are freed. Memory that a function returns or
//! passes on no longer counts once its new owner frees it. This distinguishes a leak from both,
//! which the difference between allocated and freed bytes in the function itself does not.
//!
//! ```text
//! allocated: due? ──► TABLE[address] = function, bytes it represents        filter[hash] + 1
//! freed:     filter[hash] != 0? ──► the slot is emptied, the function's sum reduced
//! function:  Held = the bytes held, and their minimum in each of up to 32 stretches of calls
//! ```
//!
//! At first a process tracks every block. When that becomes too expensive, it samples one in
//! [`MEAN`] bytes (a Poisson process: a block of s bytes is sampled with a probability of
//! 1 - exp(-s/mean), and represents its bytes divided by that probability, the Horvitz-Thompson
//! estimator). Blocks that are already tracked remain exact. When the table is full, it is thinned
//! as if blocks had been sampled at the lower rate from the start.
//!
//! Allocation has no extra cost, because the bytes until the next sample are part of the allowance
//! ([`live`]); a free reads one byte. Sampling by address (those whose hash is below a limit, on
//! both sides) would need no filter, but every change of the limit discards known blocks, and the
//! resulting noise looked like growth.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering::*};

use super::{live, thread};
use crate::clock::{Anchor, Clock};
use crate::segment::layout::{Edge, Frame, HELD_STRETCHES, Held, SiteRecord, Word};
use crate::segment::writer;

/// Slots of the table, and the maximum number in use. With so few in use, one of the slots that an
/// address may be in is almost always free.
const SLOTS: usize = 1 << 14;
const MOST: usize = SLOTS / 2;
const ROW: usize = 16;
/// Value of [`Slot::address`] while the slot is being written or emptied.
const BUSY: usize = 1;

/// Mean number of bytes between samples. 0: every block is tracked.
static MEAN: AtomicU64 = AtomicU64::new(0);
const FIRST_MEAN: u64 = 256;
/// Above this, only a full table makes sampling rarer: at 10 GB/s of allocations, samples take half
/// a thousandth of the time.
const RARE: u64 = 512 << 10;

/// After this many examined blocks, the time they took is checked.
const COUNTED: u64 = 16 << 10;
/// One part in this many of the time may be spent.
const SHARE: u64 = 100;

/// Everything that each free reads, in one static, so that its address is computed once.
pub(super) struct Seen {
    /// Whether allocations are counted.
    pub(super) is_counting: AtomicBool,
    /// Nonzero where a tracked block may be. Counters saturate at 255 and then stay there.
    filter: [AtomicU8; 1 << 16],
}

pub(super) static SEEN: Seen =
    Seen { is_counting: AtomicBool::new(false), filter: [const { AtomicU8::new(0) }; 1 << 16] };

static TABLE: [Slot; SLOTS] = [const { Slot::EMPTY }; SLOTS];
static USED: AtomicUsize = AtomicUsize::new(0);
/// Blocks of a scope that found no free slot.
static NOT_TRACKED: AtomicU64 = AtomicU64::new(0);

/// A tracked block.
struct Slot {
    address: AtomicUsize,
    /// The function that allocated it; null outside of all functions.
    owner: AtomicPtr<Held>,
    /// Bytes that it represents in its function's sum; 0 if it was not sampled, and is tracked only
    /// for a scope.
    stands_for: AtomicU64,
    /// Its size, and from bit 48 the scope it was allocated in.
    size: AtomicU64,
}

const SCOPE_SHIFT: u32 = 48;

impl Slot {
    #[allow(
        clippy::declare_interior_mutable_const,
        reason = "the start of statics, copied on purpose"
    )]
    const EMPTY: Slot = Slot {
        address: AtomicUsize::new(0),
        owner: AtomicPtr::new(std::ptr::null_mut()),
        stands_for: AtomicU64::new(0),
        size: AtomicU64::new(0),
    };

    fn bytes(&self) -> u64 {
        self.size.load(Relaxed) & ((1 << SCOPE_SHIFT) - 1)
    }

    fn scope(&self) -> u64 {
        self.size.load(Relaxed) >> SCOPE_SHIFT
    }

    fn owner(&self) -> Option<&'static Held> {
        // SAFETY: null, or a record of the segment, which is never freed; `forget` empties the
        // table when a new segment begins.
        unsafe { self.owner.load(Relaxed).as_ref() }
    }

    /// Empties the slot. Whoever succeeds owns the information in it.
    fn take(&self, address: usize) -> Option<Known> {
        self.address.compare_exchange(address, BUSY, Acquire, Relaxed).ok()?;
        let (bytes, scope) = (self.bytes(), self.scope());
        let stands_for = self.stands_for.swap(0, Relaxed);
        let known = Known { owner: self.owner(), bytes, stands_for, scope };
        lower_filter(address);
        USED.fetch_sub(1, Relaxed);
        self.address.store(0, Release);
        Some(known)
    }
}

/// Information about a block that is freed or resized.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    owner: Option<&'static Held>,
    bytes: u64,
    stands_for: u64,
    scope: u64,
}

impl Known {
    /// Whether it represents only itself, as it will after a resize.
    fn is_exact(&self) -> bool {
        self.stands_for == self.bytes
    }

    fn leave(&self) {
        if let Some(owner) = self.owner.filter(|_| self.stands_for > 0) {
            subtract(owner, self.bytes, self.stands_for);
        }
    }
}

thread_local! {
    /// Bytes to be allocated until the next sample, and the mean that this number was drawn with.
    static TO_GO: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Blocks examined since the last check of the time.
    static EXAMINED: Cell<u64> = const { Cell::new(0) };
    /// The [`Scope`] that is open in this thread; 0: none.
    static SCOPE: Cell<u64> = const { Cell::new(0) };
}

/// 16 bits derived from a block's address. The low 32 bits suffice to spread them, and the
/// multiplication is a single short instruction.
#[inline(always)]
fn hash(address: usize) -> usize {
    ((address as u32).wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// Whether the block may be tracked; if false, it is not.
#[inline(always)]
pub(crate) fn may_know(block: *mut u8) -> bool {
    SEEN.filter[hash(block.addr())].load(Relaxed) != 0
}

fn raise_filter(address: usize) {
    let up = |count: u8| count.checked_add(1);
    let _ = SEEN.filter[hash(address)].fetch_update(Relaxed, Relaxed, up);
}

fn lower_filter(address: usize) {
    let down = |count: u8| (count < u8::MAX).then(|| count.saturating_sub(1));
    let _ = SEEN.filter[hash(address)].fetch_update(Relaxed, Relaxed, down);
}

fn row(address: usize) -> impl Iterator<Item = &'static Slot> {
    let first = hash(address);
    (0..ROW).map(move |step| &TABLE[(first + step) % SLOTS])
}

/// Bytes that may be allocated until the next block that must be examined.
fn until_sample() -> u64 {
    if MEAN.load(Relaxed) == 0 || SCOPE.get() != 0 { 0 } else { TO_GO.get().0 }
}

/// Accounts for allocated bytes of blocks that are not sampled.
pub(super) fn passed(allocated: u64) {
    let (to_go, mean) = TO_GO.get();
    TO_GO.set((to_go.saturating_sub(allocated).max(1), mean));
}

/// Accounts for allocated bytes, and returns whether the last of their blocks is sampled.
pub(super) fn is_due(allocated: u64) -> bool {
    let mean = MEAN.load(Relaxed);
    if mean == 0 {
        return true;
    }
    let (mut to_go, sampled_with) = TO_GO.get();
    if sampled_with != mean {
        to_go = draw(mean);
    }
    let is_due = allocated >= to_go;
    TO_GO.set((if is_due { draw(mean) } else { to_go - allocated }, mean));
    is_due
}

/// Bytes from one sample to the next: exponentially distributed, and so independent of the bytes
/// since the last sample.
fn draw(mean: u64) -> u64 {
    (-uniform().ln() * mean as f64) as u64 + 1
}

/// A random number above 0 and at most 1.
fn uniform() -> f64 {
    let Some(block) = thread::own_block() else { return 0.5 };
    let mut x = block.random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    block.random.set(x);
    ((x >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// The number of bytes that a sampled block represents.
fn stands_for(bytes: u64, mean: u64) -> u64 {
    if mean == 0 {
        return bytes;
    }
    (bytes as f64 / -(-(bytes as f64) / mean as f64).exp_m1()).round() as u64
}

/// Handles a block allocated on the slow path.
pub(super) fn allocated(frame: &Frame, block: *mut u8, bytes: usize, is_sampled: bool) {
    allocated_in(frame, block, bytes as u64, is_sampled, scope_of(frame));
}

fn allocated_in(frame: &Frame, block: *mut u8, bytes: u64, is_sampled: bool, scope: u64) {
    if !is_sampled && scope == 0 {
        return;
    }
    let mean = MEAN.load(Relaxed);
    let stands_for = if is_sampled { stands_for(bytes, mean) } else { 0 };
    track(frame, block, bytes, stands_for, scope);
    if mean < RARE {
        count_examined();
    }
}

/// Handles a freed block that took the slow path because of the filter or an empty allowance.
pub(super) fn freed(block: *mut u8) {
    if MEAN.load(Relaxed) < RARE {
        count_examined();
    }
    if let Some(known) = take(block) {
        known.leave();
    }
}

/// Returns what is known about a block, and stops tracking it.
#[cold]
pub(crate) fn take(block: *mut u8) -> Option<Known> {
    if !may_know(block) {
        return None;
    }
    let address = block.addr();
    row(address).find_map(|slot| {
        (slot.address.load(Relaxed) == address).then(|| slot.take(address)).flatten()
    })
}

/// Handles a resized block. A block that was tracked exactly still is; any other is sampled like a
/// new one. In a scope, an older block that grows counts as the scope's; one that shrinks does not.
pub(super) fn reallocated(
    frame: &Frame,
    moved: *mut u8,
    (before, after): (usize, usize),
    is_sampled: bool,
    known: Option<Known>,
) {
    let (bytes, scope) = (after as u64, scope_of(frame));
    let is_older = known.is_none_or(|known| known.scope != scope);
    let scope = if is_older && after <= before { 0 } else { scope };
    if known.is_some_and(|known| known.is_exact() && known.owner.is_some()) {
        track(frame, moved, bytes, bytes, scope);
        count_examined();
    } else {
        allocated_in(frame, moved, bytes, is_sampled, scope);
    }
    // Afterwards, or the function would briefly hold nothing.
    if let Some(known) = known {
        known.leave();
    }
}

/// Undoes [`take`] if a block could not be resized.
#[cold]
pub(crate) fn put_back(block: *mut u8, known: &Known) {
    let owner =
        known.owner.map_or(std::ptr::null_mut(), |owner| std::ptr::from_ref(owner).cast_mut());
    if !put(block.addr(), owner, known.stands_for, known.bytes | known.scope << SCOPE_SHIFT) {
        known.leave();
    }
}

fn track(frame: &Frame, block: *mut u8, bytes: u64, stands_for: u64, scope: u64) {
    let owner = if stands_for > 0 { owner(frame) } else { None };
    if owner.is_none() && scope == 0 {
        return;
    }
    let link = owner.map_or(std::ptr::null_mut(), |owner| std::ptr::from_ref(owner).cast_mut());
    let stands_for = if owner.is_some() { stands_for } else { 0 };
    // Added before the block can be found, so that the sum is never negative.
    if let Some(owner) = owner {
        add(owner, bytes, stands_for);
    }
    if !put(block.addr(), link, stands_for, bytes | scope << SCOPE_SHIFT) {
        NOT_TRACKED.fetch_add(u64::from(scope != 0), Relaxed);
        Known { owner, bytes, stands_for, scope }.leave();
        thin();
    }
}

fn put(address: usize, owner: *mut Held, stands_for: u64, size: u64) -> bool {
    if USED.fetch_add(1, Relaxed) < MOST {
        let free = |slot: &&Slot| slot.address.compare_exchange(0, BUSY, Acquire, Relaxed).is_ok();
        if let Some(slot) = row(address).find(free) {
            slot.owner.store(owner, Relaxed);
            slot.stands_for.store(stands_for, Relaxed);
            slot.size.store(size, Relaxed);
            raise_filter(address);
            slot.address.store(address, Release);
            return true;
        }
    }
    USED.fetch_sub(1, Relaxed);
    false
}

/// The [`Held`] record of the frame's function, with its calls updated. `None` outside of
/// all functions, or if memory is exhausted.
fn owner(frame: &Frame) -> Option<&'static Held> {
    // SAFETY: null, or an edge of this thread's block, which is never unmapped.
    let edge = unsafe { frame.edge.get().as_ref() }?;
    // SAFETY: sites are statics.
    let site = unsafe { edge.site.get().as_ref() }?;
    // SAFETY: null, or the site's record in the segment, which is never freed.
    let record = unsafe { (site.record() as *const SiteRecord).as_ref() }?;
    let held = held_of(record)?;
    update_calls(edge, held);
    Some(held)
}

/// Created by the thread that allocates first; one created concurrently by another thread is
/// discarded.
fn held_of(record: &SiteRecord) -> Option<&'static Held> {
    let link = record.held.shared();
    let mut held = link.load(Acquire);
    if held.is_null() {
        let made: *mut Held = thread::take(thread::own_block()?)?;
        held = match link.compare_exchange(held, made, AcqRel, Acquire) {
            Ok(_) => made,
            Err(other) => other,
        };
    }
    // SAFETY: just created or published; records are never freed.
    unsafe { held.as_ref() }
}

/// Adds the calls that have ended on the path since the last update.
fn update_calls(edge: &Edge, held: &Held) {
    let block = thread::own_block();
    let Some(extras) = block.and_then(|block| thread::get_or_create(&edge.extras, block)) else {
        return;
    };
    let calls = edge.pushed.get() + edge.untimed.get() + edge.polled_calls.get();
    let new = calls.saturating_sub(extras.held_calls.get());
    if new > 0 {
        extras.held_calls.set(calls);
        held.calls.shared().fetch_add(new, Relaxed);
    }
}

/// The increase of the estimate's variance: (1 - p) / p² s², where p = s / e is the probability
/// that a block of s bytes was sampled.
fn variance(bytes: u64, stands_for: u64) -> u64 {
    stands_for.saturating_mul(stands_for.saturating_sub(bytes))
}

fn add(held: &Held, bytes: u64, stands_for: u64) {
    if try_lock(held) {
        advance(held);
        unlock(held);
    }
    held.variance.shared().fetch_add(variance(bytes, stands_for), Relaxed);
    held.bytes.shared().fetch_add(stands_for, Relaxed);
}

fn subtract(held: &Held, bytes: u64, stands_for: u64) {
    held.variance.shared().fetch_sub(variance(bytes, stands_for), Relaxed);
    let now = held.bytes.shared().fetch_sub(stands_for, Relaxed).wrapping_sub(stands_for);
    newest(held).shared().fetch_min(now, Relaxed);
}

fn newest(held: &Held) -> &Word {
    &held.least[held.newest.get() as usize % HELD_STRETCHES]
}

/// Does not wait: whoever fails to get the lock leaves the stretches unchanged.
fn try_lock(held: &Held) -> bool {
    held.lock.shared().compare_exchange(0, 1, Acquire, Relaxed).is_ok()
}

fn unlock(held: &Held) {
    held.lock.publish(0);
}

/// Advances to the stretch of the current call. In the stretches between, the held bytes have not
/// changed.
fn advance(held: &Held) {
    let calls = held.calls.get();
    while calls >> held.stretch_log2.get() >= HELD_STRETCHES as u64 {
        halve(held);
    }
    let (required, bytes) = (calls >> held.stretch_log2.get(), held.bytes.get());
    while held.newest.get() < required {
        held.newest.add(1);
        newest(held).set(bytes);
    }
}

/// Merges each pair of stretches into one.
fn halve(held: &Held) {
    let last = held.newest.get() as usize;
    for index in 0..=last / 2 {
        let (one, other) = (2 * index, (2 * index + 1).min(last));
        held.least[index].set(held.least[one].get().min(held.least[other].get()));
    }
    held.newest.set(last as u64 / 2);
    held.stretch_log2.add(1);
}

/// Checks at intervals how long the examined blocks took. If they came too fast, fewer are sampled
/// from now on.
fn count_examined() {
    const STEP: u64 = 1 << 10;
    static TOTAL: AtomicU64 = AtomicU64::new(0);
    static SINCE: AtomicU64 = AtomicU64::new(0);
    EXAMINED.set(EXAMINED.get() + 1);
    if EXAMINED.get() < STEP {
        return;
    }
    EXAMINED.set(0);
    let total = TOTAL.fetch_add(STEP, Relaxed) + STEP;
    if total.is_multiple_of(COUNTED) {
        let now = monotonic_ns();
        let lasted = now.saturating_sub(SINCE.swap(now, Relaxed));
        if lasted < COUNTED * examination_ns() * SHARE {
            sample_fewer();
        }
    }
}

/// Estimated duration of an examination: twice an unsuccessful search. Measured here, because it
/// takes fifty times as long under an emulator.
fn examination_ns() -> u64 {
    const TRIES: usize = 64;
    let started = monotonic_ns();
    let found =
        (0..TRIES).filter(|address| row(*address).any(|slot| slot.address.load(Relaxed) == BUSY));
    std::hint::black_box(found.count());
    (monotonic_ns() - started) * 2 / TRIES as u64 + 1
}

fn monotonic_ns() -> u64 {
    Anchor::now(Clock::current()).monotonic_ns
}

fn sample_fewer() {
    let mean = MEAN.load(Relaxed);
    let rarer = (mean * 16).clamp(FIRST_MEAN, RARE.max(mean));
    let _ = MEAN.compare_exchange(mean, rarer, Relaxed, Relaxed);
}

/// Frees slots in a full table, as if blocks had been sampled at the lower rate from the start. The
/// histories of the held bytes are rescaled to the new estimates; otherwise the change would look
/// like growth.
#[cold]
fn thin() {
    static IS_RUNNING: AtomicBool = AtomicBool::new(false);
    if IS_RUNNING.swap(true, Acquire) {
        return;
    }
    let before = MEAN.load(Relaxed);
    let mean = (before * 2).max(FIRST_MEAN);
    MEAN.store(mean, Relaxed);
    for held in all_held() {
        held.before.set(held.bytes.get());
    }
    TABLE.iter().for_each(|slot| thin_slot(slot, mean));
    for held in all_held() {
        rescale(held);
    }
    IS_RUNNING.store(false, Release);
}

fn all_held() -> impl Iterator<Item = &'static Held> {
    // SAFETY: null, or a record, which is never freed.
    let held = |record: &'static SiteRecord| unsafe { record.held.get().as_ref() };
    let first = writer::header()
        .map_or(std::ptr::null_mut(), |header| header.first_site.shared().load(Acquire));
    // SAFETY: as above.
    let next = |record: &&'static SiteRecord| unsafe { record.next.get().as_ref() };
    // SAFETY: as above.
    std::iter::successors(unsafe { first.as_ref() }, next).filter_map(held)
}

fn thin_slot(slot: &Slot, mean: u64) {
    let (address, known) = (slot.address.load(Acquire), slot.stands_for.load(Relaxed));
    if address <= BUSY || known == 0 || slot.scope() != 0 {
        return;
    }
    let bytes = slot.bytes();
    let required = stands_for(bytes, mean);
    if required <= known {
        return;
    }
    // It was included with probability s / known, and must remain with probability s / required.
    if uniform() * required as f64 > known as f64 {
        if let Some(known) = slot.take(address) {
            known.leave();
        }
    } else if slot.stands_for.compare_exchange(known, required, Relaxed, Relaxed).is_ok()
        && let Some(owner) = slot.owner()
    {
        owner.bytes.shared().fetch_add(required - known, Relaxed);
        let more = variance(bytes, required).saturating_sub(variance(bytes, known));
        owner.variance.shared().fetch_add(more, Relaxed);
    }
}

fn rescale(held: &Held) {
    if held.before.get() == 0 || !try_lock(held) {
        return;
    }
    let scale = held.bytes.get() as f64 / held.before.get() as f64;
    for word in &held.least {
        word.set((word.get() as f64 * scale) as u64);
    }
    unlock(held);
}

/// In the child of a `fork`: the table refers to the parent's segment.
pub(super) fn forget() {
    for slot in &TABLE {
        if slot.address.load(Relaxed) != 0 {
            slot.address.store(0, Relaxed);
        }
    }
    for count in &SEEN.filter {
        if count.load(Relaxed) != 0 {
            count.store(0, Relaxed);
        }
    }
    USED.store(0, Relaxed);
}

/// Sets how much this thread may allocate until it takes the slow path again.
pub(super) fn grant() {
    live::grant(until_sample());
}

/// Applies a change of which allocations must be examined: in this thread at once, in others when
/// they have used up their allowance.
pub(super) fn regrant() {
    if thread::own_block().is_some() {
        passed(live::account_used());
        grant();
    }
}

/// Adds what this thread has not yet published to the total.
#[cold]
#[inline(never)]
pub(crate) fn publish() {
    if thread::own_block().is_some() {
        passed(live::account_used());
        live::publish_held_back();
        grant();
    }
}

/// While it is open, every block that this thread allocates is tracked, as is every block that
/// other threads allocate in its [`context`](crate::context).
#[derive(Debug)]
pub struct Scope {
    number: u64,
    outer: u64,
    not_tracked: u64,
}

impl Scope {
    /// Opens a scope in this thread.
    #[must_use]
    pub fn begin() -> Scope {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed) % (u64::from(u16::MAX)) + 1;
        Scope { number, outer: enter(number), not_tracked: NOT_TRACKED.load(Relaxed) }
    }

    /// Bytes and blocks allocated in the scope and not freed. `None` if there were too many blocks
    /// to track.
    #[must_use]
    pub fn end(self) -> Option<[u64; 2]> {
        let mut left = [0; 2];
        for slot in &TABLE {
            let address = slot.address.load(Acquire);
            if address > BUSY && slot.scope() == self.number {
                left = [left[0] + slot.bytes(), left[1] + 1];
                self.leave(slot, address);
            }
        }
        (NOT_TRACKED.load(Relaxed) == self.not_tracked).then_some(left)
    }

    /// The block now belongs to the outer scope, or only to its function.
    fn leave(&self, slot: &Slot, address: usize) {
        if slot.stands_for.load(Relaxed) == 0 && self.outer == 0 {
            slot.take(address);
        } else {
            slot.size.store(slot.bytes() | self.outer << SCOPE_SHIFT, Relaxed);
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        enter(self.outer);
    }
}

/// Makes this thread allocate in the scope from now on. Returns the previous scope.
pub(super) fn enter(scope: u64) -> u64 {
    let before = SCOPE.replace(scope);
    if before != scope {
        regrant();
    }
    before
}

/// The scope of allocations in the frame; none for the recorder's own allocations.
fn scope_of(frame: &Frame) -> u64 {
    let is_own = thread::own_block().is_some_and(|block| thread::is_suspended(block, frame));
    if is_own { 0 } else { SCOPE.get() }
}

/// The scope that is open in this thread; 0: none.
pub(super) fn scope() -> u64 {
    SCOPE.get()
}
