//! How much memory a process has, from `/proc`: read on a descriptor that is kept, so that one reading is one system call,
//! and a process that has ended is not taken for another one that got its number.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// What of a process's memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resident {
    /// Pages in memory.
    Rss,
    /// The same, a page that several processes share divided among them.
    Pss,
    /// Pages that no other process shares.
    Uss,
}

/// A process whose memory is read again and again.
#[derive(Debug)]
pub(crate) struct ProcessMemory {
    file: File,
    what: Resident,
}

impl ProcessMemory {
    /// # Errors
    /// No such process, no right to look, or no `/proc`.
    pub(crate) fn open(process: u32, what: Resident) -> io::Result<ProcessMemory> {
        let name = if what == Resident::Rss { "statm" } else { "smaps_rollup" };
        let file = File::open(format!("/proc/{process}/{name}"))?;
        let memory = ProcessMemory { file, what };
        // What may be opened may not always be read.
        memory.try_read().map(|_| memory)
    }

    /// Bytes now; `None` once the process has ended.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.try_read().ok().flatten()
    }

    fn try_read(&self) -> io::Result<Option<u64>> {
        // Longer than either file ever is.
        let mut text = [0; 2048];
        let length = self.file.read_at(&mut text, 0)?;
        let text = &text[..length];
        Ok(match self.what {
            Resident::Rss => statm(text).map(|pages| pages * page_bytes()),
            Resident::Pss => sum_of_lines(text, &["Pss:"]),
            Resident::Uss => sum_of_lines(text, &["Private_Clean:", "Private_Dirty:"]),
        })
    }
}

/// The second number. An ended process that nobody has waited for has none but zeroes.
fn statm(text: &[u8]) -> Option<u64> {
    let mut numbers = text.split(|byte| *byte == b' ').map(number);
    let size = numbers.next()??;
    numbers.next()?.filter(|_| size > 0)
}

pub(super) fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Lines such as `Pss:    123 kB`, in bytes.
fn sum_of_lines(text: &[u8], keys: &[&str]) -> Option<u64> {
    let lines = text.split(|byte| *byte == b'\n');
    let of_line = |line: &[u8]| {
        let rest = keys.iter().find_map(|key| line.strip_prefix(key.as_bytes()))?;
        let digits = rest.split(u8::is_ascii_whitespace).find(|part| !part.is_empty())?;
        number(digits).map(|kilobytes| kilobytes << 10)
    };
    lines.filter_map(of_line).reduce(|sum, bytes| sum + bytes)
}

fn page_bytes() -> u64 {
    // SAFETY: plain query.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// The kernel's high-water mark of a process's resident memory.
///
/// # Errors
/// There is none to be read.
pub(crate) fn kernel_peak_bytes(process: u32) -> io::Result<u64> {
    let status = fs::read(format!("/proc/{process}/status"))?;
    sum_of_lines(&status, &["VmHWM:"]).ok_or_else(|| io::Error::other("no VmHWM in its status"))
}

/// Lets the kernel's high-water mark of this process begin anew.
///
/// # Errors
/// It is not permitted.
pub(crate) fn reset_kernel_peak() -> io::Result<()> {
    const HIGH_WATER_MARK: &[u8] = b"5";
    fs::write("/proc/self/clear_refs", HIGH_WATER_MARK)
}

/// All descendants of a process that run now.
pub(crate) fn descendants(process: u32) -> Vec<u32> {
    let mut found = children(process);
    let mut looked_at = 0;
    while let Some(next) = found.get(looked_at).copied() {
        looked_at += 1;
        for child in children(next) {
            // Numbers are given again: a tree read while it changes may name one twice.
            if !found.contains(&child) {
                found.push(child);
            }
        }
    }
    found
}

/// Each thread has a list of the processes it started.
fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read(thread.path().join("children")).ok());
    lists.flat_map(|list| numbers(&list)).collect()
}

fn numbers(list: &[u8]) -> Vec<u32> {
    let parts = list.split(|byte| *byte == b' ');
    parts
        .filter_map(|part| u32::try_from(number(part)?).ok().filter(|number| *number > 0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statm_and_smaps_are_read_as_the_kernel_writes_them() {
        assert_eq!(statm(b"1000 250 100 1 0 200 0\n"), Some(250));
        assert_eq!(statm(b"0 0 0 0 0 0 0\n"), None);
        assert_eq!(statm(b""), None);
        let smaps = b"00400000-7fff rollup\nRss:  100 kB\nPss:   80 kB\nPss_Dirty: 1 kB\n\
            Private_Clean:  8 kB\nPrivate_Dirty: 12 kB\nVmHWM:\t  64 kB\n";
        assert_eq!(sum_of_lines(smaps, &["Pss:"]), Some(80 << 10));
        assert_eq!(sum_of_lines(smaps, &["Private_Clean:", "Private_Dirty:"]), Some(20 << 10));
        assert_eq!(sum_of_lines(smaps, &["VmHWM:"]), Some(64 << 10));
        assert_eq!(sum_of_lines(smaps, &["Swap:"]), None);
        assert_eq!(numbers(b"12 345 "), [12, 345]);
    }

    #[test]
    fn this_process_has_memory_of_every_kind() {
        let own = std::process::id();
        let of = |what| {
            ProcessMemory::open(own, what)
                .ok()
                .and_then(|memory| memory.bytes())
                .expect("a reading")
        };
        let [rss, pss, uss] = [Resident::Rss, Resident::Pss, Resident::Uss].map(of);
        assert!(uss <= pss && pss <= rss + (1 << 20), "{uss} {pss} {rss}");
        assert!(kernel_peak_bytes(own).expect("a mark") >= rss / 2);
    }
}
