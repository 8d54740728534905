//! Creates the segment and allocates zeroed memory in it. Nothing is ever freed: the size of a
//! segment is bounded by concurrent threads and call paths, not by calls.
//!
//! No lock: memory is taken with one addition, and committing the same range twice is harmless, so
//! a thread that is killed, forked or interrupted here blocks no other.

use std::fmt::{self, Display, Write as _};
use std::io;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};

use once_cell::race::OnceNonZeroUsize;

use super::layout::{Header, Link, MAGIC, VERSION};
use crate::sys::{self, SegmentFile};

/// Requested address space; halved until the system grants it (`ulimit -v`).
const RESERVE: usize = 1 << 30;
const SMALLEST_RESERVE: usize = 4 << 20;
/// The divisor for a limited address space: at most one part in this many is used.
const LIMIT_SHARE: usize = 16;
/// Memory is committed, and disk space reserved, in steps of this size.
const COMMIT_STEP: usize = 1 << 20;

/// Base address of the segment of this process. `race` instead of `OnceLock`: the allocator reads
/// it, and waiting for a lock there could deadlock with itself.
static BASE: OnceNonZeroUsize = OnceNonZeroUsize::new();
/// Set in a forked child for which no segment could be created.
static UNUSABLE: AtomicBool = AtomicBool::new(false);
/// The file behind the segment; null: anonymous memory. Never freed, since another thread may be
/// about to use it.
static FILE: AtomicPtr<SegmentFile> = AtomicPtr::new(ptr::null_mut());
/// The file cannot grow any more: from [`Header::memory_from`] on there is memory without it.
static FILE_IS_FULL: AtomicBool = AtomicBool::new(false);

/// The segment of this process, if it exists yet.
#[inline]
pub(crate) fn header() -> Option<&'static Header> {
    // SAFETY: BASE is the address of a committed, never unmapped segment, which starts with a
    // Header made of atomics.
    let header = BASE.get().map(|base| unsafe { &*(base.get() as *const Header) });
    header.filter(|_| !UNUSABLE.load(Relaxed))
}

/// Address and bytes of what is used; allocates nothing and waits for nobody, for signal handlers.
pub(crate) fn used() -> (*const u8, usize) {
    let Some(header) = header() else { return (ptr::null(), 0) };
    let used = header.used_bytes.get().min(header.committed_bytes.get());
    (ptr::from_ref(header).cast(), used as usize)
}

/// Whether the segment is a file.
pub(crate) fn is_file() -> bool {
    file().is_some()
}

fn file() -> Option<&'static SegmentFile> {
    // SAFETY: null, or of a box that is never freed.
    unsafe { FILE.load(Acquire).as_ref() }
}

/// Removes the file behind the segment. Recording into it goes on.
pub(crate) fn remove_file() {
    if let Some(file) = file() {
        file.remove();
    }
}

/// Puts a file behind the segment.
fn set_file(file: SegmentFile) {
    FILE.store(Box::into_raw(Box::new(file)), Release);
}

/// Creates the segment: in `file` if given and possible, otherwise in anonymous memory.
///
/// # Errors
/// The file could not back it (the segment is then anonymous). `Ok(None)`: no memory at all.
pub(crate) fn create(file: Option<&Path>) -> (Option<&'static Header>, io::Result<()>) {
    let opened = file.map(SegmentFile::create).transpose();
    let (mut backing, mut outcome) = match opened {
        Ok(backing) => (backing, Ok(())),
        Err(error) => (None, Err(error)),
    };
    let Some((start, reserved)) = reserve() else { return (None, outcome) };
    if let Some(file) = backing.take_if(|file| !commit(Some(file), start, 0, COMMIT_STEP)) {
        outcome = Err(io::Error::other("no room for it on the disk, or it is limited"));
        file.remove();
        file.close();
    }
    match backing {
        Some(file) => set_file(file),
        None if commit(None, start, 0, COMMIT_STEP) => {}
        None => return (None, outcome),
    }
    (Some(publish(start, reserved)), outcome)
}

