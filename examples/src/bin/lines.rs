//! Finds the most frequent words in Rust source: `lines [FILE OR FOLDER]…`, by default the sources
//! that cargo has downloaded on this machine. Two functions are measured line by line; the report
//! at exit shows the time and memory of each line.

use std::collections::HashMap;
use std::fs;
use std::io;

use profile_core::{ProfilingAllocator, profile};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::system();

type Counts = HashMap<String, u64>;

fn main() -> io::Result<()> {
    let mut counts = Counts::new();
    for file in examples::files_of_arguments()? {
        // A file that is not text has no words.
        if let Ok(text) = fs::read_to_string(file) {
            count_words(&text, &mut counts);
        }
    }
    for (word, count) in most_frequent(&counts, 10) {
        println!("{count:>9}  {word}");
    }
    Ok(())
}

/// Adds the words of a text.
#[profile(lines)]
fn count_words(text: &str, counts: &mut Counts) {
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        for word in code.split(|letter| !is_part(letter)) {
            if word.is_empty() || word.starts_with(|letter: char| letter.is_ascii_digit()) {
                continue;
            }
            // Allocates a key for every word, known or not.
            let key = word.to_owned();
            *counts.entry(key).or_default() += 1;
        }
    }
}

/// The words with the highest counts.
#[profile(lines)]
fn most_frequent(counts: &Counts, how_many: usize) -> Vec<(&str, u64)> {
    let mut all: Vec<(&str, u64)> =
        counts.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    all.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
    all.truncate(how_many);
    all
}
