//! Segments and snapshots with any bytes: reading them, and everything done with the result, must
//! neither panic nor overflow, and reading a segment takes memory in proportion to its length. The
//! seeds are the corpus of the fuzz targets (`fuzz/`).

#![allow(unsafe_code, reason = "an allocator")]

#[path = "../../fuzz/exercise.rs"]
mod exercise;
#[path = "../../fuzz/peak.rs"]
mod peak;

use std::path::Path;
use std::time::Instant;

use fastrand::Rng;
use profile_core::__private::read_segment_bytes;
use profile_core::Snapshot;

#[global_allocator]
static ALLOCATOR: peak::Counting = peak::Counting;

/// Cases that random changes make, per kind of file.
const CASES: usize = 3_000;

/// A single test, since the peak of memory is that of the process.
#[test]
fn any_bytes_are_an_error_or_a_snapshot_that_every_report_can_show() {
    let mut random = Rng::with_seed(20_240_607);
    let segments = corpus("segment");
    segments.iter().for_each(|bytes| read(bytes, exercise::everything));
    for case in 0..CASES {
        let bytes = changed(&segments[case % segments.len()], &segments, &mut random);
        read(&bytes, |snapshot| exercise::something(snapshot, &bytes));
    }
    segments.iter().filter(|bytes| bytes.len() > HEADER).for_each(|bytes| read_as_links(bytes));

    let snapshots = corpus("snapshot");
    for bytes in &snapshots {
        let _ = Snapshot::from_bytes(bytes).map(|snapshot| exercise::everything(&snapshot));
    }
    for case in 0..CASES {
        let bytes = changed(&snapshots[case % snapshots.len()], &snapshots, &mut random);
        let read = Snapshot::from_bytes(&bytes);
        let _ = read.map(|snapshot| exercise::something(&snapshot, &bytes));
    }
}

fn corpus(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(kind);
    let files = std::fs::read_dir(folder).expect("the corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

fn read(bytes: &[u8], then: impl FnOnce(&Snapshot)) {
    let (read, peak) = peak::peak_bytes(|| read_segment_bytes(bytes));
    assert!(peak <= peak::most_bytes(bytes.len()), "{peak} bytes of memory for {}", bytes.len());
    if let Ok(snapshot) = read {
        then(&snapshot);
    }
}

/// A few words, bytes or stretches replaced: by extreme values, by others of the same file, or by a
/// part of another one.
fn changed(bytes: &[u8], others: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    const EXTREMES: [u64; 8] =
        [0, 1, u64::MAX, u64::MAX - 1, i64::MAX as u64, 1 << 63, 1 << 32, u64::MAX >> 12];
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..9) {
        if bytes.len() < 16 {
            break;
        }
        let word = |random: &mut Rng, bytes: &[u8]| 8 * random.usize(0..bytes.len() / 8);
        let at = word(random, &bytes);
        match random.u8(0..6) {
            0 => bytes[at + random.usize(0..8)] ^= 1 << random.u8(0..8),
            1 => bytes[at..at + 8]
                .copy_from_slice(&random.choice(EXTREMES).unwrap_or(0).to_le_bytes()),
            2 | 3 => {
                let from = word(random, &bytes);
                bytes.copy_within(from..from + 8, at);
            }
            4 => bytes.truncate(at.max(16)),
            _ => {
                let other = &others[random.usize(0..others.len())];
                let length = random.usize(0..256).min(other.len()).min(bytes.len() - at);
                let from = random.usize(0..=other.len() - length);
                bytes[at..at + length].copy_from_slice(&other[from..from + length]);
            }
        }
    }
    bytes
}

const HEADER: usize = 512;

/// The records of a segment replaced by a megabyte of words in which each is a link, so that lists
/// overlap, everything is shared, and every length is huge.
fn read_as_links(segment: &[u8]) {
    const BYTES: usize = 1 << 20;
    let base = u64::from_le_bytes(segment[16..24].try_into().expect("eight bytes"));
    for stride in [0, 8, 16, 64, 192, 8192] {
        let mut bytes = segment.to_vec();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let first = bytes.len();
        for at in (first..first + BYTES).step_by(8) {
            let next = if stride == 0 { first } else { at + stride };
            bytes.extend(base.wrapping_add(next as u64).to_le_bytes());
        }
        // The lists of sites, of threads and of windows.
        for word in [12, 13, 30] {
            let link = base.wrapping_add((first + 4096) as u64);
            bytes[8 * word..8 * word + 8].copy_from_slice(&link.to_le_bytes());
        }
        let start = Instant::now();
        read(&bytes, |_| ());
        println!("{} bytes with links {stride} apart: {:?}", bytes.len(), start.elapsed());
    }
}