/// Writes an initial header to fresh memory and makes it the segment of this process.
fn publish(start: *mut u8, reserved: usize) -> &'static Header {
    // SAFETY: the first COMMIT_STEP bytes are committed, zero, aligned to a page, and never
    // unmapped.
    let header = unsafe { &*start.cast::<Header>() };
    initialize(header, reserved);
    if let Some(base) = std::num::NonZeroUsize::new(start as usize) {
        // The start of the session is a `Once`, so there is no race.
        let _ = BASE.set(base);
    }
    header
}

fn initialize(header: &Header, reserved: usize) {
    header.version.set(VERSION);
    header.base.set(ptr::from_ref(header) as u64);
    header.reserved_bytes.set(reserved as u64);
    header.used_bytes.set(size_of::<Header>().next_multiple_of(4096) as u64);
    header.committed_bytes.set(COMMIT_STEP as u64);
    header.process_id.set(u64::from(std::process::id()));
    // Last: a reader that sees the magic number sees a complete header.
    header.magic.publish(MAGIC);
}

fn reserve() -> Option<(*mut u8, usize)> {
    // A limited address space is mainly for the program.
    let most = sys::address_space_limit().map_or(RESERVE, |limit| {
        (limit / LIMIT_SHARE).next_power_of_two().clamp(SMALLEST_RESERVE, RESERVE)
    });
    let sizes = std::iter::successors(Some(most), |size| Some(size / 2));
    sizes
        .take_while(|size| *size >= SMALLEST_RESERVE)
        .find_map(|size| sys::reserve(size).map(|start| (start, size)))
}

fn commit(file: Option<&SegmentFile>, start: *mut u8, offset: usize, length: usize) -> bool {
    // SAFETY: callers pass a stretch of the reservation that is unused, or committed already in the
    // same way; committing it again keeps its content (the same file pages, or the same
    // protection).
    unsafe {
        let address = start.add(offset);
        match file {
            Some(file) => file.commit(address, length, offset),
            None => sys::commit_anonymous(address, length),
        }
    }
}

/// Allocates zeroed memory permanently. `bytes` and `align` are multiples of 64; `None` when the
/// reservation or the memory is exhausted.
pub(crate) fn take(bytes: usize, align: usize) -> Option<*mut u8> {
    let header = header()?;
    let padded = (bytes + if align > 64 { align } else { 0 }) as u64;
    // If the file is full, a second attempt in memory: everything after that is beyond what any
    // thread can have requested from the file.
    let from = take_once(header, padded).or_else(|| {
        let is_full = FILE_IS_FULL.load(SeqCst);
        is_full.then(|| take_once(header, padded)).flatten()
    })?;
    let start = (header.base.get() + from).next_multiple_of(align as u64);
    Some(start as *mut u8)
}

fn take_once(header: &Header, bytes: u64) -> Option<u64> {
    let from = header.used_bytes.shared().fetch_add(bytes, SeqCst);
    if from.checked_add(bytes)? > header.reserved_bytes.get() || !ensure(header, from, from + bytes)
    {
        // Not released: other threads may have allocated after it meanwhile. Saturates against
        // wraparound.
        header.used_bytes.shared().fetch_min(header.reserved_bytes.get(), Relaxed);
        return None;
    }
    Some(from)
}

/// Commits allocated memory. Once there is anonymous memory, nothing before it is committed any
/// more: another thread may be mapping the file there right now.
fn ensure(header: &Header, from: u64, end: u64) -> bool {
    loop {
        let committed = header.committed_bytes.shared().load(Acquire);
        let is_full = FILE_IS_FULL.load(SeqCst);
        if is_full && from < memory_from(header) {
            return false;
        }
        if end <= committed {
            return true;
        }
        let step = (end - committed).next_multiple_of(COMMIT_STEP as u64);
        let step = step.min(header.reserved_bytes.get() - committed);
        let base = header.base.get() as *mut u8;
        let file = file().filter(|_| !is_full);
        if !commit(file, base, committed as usize, step as usize) {
            if file.is_some() {
                FILE_IS_FULL.store(true, SeqCst);
                memory_from(header);
            }
            return false;
        }
        let _ = header.committed_bytes.shared().compare_exchange(
            committed,
            committed + step,
            Release,
            Relaxed,
        );
    }
}

