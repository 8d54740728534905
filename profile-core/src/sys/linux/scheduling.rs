//! How long threads ran, and how long they were runnable and waited for a processor, as counted by
//! the scheduler.
//!
//! `schedstat` covers one thread; `/proc/self/schedstat` covers the first one only
//! (Documentation/scheduler/sched-stats.rst of the kernel). The current wait of a thread is counted
//! when it runs again.

use std::collections::BTreeSet;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;

use super::resident::number;
use crate::sys::Scheduled;

pub(crate) fn scheduled_of_this_thread() -> Option<Scheduled> {
    read("/proc/thread-self/schedstat")
}

pub(crate) fn scheduled_of_first_thread() -> Option<Scheduled> {
    read("/proc/self/schedstat")
}

pub(crate) fn scheduled_of_thread(thread_id: u64) -> Option<Scheduled> {
    read(&format!("/proc/self/task/{thread_id}/schedstat"))
}

/// Opens the file for each reading: a descriptor that stays open could disturb the program.
fn read(path: &str) -> Option<Scheduled> {
    // Three numbers of at most twenty digits.
    let mut text = [0; 64];
    let length = File::open(path).and_then(|file| file.read_at(&mut text, 0)).ok()?;
    schedstat(&text[..length])
}

/// Parses `cpu delay slices`, times in ns.
fn schedstat(text: &[u8]) -> Option<Scheduled> {
    let mut numbers = text.split(|byte| *byte == b' ').map(number);
    Some(Scheduled { cpu_ns: numbers.next()??, delay_ns: numbers.next()?? })
}

/// How often threads of this process, including ended ones, were preempted while runnable.
pub(crate) fn involuntary_switches() -> Option<u64> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: plain system call, valid for the write; its result is read only if it was written.
    let usage = unsafe {
        (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init())
    };
    usage.and_then(|usage| u64::try_from(usage.ru_nivcsw).ok())
}

/// Time since boot during which at least one thread of the machine waited for a processor; `None`
/// if the kernel does not account for it.
pub(crate) fn cpu_pressure_ns() -> Option<u64> {
    let mut text = [0; 256];
    let length = File::open("/proc/pressure/cpu").and_then(|it| it.read_at(&mut text, 0)).ok()?;
    pressure(&text[..length])
}

/// Parses `some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS`, followed by a line `full`.
fn pressure(text: &[u8]) -> Option<u64> {
    let some = text.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"some "))?;
    let total = some.split(|byte| *byte == b' ').find_map(|word| word.strip_prefix(b"total="))?;
    number(total)?.checked_mul(1000)
}

/// Numbers of processors: online, physical cores, and available to this process; 0: unknown.
pub(crate) fn cores() -> [u64; 3] {
    let available = std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64);
    [logical_cores() as u64, physical_cores().unwrap_or(0) as u64, available]
}

/// Processors that are configured and online.
fn logical_cores() -> usize {
    // SAFETY: plain query.
    let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(online).unwrap_or(1)
}

/// Threads of the same core have the same list of siblings. `sysinfo` would provide this too, but
/// adds five seconds to every user's build.
fn physical_cores() -> Option<usize> {
    let mut cores = BTreeSet::new();
    for processor in std::fs::read_dir("/sys/devices/system/cpu").ok()?.flatten() {
        let siblings = processor.path().join("topology/thread_siblings_list");
        cores.extend(std::fs::read(siblings));
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_scheduler_are_read_as_the_kernel_writes_them() {
        let expected = Scheduled { cpu_ns: 12_345, delay_ns: 678 };
        assert_eq!(schedstat(b"12345 678 9\n"), Some(expected));
        assert_eq!(schedstat(b""), None);
        assert_eq!(schedstat(b"12345\n"), None);
        let text = b"some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 total=5\n";
        assert_eq!(pressure(text), Some(77_000));
        assert_eq!(pressure(b"full avg10=0.00 total=5\n"), None);
    }

    #[test]
    fn a_thread_that_works_has_run() {
        let ran = || scheduled_of_this_thread().map(|it| it.cpu_ns);
        let Some(before) = ran() else { return println!("this system has no schedstat") };
        while ran() == Some(before) {
            std::hint::black_box(0);
        }
        let own = scheduled_of_thread(crate::sys::thread_id());
        assert!(own.is_some_and(|own| own.cpu_ns > before), "{own:?}");
    }
}
