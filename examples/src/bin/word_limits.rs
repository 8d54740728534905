//! Functions with limits, on real Rust source: `word_limits [FILE OR FOLDER]…`, by default the
//! sources that cargo has downloaded on this machine. A file that takes too long raises a warning,
//! which filters handle:
//!
//! ```sh
//! run() { cargo run --release -p examples --bin word_limits; }
//! run                                                    # shown, and counted in the report
//! PROFILE_WARNINGS=error::TimeLimitWarning run           # such files are rejected
//! PROFILE_WARNINGS=ignore::PerformanceWarning run        # hidden, but counted
//! PROFILE_WARNINGS=error::AllocationLimitWarning PROFILE_EXIT_CODE=3 run; echo $?
//! ```

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use profile_core::warnings::RaisedWarning;
use profile_core::{ProfilingAllocator, memory_usage, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

/// Why the words of a file are not counted.
enum Refused {
    NoText(io::Error),
    TakesTooLong(RaisedWarning),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::NoText(error)
    }
}

impl From<RaisedWarning> for Refused {
    fn from(raised: RaisedWarning) -> Refused {
        Refused::TakesTooLong(raised)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoText(error) => write!(f, "{error}"),
            Refused::TakesTooLong(raised) => write!(f, "{}", raised.0.message),
        }
    }
}

/// Counts the distinct words of a file, in at most 5 ms.
#[profile(warn_above = "5 ms", raise, run(max_depth = 1))]
fn words_in(file: &Path) -> Result<usize, Refused> {
    let text = fs::read_to_string(file)?;
    Ok(different_words(&text))
}

/// Counts the distinct words of a text, in at most 256 KiB.
#[memory_usage(max_peak = "256 KiB")]
fn different_words(text: &str) -> usize {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter)).filter(|word| !word.is_empty());
    words.collect::<HashSet<&str>>().len()
}

fn main() -> io::Result<()> {
    let (mut most, mut counted, mut refused) = ((0, PathBuf::new()), 0_u32, Vec::new());
    for file in examples::files_of_arguments()? {
        match words_in(&file) {
            Ok(words) => {
                counted += 1;
                most = most.max((words, file));
            }
            Err(why) => refused.push((file, why)),
        }
    }
    println!("{counted} files; {} different words at most, in {}", most.0, most.1.display());
    let by_limit = refused.iter().filter(|(_, why)| matches!(why, Refused::TakesTooLong(_)));
    println!("{} refused, {} of them by the limit", refused.len(), by_limit.count());
    for (file, why) in refused.iter().take(3) {
        println!("  {}: {why}", file.display());
    }
    Ok(())
}