/// Where anonymous memory begins; decided by the first thread that finds the file full.
///
/// A thread that has not yet seen that the file is full allocated its memory before, so it is below
/// what is used now, and the thread commits the file at most up to the next step. Nothing beyond
/// that is allocated yet.
fn memory_from(header: &Header) -> u64 {
    let used = header.used_bytes.shared().load(SeqCst);
    let chosen = used.next_multiple_of(COMMIT_STEP as u64);
    let memory_from = header.memory_from.shared();
    let from =
        memory_from.compare_exchange(0, chosen, SeqCst, SeqCst).map_or_else(|it| it, |_| chosen);
    header.used_bytes.shared().fetch_max(from, SeqCst);
    from
}

/// Whether the segment's file only contains what was recorded until it could not grow.
pub(crate) fn file_is_full() -> bool {
    FILE_IS_FULL.load(SeqCst)
}

/// Called before a record is pushed to the front of a list. If it is the first that is not in the
/// file, a reader of the file continues with the one after it.
pub(crate) fn keep_in_file<T>(in_file: &Link<T>, first: *mut T, record: *mut T) {
    let Some(header) = header().filter(|_| file_is_full()) else { return };
    let end = header.base.get() + header.memory_from.get();
    let is_first_outside = in_file.get().is_null() && record.addr() as u64 >= end;
    if is_first_outside && !first.is_null() && (first.addr() as u64) < end {
        in_file.publish(first);
    }
}

/// Writes a text to the segment; returns 0 if memory is exhausted.
pub(crate) fn write_text(text: &str) -> u64 {
    write_display(&text)
}

/// A value as text; written twice, and must be the same both times. Allocates nothing: it is part
/// of a first call, and a program may handle that there is no memory.
pub(crate) fn write_display(value: &impl Display) -> u64 {
    let mut length = Length(0);
    let _ = write!(length, "{value}");
    let words = 1 + length.0.div_ceil(8);
    let Some(start) = take((words * 8).next_multiple_of(64), 64) else { return 0 };
    // SAFETY: `words * 8` bytes were taken, zeroed, and nobody else knows them yet.
    let room = unsafe { std::slice::from_raw_parts_mut(start, words * 8) };
    let (header, mut text) = room.split_at_mut(8);
    header.copy_from_slice(&(length.0 as u64).to_le_bytes());
    let _ = io::Write::write_fmt(&mut text, format_args!("{value}"));
    start as u64
}

/// Counts the bytes that are written.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// The child of a `fork` starts with an empty segment of its own at the same address: pointers into
/// it stay valid, and the parent's figures stay the parent's. False if it has none.
pub(crate) fn restart_after_fork(file: Option<&Path>) -> bool {
    let Some(header) = header() else { return false };
    let (reserved, committed) =
        (header.reserved_bytes.get() as usize, header.committed_bytes.get() as usize);
    let base = header.base.get() as *mut u8;
    // SAFETY: the range is the committed part of this process's reservation; the child has only
    // this thread, and its open spans access the segment again only through `record`, which ignores
    // spans that are not open there.
    if !unsafe { sys::replace_by_zeroes(base, committed) } {
        // The content is the parent's: better no segment.
        UNUSABLE.store(true, Relaxed);
        return false;
    }
    // The parent's descriptor is the parent's file: closed here, or the child would keep it alive.
    if let Some(parents) = self::file() {
        FILE.store(ptr::null_mut(), Release);
        parents.close();
    }
    if let Some(own) = file.and_then(|path| SegmentFile::create(path).ok()) {
        match commit(Some(&own), base, 0, committed) {
            true => set_file(own),
            false => {
                own.remove();
                own.close();
            }
        }
    }
    FILE_IS_FULL.store(false, SeqCst);
    initialize(header, reserved);
    header.committed_bytes.set(committed as u64);
    true
}
