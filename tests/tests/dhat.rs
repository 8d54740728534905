//! Allocation counts against an independent oracle: DHAT, valgrind's heap profiler, on the same
//! real program.

use std::path::Path;
use std::process::Command;

/// Blocks and bytes allocated, as the program counts them and as DHAT does.
struct Counts {
    own: [u64; 2],
    dhat: [u64; 2],
}

fn counts(rounds: u32) -> Counts {
    let folder =
        std::env::temp_dir().join(format!("profile-dhat-{}-{rounds:03}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder of our own");
    let log = folder.join("log");
    let status = Command::new("valgrind")
        .args(["--tool=dhat", "--dhat-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.display()))
        .arg(env!("CARGO_BIN_EXE_allocating"))
        .arg(format!("{rounds:03}"))
        .env("PROFILE_REPORT", "none")
        .env("PROFILE_RUN_DIR", folder.join("run"))
        .status()
        .expect("valgrind starts");
    assert!(status.success());
    let dhat = dhat_counts(&std::fs::read_to_string(&log).expect("valgrind writes its log"));
    let own = own_counts(&folder.join("run"));
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    Counts { own, dhat }
}

/// Read by this process, so that reading allocates nothing in that one.
fn own_counts(run: &Path) -> [u64; 2] {
    let mut segments = std::fs::read_dir(run).expect("the run's folder");
    let segment = segments.next().expect("a segment").expect("readable");
    let snapshot = profile_core::read_segment(segment.path()).expect("a whole segment");
    let round = snapshot.function("round").expect("it was called");
    [round.allocations.expect("counted"), round.allocated_bytes.expect("counted")]
}

/// From a line such as `==7== Total:     1,234 bytes in 56 blocks`.
fn dhat_counts(log: &str) -> [u64; 2] {
    let line = log.lines().find(|line| line.contains("Total:")).expect("a line of totals");
    let (_, totals) = line.split_once("Total:").expect("found by it");
    let mut numbers =
        totals.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok());
    let (bytes, blocks) = (numbers.next().expect("bytes"), numbers.next().expect("blocks"));
    [blocks, bytes]
}

#[test]
fn allocations_and_bytes_are_those_that_dhat_counts() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: valgrind is not installed, so there is no oracle to compare with");
        return;
    }
    // The difference of two runs is that of the rounds: start and end of the process cancel. So do
    // the lengths of arguments and paths, since all numbers have three digits.
    let (few, many) = (counts(10), counts(110));
    let own = [0, 1].map(|place| many.own[place] - few.own[place]);
    let dhat = [0, 1].map(|place| many.dhat[place] - few.dhat[place]);
    assert_eq!(own, dhat, "[blocks, bytes]");
}
