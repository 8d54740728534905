//! What the process still holds of that which each function allocated: blocks are followed from
//! where they were allocated to where they are freed, in whatever thread and function. What a
//! function returns or hands on is not held once its new owner frees it; so this tells a leak from
//! both, which the difference of allocated and freed bytes in the function itself does not.
//!
//! ```text
//! allocated: due? ──► TABLE[address] = function, bytes it stands for        filter[hash] + 1
//! freed:     filter[hash] != 0? ──► the slot is taken out, the function's sum lowered
//! function:  Held: what it holds, and the least it held in each of up to 32 stretches of equally many calls
//! ```
//!
//! A process first follows every block. When looking costs more than it may, one in [`MEAN`] bytes
//! is drawn (a Poisson process: a block of s bytes is drawn with a probability of 1 - exp(-s/mean),
//! and stands for its bytes divided by that, Horvitz and Thompson); blocks that are followed
//! already stay exact. When the table is full, it is thinned to what it would be if blocks had been
//! drawn so from the start.
//!
//! Allocation costs nothing more for it, since the bytes to the next draw are part of the allowance
//! ([`live`]); a free looks at one byte. Sampling by the address (a hash of it below a limit, on
//! both sides) needs no filter, but every change of the limit throws known blocks away, and the
//! noise of that looked like growth.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering::*};

use super::{live, thread};
use crate::clock::{Anchor, Clock};
use crate::segment::layout::{Edge, Frame, HELD_STRETCHES, Held, SiteRecord, Word};
use crate::segment::writer;

/// Slots of the table, and how many of them are used at most: in so few of a row that an address
/// may be in, one is free then.
const SLOTS: usize = 1 << 14;
const MOST: usize = SLOTS / 2;
const ROW: usize = 16;
/// In [`Slot::address`]: somebody writes it, or takes it out.
const BUSY: usize = 1;

/// Mean number of bytes from one draw to the next. 0: every block is followed.
static MEAN: AtomicU64 = AtomicU64::new(0);
const FIRST_MEAN: u64 = 256;
/// Beyond it only a full table makes draws rarer: at 10 GB/s of allocations they cost half a
/// thousandth of the time.
const RARE: u64 = 512 << 10;

/// After so many blocks looked at it is asked how much of the time that took.
const COUNTED: u64 = 16 << 10;
/// One part in so many may be spent.
const SHARE: u64 = 100;

/// What every free looks at, in one place, so that its address is found once.
pub(super) struct Seen {
    /// Allocations are counted.
    pub(super) is_counting: AtomicBool,
    /// Not 0 where a followed block may lie. Counts up to 255, and then for ever.
    filter: [AtomicU8; 1 << 16],
}

pub(super) static SEEN: Seen =
    Seen { is_counting: AtomicBool::new(false), filter: [const { AtomicU8::new(0) }; 1 << 16] };

static TABLE: [Slot; SLOTS] = [const { Slot::EMPTY }; SLOTS];
static USED: AtomicUsize = AtomicUsize::new(0);
/// Blocks of a scope that found no slot.
static NOT_FOLLOWED: AtomicU64 = AtomicU64::new(0);

/// A block that is followed.
struct Slot {
    address: AtomicUsize,
    /// The function that allocated it; null outside all of them.
    owner: AtomicPtr<Held>,
    /// Bytes that it stands for in its function's sum; 0: it was not drawn, and is followed for a
    /// scope alone.
    stands_for: AtomicU64,
    /// Its size, and from bit 48 on the scope it was allocated in.
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
        // table when the segment begins anew.
        unsafe { self.owner.load(Relaxed).as_ref() }
    }

    /// For whoever takes the block out: what it says is his.
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

/// What was known of a block that is freed or changes its size.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    owner: Option<&'static Held>,
    bytes: u64,
    stands_for: u64,
    scope: u64,
}

impl Known {
    /// It stands for itself alone, and so will what it becomes.
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
    /// Bytes to be allocated until the next draw, and the mean that it was made with.
    static TO_GO: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Blocks to be looked at until the time is looked at.
    static LOOKS: Cell<u64> = const { Cell::new(0) };
    /// What [`Scope`] is open here; 0: none.
    static SCOPE: Cell<u64> = const { Cell::new(0) };
}

