//! `a;b;c <exclusive_ns>`: the input of flame graph tools.
//!
//! The tree is traversed with siblings sorted by name, so lines are sorted as the tools expect,
//! without storing all of them (a chain of n calls has n²/2 names). Paths without exclusive time
//! are left out, since a count of 0 draws nothing.

use std::io;

use super::format::{Format, Style};
use super::text;
use super::walk::walk;
use crate::snapshot::Snapshot;

pub(crate) struct Folded;

impl Format for Folded {
    fn name(&self) -> &'static str {
        "folded"
    }

    fn description(&self) -> &'static str {
        "call paths and their self time: what flame graph tools read"
    }

    fn extension(&self) -> &'static str {
        "folded"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, to)
    }
}

fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let mut stack = String::new();
    // The end of each frame in `stack`.
    let mut ends: Vec<usize> = Vec::new();
    for step in walk(&snapshot.call_tree, |a, b| a.path.cmp(&b.path)) {
        ends.truncate(step.depth);
        stack.truncate(ends.last().copied().unwrap_or(0));
        if !stack.is_empty() {
            stack.push(';');
        }
        stack.push_str(&frame(&step.node.path));
        ends.push(stack.len());
        if step.node.exclusive_ns > 0 {
            writeln!(to, "{stack} {}", step.node.exclusive_ns)?;
        }
    }
    Ok(())
}

/// A name as a single frame: without separators, and without a number after the last space, which
/// would be read as a second count.
fn frame(path: &str) -> String {
    let name = text::safe(path).replace(';', ":");
    let name = name.trim();
    match name.rsplit_once(' ') {
        _ if name.is_empty() => "?".to_owned(),
        Some((before, number)) if number.parse::<f64>().is_ok() => format!("{before}_{number}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::snapshot::PathNode;

    #[test]
    fn stacks_are_sorted_and_paths_without_own_time_left_out() {
        assert_eq!(
            samples::rendered("folded", &samples::ordinary(), None),
            "survey::main 400000000\n\
             survey::main;survey::fetch 100000000\n\
             survey::main;survey::parse::Parser::run 20900000000\n\
             survey::main;survey::parse::Parser::run;survey::parse::peek 1000000000\n\
             survey::main;survey::report::to_table 100000000\n"
        );
    }

    #[test]
    fn every_line_reads_back_as_one_stack_and_one_count() {
        for name in samples::HOSTILE {
            let text = samples::rendered("folded", &samples::named(name), None);
            assert_eq!(text.lines().count(), 2, "{name:?}");
            for (line, frames) in text.lines().zip([1, 2]) {
                let (stack, count) = line.rsplit_once(' ').expect("a count");
                assert!(count.parse::<u64>().is_ok(), "{line}");
                assert_eq!(stack.split(';').count(), frames, "{line}");
                let second = stack.rsplit_once(' ').and_then(|(_, word)| word.parse::<f64>().ok());
                assert_eq!(second, None, "{line}");
            }
        }
    }

    #[test]
    fn a_blank_stays() {
        assert_eq!(frame("<A as B>::run"), "<A as B>::run");
        assert_eq!(frame("a;b 17"), "a:b_17");
        assert_eq!(frame(" "), "?");
    }

    #[test]
    fn a_deep_chain_neither_recurses_nor_is_held() {
        let node = |index: usize| PathNode {
            path: "f".to_owned(),
            parent: index.checked_sub(1),
            exclusive_ns: u64::from(index == 99_999),
            ..PathNode::default()
        };
        let snapshot =
            Snapshot { call_tree: (0..100_000).map(node).collect(), ..Snapshot::default() };
        let text = samples::rendered("folded", &snapshot, None);
        assert_eq!(text.len(), 2 * 100_000 + 2);
    }
}
