//! Memory of a process, read from `/proc`. The descriptors stay open, so that one reading is one
//! system call, and another process that gets the id of an ended one is not mistaken for it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::long_lived::LongLivedFile;
use crate::sys::{Descendant, Resident};

impl Resident {
    fn file(self) -> &'static str {
        if self == Resident::Rss { "statm" } else { "smaps_rollup" }
    }

    /// `None`: the process has ended, or has run `exec` since the file was opened.
    fn read(self, file: &File) -> io::Result<Option<u64>> {
        // Longer than either file can be.
        let mut text = [0; 2048];
        let Some(length) = unless_ended(file.read_at(&mut text, 0))? else { return Ok(None) };
        let text = &text[..length];
        Ok(match self {
            Resident::Rss => statm(text).map(|pages| pages * page_bytes()),
            Resident::Pss => sum_of_lines(text, &["Pss:"]),
            Resident::Uss => sum_of_lines(text, &["Private_Clean:", "Private_Dirty:"]),
        })
    }
}

/// Reads the memory of one process repeatedly.
#[derive(Debug)]
pub(crate) struct ProcessMemory {
    /// Its folder in `/proc`. Opening a file in it fails once the process has ended, even if its id
    /// is reused.
    folder: LongLivedFile,
    file: LongLivedFile,
    what: Resident,
}

impl ProcessMemory {
    /// # Errors
    /// There is no such process, it is a zombie, permission is denied, or `/proc` is not mounted.
    pub(crate) fn open(process: u32, what: Resident) -> io::Result<ProcessMemory> {
        let folder = LongLivedFile::new(File::open(format!("/proc/{process}"))?)?;
        let file = open_in(&folder, what.file())?;
        let mut memory = ProcessMemory { folder, file, what };
        // Opening may succeed although reading is denied.
        let ended = || io::Error::new(io::ErrorKind::NotFound, "the process has ended");
        memory.bytes()?.ok_or_else(ended)?;
        Ok(memory)
    }

    /// Bytes now; `None` once the process has ended.
    ///
    /// # Errors
    /// Permission is denied, because the process now runs a program of another user.
    pub(crate) fn bytes(&mut self) -> io::Result<Option<u64>> {
        let read = self.what.read(self.file.get()?)?;
        if read.is_some() || self.what == Resident::Rss {
            return Ok(read);
        }
        // An open `smaps_rollup` refers to the memory before `exec`, so open it again.
        let Some(file) = unless_ended(open_in(&self.folder, self.what.file()))? else {
            return Ok(None);
        };
        self.file = file;
        self.what.read(self.file.get()?)
    }

    /// Bytes now, for this process itself: it does not run `exec` while it reads, so the file is
    /// never reopened.
    pub(crate) fn own_bytes(&self) -> Option<u64> {
        self.what.read(self.file.get().ok()?).ok()?
    }

    /// The kernel's high-water mark since the last `exec`, in bytes. `None`: the process has ended.
    pub(crate) fn kernel_peak_bytes(&self) -> Option<u64> {
        let status = fs::read(path_in(&self.folder, "status").ok()?).ok()?;
        sum_of_lines(&status, &["VmHWM:"])
    }
}

fn path_in(folder: &LongLivedFile, name: &str) -> io::Result<String> {
    Ok(format!("/proc/thread-self/fd/{}/{name}", folder.get()?.as_raw_fd()))
}

fn open_in(folder: &LongLivedFile, name: &str) -> io::Result<LongLivedFile> {
    LongLivedFile::new(File::open(path_in(folder, name)?)?)
}

/// `None` if the error means that the process has ended.
fn unless_ended<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// # Errors
/// Permission is denied.
pub(crate) fn memory_of(process: u32, what: Resident) -> io::Result<Option<u64>> {
    let file = unless_ended(File::open(format!("/proc/{process}/{}", what.file())))?;
    file.map_or(Ok(None), |file| what.read(&file))
}

/// Resident pages, the second number. In a zombie all numbers are 0.
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

/// The sum of lines such as `Pss:    123 kB`, in bytes.
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

/// # Errors
/// The process has no such mark to read.
pub(crate) fn kernel_peak_bytes(process: u32) -> io::Result<u64> {
    let status = fs::read(format!("/proc/{process}/status"))?;
    sum_of_lines(&status, &["VmHWM:"]).ok_or_else(|| io::Error::other("no VmHWM in its status"))
}

/// # Errors
/// Permission is denied.
pub(crate) fn reset_kernel_peak() -> io::Result<()> {
    const HIGH_WATER_MARK: &[u8] = b"5";
    fs::write("/proc/self/clear_refs", HIGH_WATER_MARK)
}

