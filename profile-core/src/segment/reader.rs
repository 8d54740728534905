//! A bounds-checked view of a segment: that of this process, live, or one from a file that any
//! process left behind.
//!
//! Every access is checked against the end of the view, and every walk along `next` links is
//! limited. So a damaged or hostile file results in missing rows, never in a crash, a hang or an
//! invalid read. What is read and what is kept of it are bounded by the size of the file: see
//! [`Allowance`]. Nothing is written.

use std::io::{self, Read};
use std::string::FromUtf8Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

use super::layout::{self, header};

/// Why a segment cannot be read.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentError {
    /// Too short to hold a header.
    Truncated {
        /// Its length in bytes.
        bytes: u64,
    },
    /// The first eight bytes are not those of a segment.
    NotASegment,
    /// Written by a version that this reader does not support.
    UnknownVersion(u64),
}

impl std::fmt::Display for SegmentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SegmentError::Truncated { bytes } => {
                write!(
                    f,
                    "the segment is truncated: {bytes} bytes, expected at least {}",
                    header_bytes()
                )
            }
            SegmentError::NotASegment => {
                write!(f, "not a segment: expected PROFSEG1 at byte 0")
            }
            SegmentError::UnknownVersion(version) => write!(
                f,
                "byte 8: unsupported segment version {version}; expected version {}",
                layout::VERSION
            ),
        }
    }
}

impl std::error::Error for SegmentError {}

const fn header_bytes() -> usize {
    size_of::<layout::Header>()
}

/// What a record takes in a list that grows, and in the maps that are made of a list.
const LISTED_BYTES: usize = 2 * size_of::<Record<'static>>() + 128;

/// The words in at most so many bytes. The bytes themselves are not kept: a segment may take much
/// of the memory that there is.
pub(crate) fn words_of(from: impl Read, bytes: u64) -> io::Result<Vec<AtomicU64>> {
    const AT_ONCE: usize = 1 << 16;
    let mut words = Vec::new();
    let most = usize::try_from(bytes / 8).unwrap_or(usize::MAX);
    words.try_reserve_exact(most).map_err(io::Error::other)?;
    let mut from = from.take(most as u64 * 8);
    let mut read = Vec::with_capacity(AT_ONCE);
    while from.by_ref().take(AT_ONCE as u64).read_to_end(&mut read)? > 0 {
        words.extend(read.chunks_exact(8).map(word_of));
        read.clear();
    }
    Ok(words)
}

fn word_of(bytes: &[u8]) -> AtomicU64 {
    let word = bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    word.into()
}

/// The words of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    words: &'a [AtomicU64],
    base: u64,
    /// `None` for this process's own segment, whose lists always end.
    allowance: Option<&'a Allowance>,
}

/// What reading a file may still take. Without it, lists that lead into each other would multiply
/// the work, and records that share a long text would multiply the memory.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Words to visit. A complete reading visits each a few times at most.
    words: AtomicU64,
    /// Bytes to keep. With the words of the file, this is four times its size.
    bytes: AtomicU64,
    /// Whether something was left out for lack of `bytes`.
    is_exceeded: AtomicBool,
}

impl Allowance {
    pub(crate) fn for_words(words: &[AtomicU64]) -> Allowance {
        const TIMES: u64 = 4;
        /// Rows of functions and lines are larger than their records. This is enough for every
        /// program: it makes up for 100,000 lines of source.
        const IN_ADDITION: u64 = 16 << 20;
        let words = words.len() as u64;
        Allowance {
            words: AtomicU64::new(words * TIMES),
            bytes: AtomicU64::new(words * 8 * (TIMES - 1) + IN_ADDITION),
            is_exceeded: AtomicBool::new(false),
        }
    }

    /// Whether something that the file leads to was left out, since it would have taken more memory
    /// than a file of this size can fill.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Relaxed)
    }
}