/// 16 bits of a block's address. The low 32 are enough to spread them, and the multiplication is
/// one short instruction.
#[inline(always)]
fn place(address: usize) -> usize {
    ((address as u32).wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// False: the block is not followed.
#[inline(always)]
pub(crate) fn may_know(block: *mut u8) -> bool {
    SEEN.filter[place(block.addr())].load(Relaxed) != 0
}

fn raise_filter(address: usize) {
    let up = |count: u8| count.checked_add(1);
    let _ = SEEN.filter[place(address)].fetch_update(Relaxed, Relaxed, up);
}

fn lower_filter(address: usize) {
    let down = |count: u8| (count < u8::MAX).then(|| count.saturating_sub(1));
    let _ = SEEN.filter[place(address)].fetch_update(Relaxed, Relaxed, down);
}

fn row(address: usize) -> impl Iterator<Item = &'static Slot> {
    let first = place(address);
    (0..ROW).map(move |step| &TABLE[(first + step) % SLOTS])
}

/// Bytes that may be allocated until the next block that is to be seen.
fn until_sample() -> u64 {
    if MEAN.load(Relaxed) == 0 || SCOPE.get() != 0 { 0 } else { TO_GO.get().0 }
}

/// So many bytes were allocated, of blocks that are not drawn.
pub(super) fn passed(allocated: u64) {
    let (to_go, mean) = TO_GO.get();
    TO_GO.set((to_go.saturating_sub(allocated).max(1), mean));
}

/// So many bytes were allocated: whether the last of their blocks is drawn.
pub(super) fn is_due(allocated: u64) -> bool {
    let mean = MEAN.load(Relaxed);
    if mean == 0 {
        return true;
    }
    let (mut to_go, drawn_with) = TO_GO.get();
    if drawn_with != mean {
        to_go = draw(mean);
    }
    let is_due = allocated >= to_go;
    TO_GO.set((if is_due { draw(mean) } else { to_go - allocated }, mean));
    is_due
}

/// Bytes from one draw to the next: exponentially distributed, so that a stretch without a draw
/// says nothing of the next.
fn draw(mean: u64) -> u64 {
    (-uniform().ln() * mean as f64) as u64 + 1
}

/// Above 0 and at most 1.
fn uniform() -> f64 {
    let Some(block) = thread::own_block() else { return 0.5 };
    let mut x = block.random.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    block.random.set(x);
    ((x >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// What a drawn block stands for.
fn stands_for(bytes: u64, mean: u64) -> u64 {
    if mean == 0 {
        return bytes;
    }
    (bytes as f64 / -(-(bytes as f64) / mean as f64).exp_m1()).round() as u64
}

/// A block was allocated in the slow way.
pub(super) fn allocated(frame: &Frame, block: *mut u8, bytes: usize, is_drawn: bool) {
    allocated_in(frame, block, bytes as u64, is_drawn, scope_of(frame));
}

fn allocated_in(frame: &Frame, block: *mut u8, bytes: u64, is_drawn: bool, scope: u64) {
    if !is_drawn && scope == 0 {
        return;
    }
    let mean = MEAN.load(Relaxed);
    let stands_for = if is_drawn { stands_for(bytes, mean) } else { 0 };
    follow(frame, block, bytes, stands_for, scope);
    if mean < RARE {
        count_look();
    }
}

/// A block that the filter or an empty allowance sent the slow way is freed.
pub(super) fn freed(block: *mut u8) {
    if MEAN.load(Relaxed) < RARE {
        count_look();
    }
    if let Some(known) = take(block) {
        known.leave();
    }
}

/// What is known of a block, which is not followed any more.
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

/// A block of which this was known has changed its size. One that was followed exactly is so still;
/// any other is drawn as a new one is. An older block that grows in a scope is the scope's; one
/// that shrinks is not.
pub(super) fn reallocated(
    frame: &Frame,
    moved: *mut u8,
    (before, after): (usize, usize),
    is_drawn: bool,
    known: Option<Known>,
) {
    let (bytes, scope) = (after as u64, scope_of(frame));
    let is_older = known.is_none_or(|known| known.scope != scope);
    let scope = if is_older && after <= before { 0 } else { scope };
    if known.is_some_and(|known| known.is_exact() && known.owner.is_some()) {
        follow(frame, moved, bytes, bytes, scope);
        count_look();
    } else {
        allocated_in(frame, moved, bytes, is_drawn, scope);
    }
    // Afterwards, or the function would hold nothing for a moment.
    if let Some(known) = known {
        known.leave();
    }
}

/// A block could not change its size after all.
#[cold]
pub(crate) fn put_back(block: *mut u8, known: &Known) {
    let owner =
        known.owner.map_or(std::ptr::null_mut(), |owner| std::ptr::from_ref(owner).cast_mut());
    if !put(block.addr(), owner, known.stands_for, known.bytes | known.scope << SCOPE_SHIFT) {
        known.leave();
    }
}

fn follow(frame: &Frame, block: *mut u8, bytes: u64, stands_for: u64, scope: u64) {
    let owner = if stands_for > 0 { owner(frame) } else { None };
    if owner.is_none() && scope == 0 {
        return;
    }
    let link = owner.map_or(std::ptr::null_mut(), |owner| std::ptr::from_ref(owner).cast_mut());
    let stands_for = if owner.is_some() { stands_for } else { 0 };
    // Added before the block can be found, so that the sum is never below 0.
    if let Some(owner) = owner {
        add(owner, bytes, stands_for);
    }
    if !put(block.addr(), link, stands_for, bytes | scope << SCOPE_SHIFT) {
        NOT_FOLLOWED.fetch_add(u64::from(scope != 0), Relaxed);
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

/// What the function of a frame holds, with the calls it has made told. `None` outside all
/// functions, and without memory for it.
fn owner(frame: &Frame) -> Option<&'static Held> {
    // SAFETY: null, or an edge of this thread's block, which is never unmapped.
    let edge = unsafe { frame.edge.get().as_ref() }?;
    // SAFETY: sites are statics.
    let site = unsafe { edge.site.get().as_ref() }?;
    // SAFETY: null, or the site's record in the segment, which is never freed.
    let record = unsafe { (site.record() as *const SiteRecord).as_ref() }?;
    let held = held_of(record)?;
    publish_calls(edge, held);
    Some(held)
}

/// Made by the thread that allocates first; what another makes at the same time is not used.
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
    // SAFETY: just made or published; records are never freed.
    unsafe { held.as_ref() }
}

/// Calls that have ended on the path since it last told them.
fn publish_calls(edge: &Edge, held: &Held) {
    let block = thread::own_block();
    let Some(extras) = block.and_then(|block| thread::made(&edge.extras, block)) else { return };
    let calls = edge.pushed.get() + edge.untimed.get() + edge.polled_calls.get();
    let new = calls.saturating_sub(extras.told_calls.get());
    if new > 0 {
        extras.told_calls.set(calls);
        held.calls.shared().fetch_add(new, Relaxed);
    }
}

/// What the variance of the estimate grows by: (1 - p) / p² s², with p the probability s / e that a
/// block of s bytes was drawn.
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

/// Nobody waits: whoever does not get it leaves the stretches alone.
fn try_lock(held: &Held) -> bool {
    held.lock.shared().compare_exchange(0, 1, Acquire, Relaxed).is_ok()
}

fn unlock(held: &Held) {
    held.lock.publish(0);
}

/// Goes on to the stretch of the calls made by now; in those between, what is held was held.
fn advance(held: &Held) {
    let calls = held.calls.get();
    while calls >> held.stretch_log2.get() >= HELD_STRETCHES as u64 {
        halve(held);
    }
    let (wanted, bytes) = (calls >> held.stretch_log2.get(), held.bytes.get());
    while held.newest.get() < wanted {
        held.newest.add(1);
        newest(held).set(bytes);
    }
}

/// Makes one of each two stretches.
fn halve(held: &Held) {
    let last = held.newest.get() as usize;
    for place in 0..=last / 2 {
        let (one, other) = (2 * place, (2 * place + 1).min(last));
        held.least[place].set(held.least[one].get().min(held.least[other].get()));
    }
    held.newest.set(last as u64 / 2);
    held.stretch_log2.add(1);
}

/// Every so many blocks it is looked at how long they took: if they came too fast, fewer are drawn
/// from now on.
fn count_look() {
    const STEP: u64 = 1 << 10;
    static LOOKED: AtomicU64 = AtomicU64::new(0);
    static SINCE: AtomicU64 = AtomicU64::new(0);
    LOOKS.set(LOOKS.get() + 1);
    if LOOKS.get() < STEP {
        return;
    }
    LOOKS.set(0);
    let looked = LOOKED.fetch_add(STEP, Relaxed) + STEP;
    if looked.is_multiple_of(COUNTED) {
        let now = monotonic_ns();
        let lasted = now.saturating_sub(SINCE.swap(now, Relaxed));
        if lasted < COUNTED * look_ns() * SHARE {
            draw_fewer();
        }
    }
}

/// What a look takes about, measured here, since it takes fifty times as long under an emulator:
/// twice a search in vain.
fn look_ns() -> u64 {
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

fn draw_fewer() {
    let mean = MEAN.load(Relaxed);
    let rarer = (mean * 16).clamp(FIRST_MEAN, RARE.max(mean));
    let _ = MEAN.compare_exchange(mean, rarer, Relaxed, Relaxed);
}

/// Makes room in a full table: to what it would be if blocks had been drawn so rarely from the
/// start. What functions held before is brought to the new estimate of what they hold, or the
/// change would look like growth.
#[cold]
fn thin() {
    static AT_IT: AtomicBool = AtomicBool::new(false);
    if AT_IT.swap(true, Acquire) {
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
    AT_IT.store(false, Release);
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
    let wanted = stands_for(bytes, mean);
    if wanted <= known {
        return;
    }
    // It was in with a probability of s / known and shall be with one of s / wanted.
    if uniform() * wanted as f64 > known as f64 {
        if let Some(known) = slot.take(address) {
            known.leave();
        }
    } else if slot.stands_for.compare_exchange(known, wanted, Relaxed, Relaxed).is_ok()
        && let Some(owner) = slot.owner()
    {
        owner.bytes.shared().fetch_add(wanted - known, Relaxed);
        let more = variance(bytes, wanted).saturating_sub(variance(bytes, known));
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

/// In the child of a `fork`: what the table names is in the parent's segment.
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

/// What this thread may allocate until the slow way is taken again.
pub(super) fn grant() {
    live::grant(until_sample());
}

/// Whoever wants to see allocations has changed its mind: in this thread that holds at once, in
/// others when they have used up what they were granted.
pub(super) fn grant_anew() {
    if thread::own_block().is_some() {
        passed(live::sum_up());
        grant();
    }
}

/// Adds to the sum all that this thread held back.
#[cold]
#[inline(never)]
pub(crate) fn publish() {
    if thread::own_block().is_some() {
        passed(live::sum_up());
        live::publish_held_back();
        grant();
    }
}

/// While it is open, every block that this thread allocates is followed, and so is what others
/// allocate for it in its [`context`](crate::context).
#[derive(Debug)]
pub struct Scope {
    number: u64,
    outer: u64,
    not_followed: u64,
}

impl Scope {
    /// Opens one in this thread.
    #[must_use]
    pub fn begin() -> Scope {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed) % (u64::from(u16::MAX)) + 1;
        Scope { number, outer: enter(number), not_followed: NOT_FOLLOWED.load(Relaxed) }
    }

    /// Bytes and blocks that were allocated in it and are not freed. `None`: there were too many
    /// blocks to follow.
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
        (NOT_FOLLOWED.load(Relaxed) == self.not_followed).then_some(left)
    }

    /// The block is the outer scope's now, or its function's alone.
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

/// From now on this thread allocates in that scope. Gives the one before.
pub(super) fn enter(scope: u64) -> u64 {
    let before = SCOPE.replace(scope);
    if before != scope {
        grant_anew();
    }
    before
}

/// The scope that what is allocated in the frame belongs to: none of what the recorder itself
/// allocates.
fn scope_of(frame: &Frame) -> u64 {
    let is_own = thread::own_block().is_some_and(|block| thread::is_suspended(block, frame));
    if is_own { 0 } else { SCOPE.get() }
}

/// The scope that is open in this thread; 0: none.
pub(super) fn scope() -> u64 {
    SCOPE.get()
}