/// All running descendants of a process. Those whose parent has ended are missing, since the system
/// has given them another parent.
pub(crate) fn descendants(process: u32) -> Vec<Descendant> {
    let mut found = children(process);
    let mut looked_at = 0;
    while let Some(next) = found.get(looked_at).copied() {
        looked_at += 1;
        for child in children(next.process) {
            // Ids are reused: a process tree that changes while it is read may contain one twice.
            if found.iter().all(|known| known.process != child.process) {
                found.push(child);
            }
        }
    }
    found
}

/// Each thread has a list of the processes it started.
fn children(parent: u32) -> Vec<Descendant> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read(thread.path().join("children")).ok());
    let processes = lists.flat_map(|list| numbers(&list));
    processes.map(|process| Descendant { process, parent }).collect()
}

/// Whether this kernel has these lists (`CONFIG_PROC_CHILDREN`).
pub(crate) fn lists_children() -> bool {
    fs::exists("/proc/thread-self/children").unwrap_or(false)
}

/// Whether a process shares its parent's memory, as between `vfork` and `exec`, so that its memory
/// must not be counted again. `false` where the system does not allow the comparison.
pub(crate) fn shares_memory(Descendant { process, parent }: Descendant) -> bool {
    const KCMP_VM: libc::c_long = 1;
    let [process, parent] = [process, parent].map(libc::c_long::from);
    // SAFETY: plain system call with numbers, which only compares.
    unsafe { libc::syscall(libc::SYS_kcmp, process, parent, KCMP_VM, 0, 0) == 0 }
}

fn numbers(list: &[u8]) -> Vec<u32> {
    let parts = list.split(|byte| *byte == b' ');
    parts
        .filter_map(|part| u32::try_from(number(part)?).ok().filter(|number| *number > 0))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};

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
    fn a_process_has_memory_of_every_kind() {
        // Another process, since other tests of this one allocate and free between two readings.
        let mut child = Command::new("cat");
        let mut child =
            child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        // After its answer its memory no longer changes.
        child.stdin.as_mut().expect("a pipe").write_all(b".").expect("it reads");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("it answers");
        let of = |what| {
            let mut memory = ProcessMemory::open(child.id(), what).expect("it is there");
            memory.bytes().expect("it may be read").expect("it runs")
        };
        let [rss, pss, uss] = [Resident::Rss, Resident::Pss, Resident::Uss].map(of);
        assert!(uss <= pss && pss <= rss + (1 << 20), "{uss} {pss} {rss}");
        assert!(kernel_peak_bytes(child.id()).expect("a mark") >= rss / 2);
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }

    #[test]
    fn this_process_can_read_its_own_memory() {
        let own = std::process::id();
        for what in [Resident::Rss, Resident::Pss, Resident::Uss] {
            let mut memory = ProcessMemory::open(own, what).expect("it is there");
            assert!(memory.bytes().expect("it may be read").expect("it runs") > 0);
        }
        assert!(kernel_peak_bytes(own).expect("a mark") > 0);
    }

    extern "C" fn waits(stop: *mut libc::c_void) -> libc::c_int {
        // SAFETY: points to a variable of the parent that outlives this process.
        let stop = unsafe { &*stop.cast::<AtomicBool>() };
        while !stop.load(Ordering::Acquire) {
            // SAFETY: no arguments.
            unsafe { libc::sched_yield() };
        }
        0
    }

    /// Like `vfork`, except that the parent continues.
    #[test]
    fn a_child_that_shares_memory_is_distinguished_from_one_with_its_own() {
        let parent = std::process::id();
        if !shares_memory(Descendant { process: parent, parent }) {
            // A sandbox does not allow comparing processes.
            return;
        }
        let mut other = Command::new("sleep").arg("1000").spawn().expect("start it");
        let mut stack = vec![0_u128; 1 << 12];
        let mut stop = AtomicBool::new(false);
        // SAFETY: the child runs on its own stack, whose end this is, and only reads `stop`.
        let child = unsafe {
            let argument = (&raw mut stop).cast();
            let end = stack.as_mut_ptr_range().end.cast();
            libc::clone(waits, end, libc::CLONE_VM | libc::SIGCHLD, argument)
        };
        let within = Descendant { process: child.cast_unsigned(), parent };
        let is_known = descendants(parent).contains(&within);
        let shares = [within.process, other.id()]
            .map(|process| shares_memory(Descendant { process, parent }));
        stop.store(true, Ordering::Release);
        // SAFETY: a child of this process.
        let ended = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        other.kill().expect("it runs");
        other.wait().expect("it ends");
        assert_eq!((ended, is_known, shares), (child, true, [true, false]));
    }
}