impl<'a> View<'a> {
    /// The segment of this process.
    pub(crate) fn live() -> Option<View<'static>> {
        let header = super::writer::header()?;
        let bytes = header.committed_bytes.shared().load(Acquire);
        let start = std::ptr::from_ref(header).cast::<AtomicU64>();
        // SAFETY: [start, start + committed) stays mapped for the life of the process and is only
        // ever accessed as atomics.
        let words = unsafe { std::slice::from_raw_parts(start, bytes as usize / 8) };
        Some(View { words, base: header.base.get(), allowance: None })
    }

    /// A view of words read from a file, by [`words_of`].
    pub(crate) fn from_words(
        words: &'a [AtomicU64],
        allowance: &'a Allowance,
    ) -> Result<View<'a>, SegmentError> {
        let view = View { words, base: 0, allowance: Some(allowance) };
        if words.len() < header_bytes() / 8 {
            return Err(SegmentError::Truncated { bytes: words.len() as u64 * 8 });
        }
        if view.header(header::magic) != layout::MAGIC {
            return Err(SegmentError::NotASegment);
        }
        match view.header(header::version) {
            layout::VERSION => Ok(View { base: view.header(header::base), ..view }),
            version => Err(SegmentError::UnknownVersion(version)),
        }
    }

    /// A word of the header.
    pub(crate) fn header(&self, word: u64) -> u64 {
        self.words.get(word as usize).map_or(0, |word| word.load(Acquire))
    }

    /// The record that a link leads to, if it is in the segment.
    pub(crate) fn record(&self, link: u64) -> Option<Record<'a>> {
        let offset = link.checked_sub(self.base)?;
        let start = usize::try_from(offset / 8).ok()?;
        (link != 0 && offset % 8 == 0 && start < self.words.len()).then_some(Record {
            view: *self,
            start,
            link,
        })
    }

    /// The records of a list whose newest ones may be outside of a file that could not grow. Where
    /// the list leaves the file, it continues from `in_file`: a thread that allocated its record
    /// before the file was full may have linked it before those outside.
    pub(crate) fn list_in_file(&self, newest: u64, in_file: u64, next: u64) -> Vec<Record<'a>> {
        let may_keep = |_: &Record<'_>| self.may_keep(LISTED_BYTES);
        let mut records: Vec<_> = self.list(newest, next).take_while(may_keep).collect();
        let end = records.last().map_or(newest, |record| record.word(next));
        if end != 0 && self.record(end).is_none() {
            records.extend(self.list(in_file, next).take_while(may_keep));
        }
        records
    }

    /// The records of a list are not kept any longer.
    pub(crate) fn forget(&self, records: &[Record<'a>]) {
        if let Some(left) = self.allowance {
            left.bytes.fetch_add((records.len() * LISTED_BYTES) as u64, Relaxed);
        }
    }

    /// The records of a list, from its first; stops where the list leaves the segment, or exceeds
    /// the limit.
    pub(crate) fn list(&self, first: u64, next: u64) -> impl Iterator<Item = Record<'a>> + use<'a> {
        const WORDS_OF_A_RECORD: u64 = 8;
        let view = *self;
        let mut cycle = CycleDetector::default();
        let records =
            std::iter::successors(self.record(first), move |record| view.record(record.word(next)));
        records.take_while(move |record| {
            !cycle.is_closed_by(record.link) && view.may_visit(WORDS_OF_A_RECORD)
        })
    }

    /// Whether the segment is being written while it is read.
    pub(crate) fn is_live(&self) -> bool {
        self.allowance.is_none()
    }

    /// Whether so many words more may be visited.
    pub(crate) fn may_visit(&self, words: u64) -> bool {
        self.allowance.is_none_or(|left| take(&left.words, words))
    }

    /// Whether so many bytes more may be kept of what is read.
    pub(crate) fn may_keep(&self, bytes: usize) -> bool {
        self.allowance.is_none_or(|left| {
            let may = take(&left.bytes, bytes as u64);
            if !may {
                left.is_exceeded.store(true, Relaxed);
            }
            may
        })
    }

    /// Reads a text: its length, then its bytes.
    pub(crate) fn text(&self, link: u64) -> String {
        self.text_of(link, 1 << 16)
    }

    /// Reads the text of a whole function, which code generators make very long.
    pub(crate) fn long_text(&self, link: u64) -> String {
        self.text_of(link, 1 << 24)
    }

    /// A damaged length costs at most `longest`.
    fn text_of(&self, link: u64, longest: u64) -> String {
        let Some(record) = self.record(link) else { return String::new() };
        let in_file = (self.words.len() - record.start - 1) * 8;
        let length = record.word(0).min(longest).min(in_file as u64) as usize;
        if !(self.may_visit(length.div_ceil(8) as u64) && self.may_keep(length)) {
            return String::new();
        }
        let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
        (0..length.div_ceil(8)).for_each(|i| bytes.extend(record.word(1 + i as u64).to_le_bytes()));
        bytes.truncate(length);
        let bytes = String::from_utf8(bytes).map_err(FromUtf8Error::into_bytes);
        bytes.unwrap_or_else(|bytes| self.repaired(&bytes))
    }

    /// Each invalid byte becomes a character of three.
    fn repaired(&self, bytes: &[u8]) -> String {
        match self.may_keep(3 * bytes.len()) {
            true => String::from_utf8_lossy(bytes).into_owned(),
            false => String::new(),
        }
    }
}

/// Takes from what is left, if there is enough.
fn take(left: &AtomicU64, number: u64) -> bool {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(number)).is_ok()
}

/// Finds that a list leads back into itself, in constant memory and within three times its length
/// (R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980).
#[derive(Debug, Default)]
struct CycleDetector {
    remembered: u64,
    since: u64,
    span: u64,
}

impl CycleDetector {
    /// Whether this link was met before; no link is 0.
    fn is_closed_by(&mut self, link: u64) -> bool {
        if link == self.remembered {
            return true;
        }
        if self.since == self.span {
            self.remembered = link;
            (self.since, self.span) = (0, (2 * self.span).max(1));
        }
        self.since += 1;
        false
    }
}

/// One record in a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    view: View<'a>,
    start: usize,
    link: u64,
}

impl<'a> Record<'a> {
    /// A word of the record; 0 beyond the end of the segment.
    pub(crate) fn word(&self, word: u64) -> u64 {
        let index = usize::try_from(word).ok().and_then(|word| self.start.checked_add(word));
        index.and_then(|index| self.view.words.get(index)).map_or(0, |word| word.load(Acquire))
    }

    /// The record that one of the words links to.
    pub(crate) fn follow(&self, word: u64) -> Option<Record<'a>> {
        self.view.record(self.word(word))
    }

    /// The record at this byte offset in this one.
    pub(crate) fn at(&self, bytes: u64) -> Option<Record<'a>> {
        self.view.record(self.link.checked_add(bytes)?)
    }

    /// The record's own link.
    pub(crate) fn link(&self) -> u64 {
        self.link
    }
}
