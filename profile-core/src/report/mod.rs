//! Reports: a [`Snapshot`] and a writer in, text or a picture out. One file per format; units for people
//! only in `units`.
//!
//! Nothing here measures, reads settings or knows where the text goes. Every name and message counts as written by
//! a stranger (a snapshot may come from a file), so it passes `text::safe` before a person sees it.

pub(crate) mod advice;
mod axis;
mod blocks;
mod calls;
mod canvas;
#[cfg(feature = "compare")]
mod comparison;
mod csv;
mod curves;
mod folded;
mod frame;
mod github;
#[cfg(feature = "hlog")]
mod hlog;
mod html;
mod json;
mod layout;
mod lines;
mod marks;
mod memory;
mod memory_profiler;
pub(crate) mod mprof;
mod page;
mod plot;
#[cfg(feature = "png")]
mod png;
mod returns;
#[cfg(test)]
mod samples;
mod sparkline;
mod table;
mod text;
mod tree;
pub(crate) mod warned;

use std::cmp::{Ordering, Reverse};
use std::io;

use crate::settings::{Format, Sort};
use crate::snapshot::{Function, PathNode, Snapshot};
use crate::units;

/// Without the feature settings let nobody ask for it.
#[cfg(not(feature = "png"))]
mod png {
    use super::{Snapshot, io};

    pub(crate) fn write(_: &Snapshot, _: &mut dyn io::Write) -> io::Result<Option<&'static str>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How a report is to look, beside its format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// The terminal's width. `None` where the report goes to a file or a pipe: then no column is dropped and no line
    /// wrapped, since an editor and `less -S` can scroll and a figure left out cannot be brought back.
    pub(crate) columns: Option<u16>,
    /// Whether to write bold and dim.
    pub(crate) color: bool,
    /// Order of the functions in table and CSV.
    pub(crate) sort: Sort,
}

impl Snapshot {
    /// Writes it in a format, as to a file: sorted by total time, no colour, no column left out.
    ///
    /// # Errors
    /// What the writer says.
    ///
    /// ```
    /// let mut csv = Vec::new();
    /// profile_core::capture().write(profile_core::Format::Csv, &mut csv)?;
    /// assert!(csv.starts_with(b"path,"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write(&self, format: Format, to: &mut dyn io::Write) -> io::Result<()> {
        let style = Style { columns: None, color: false, sort: Sort::Total };
        render(format, self, &style, to).map(drop)
    }
}

/// Writes the report, and says what is missing in it, if something is.
///
/// # Errors
/// What the writer says. Some of the report may be written by then.
pub(crate) fn render(
    format: Format,
    snapshot: &Snapshot,
    style: &Style,
    to: &mut dyn io::Write,
) -> io::Result<Option<&'static str>> {
    // The writer may be standard error, where every write is a system call.
    let mut to = io::BufWriter::with_capacity(1 << 16, to);
    let mut missing = None;
    match format {
        Format::Table => table::page(snapshot, style).write(style.color, &mut to)?,
        Format::Tree => tree::page(snapshot, style).write(style.color, &mut to)?,
        Format::Json => json::write(snapshot, &mut to)?,
        Format::Csv => csv::write(snapshot, style.sort, &mut to)?,
        Format::Folded => folded::write(snapshot, &mut to)?,
        Format::Mprof => mprof::write(snapshot, &mut to)?,
        Format::Svg => plot::svg(snapshot, &mut to)?,
        Format::Png => missing = png::write(snapshot, &mut to)?,
        Format::Html => html::write(snapshot, &mut to)?,
        Format::MemoryProfiler => memory_profiler::write(snapshot, &mut to)?,
        #[cfg(feature = "binary")]
        Format::Binary => io::Write::write_all(&mut to, &snapshot.to_bytes())?,
        #[cfg(feature = "hlog")]
        Format::Hlog => hlog::write(snapshot, &mut to)?,
        // Settings let nobody ask for these, but code can name them.
        #[allow(unreachable_patterns, reason = "with every feature there are none")]
        Format::Binary | Format::Hlog => return Err(io::ErrorKind::Unsupported.into()),
        Format::Github => github::write(snapshot, &mut to)?,
    }
    io::Write::flush(&mut to)?;
    Ok(missing)
}

/// The functions in the order asked for, alike ones by path.
fn sorted(functions: &[Function], sort: Sort) -> Vec<&Function> {
    let mut sorted: Vec<&Function> = functions.iter().collect();
    crate::sort::by(&mut sorted, |a, b| order(a, b, sort).then_with(|| a.path.cmp(&b.path)));
    sorted
}

/// Largest first; what was not measured last.
fn order(a: &Function, b: &Function, sort: Sort) -> Ordering {
    fn largest<T: Ord>(a: &Function, b: &Function, key: impl Fn(&Function) -> T) -> Ordering {
        Reverse(key(a)).cmp(&Reverse(key(b)))
    }
    let mean = |function: &Function| function.mean_ns.unwrap_or(-1.0);
    match sort {
        Sort::Total => largest(a, b, |function| function.inclusive_ns),
        Sort::Exclusive => largest(a, b, |function| function.exclusive_ns),
        Sort::Calls => largest(a, b, |function| function.calls),
        Sort::Mean => mean(b).total_cmp(&mean(a)),
        Sort::Max => largest(a, b, |function| function.max_ns),
        Sort::Allocations => largest(a, b, |function| function.allocations),
        Sort::Bytes => largest(a, b, |function| function.allocated_bytes),
        Sort::Name => Ordering::Equal,
    }
}

/// Keys such as `p50` and `p99.9` in the order of their numbers, each once.
fn quantile_keys<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let number = |key: &str| key.trim_start_matches('p').parse().unwrap_or(f64::INFINITY);
    let distinct: std::collections::BTreeSet<&str> = keys.map(String::as_str).collect();
    let mut keys: Vec<&str> = distinct.into_iter().collect();
    crate::sort::by(&mut keys, |a, b| number(a).total_cmp(&number(b)));
    keys
}

/// An entry of the call tree as it is met on a walk from the roots.
struct Step<'a> {
    node: &'a PathNode,
    /// How many callers it has.
    depth: usize,
    /// Whether no other child of its caller follows.
    last: bool,
}

/// The call tree, callers before the called, children in the order given. No recursion: paths may be deep. An entry
/// whose parent does not stand before it (a damaged file) counts as a root, so that there is no cycle.
fn walk(nodes: &[PathNode], order: impl Fn(&PathNode, &PathNode) -> Ordering) -> Vec<Step<'_>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut roots = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let parent = node.parent.filter(|parent| *parent < index);
        parent.map_or(&mut roots, |parent| &mut children[parent]).push(index);
    }
    let mut steps = Vec::with_capacity(nodes.len());
    let mut waiting = Vec::new();
    let put_off = |mut siblings: Vec<usize>, depth, waiting: &mut Vec<(usize, usize, bool)>| {
        crate::sort::by(&mut siblings, |a, b| order(&nodes[*a], &nodes[*b]));
        // A stack: the first is taken from it first, so it has to be put there last.
        siblings.reverse();
        let lasts = std::iter::once(true).chain(std::iter::repeat(false));
        waiting.extend(siblings.into_iter().zip(lasts).map(|(index, last)| (index, depth, last)));
    };
    put_off(roots, 0, &mut waiting);
    while let Some((index, depth, last)) = waiting.pop() {
        steps.push(Step { node: &nodes[index], depth, last });
        put_off(std::mem::take(&mut children[index]), depth + 1, &mut waiting);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that are text.
    const ALL: [Format; 8] = [
        Format::Table,
        Format::Tree,
        Format::Json,
        Format::Csv,
        Format::Folded,
        Format::Mprof,
        Format::Svg,
        Format::Github,
    ];

    #[test]
    fn no_format_lets_a_hostile_name_through() {
        for name in samples::HOSTILE {
            let snapshot = samples::named(name);
            for format in ALL {
                for columns in [None, Some(40), Some(120)] {
                    let text = samples::rendered(format, &snapshot, columns);
                    let bad = text.replace("\r\n", "\n").replace('\n', "");
                    assert!(!bad.contains(text::is_dangerous), "{format:?} {name:?}: {text:?}");
                }
            }
        }
    }

    #[test]
    fn hostile_names_change_no_number_of_lines() {
        for format in ALL {
            let lines =
                |name| samples::rendered(format, &samples::named(name), None).lines().count();
            for name in samples::HOSTILE.iter().filter(|name| name.len() < 100) {
                assert_eq!(lines(name), lines("tame"), "{format:?} {name:?}");
            }
        }
    }

    #[test]
    fn extreme_and_empty_snapshots_are_rendered_without_nan() {
        for snapshot in [Snapshot::default(), samples::extreme(), samples::zero()] {
            for format in ALL {
                for columns in [None, Some(0), Some(1), Some(40), Some(u16::MAX)] {
                    let text = samples::rendered(format, &snapshot, columns);
                    let lower = text.to_lowercase();
                    assert!(
                        !lower.contains("nan") && !lower.contains("inf "),
                        "{format:?}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn table_and_tree_fit_the_terminal() {
        for snapshot in
            [samples::ordinary(), samples::extreme(), samples::named("a::b"), Snapshot::default()]
        {
            for format in [Format::Table, Format::Tree] {
                for columns in [40, 60, 80, 120] {
                    for line in samples::rendered(format, &snapshot, Some(columns)).lines() {
                        assert!(
                            text::width(line) <= usize::from(columns),
                            "{format:?} {columns}: {line}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn colors_change_nothing_but_colors() {
        let snapshot = samples::ordinary();
        for format in ALL {
            let plain = samples::rendered(format, &snapshot, Some(80));
            let style = Style { columns: Some(80), color: true, sort: Sort::Total };
            let mut colored = Vec::new();
            render(format, &snapshot, &style, &mut colored).expect("a vector takes everything");
            let colored = String::from_utf8(colored).expect("text");
            let bare = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"]
                .iter()
                .fold(colored.clone(), |text, code| text.replace(code, ""));
            assert_eq!(bare, plain);
            assert_eq!(colored != plain, matches!(format, Format::Table | Format::Tree));
        }
    }

    #[test]
    fn a_writer_that_fails_is_an_error() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in ALL {
            let style = Style { columns: None, color: false, sort: Sort::Total };
            let error =
                render(format, &samples::extreme(), &style, &mut Full).expect_err("it is full");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }

    #[test]
    fn functions_are_sorted_as_asked_and_what_was_not_measured_is_last() {
        let mut snapshot = samples::ordinary();
        snapshot.functions[0].allocations = None;
        let first = |sort| sorted(&snapshot.functions, sort)[0].path.as_str();
        let last = |sort| sorted(&snapshot.functions, sort).last().expect("some").path.as_str();
        assert_eq!(first(Sort::Total), "survey::main");
        assert_eq!(first(Sort::Exclusive), "survey::parse::Parser::run");
        assert_eq!(first(Sort::Calls), "survey::parse::peek");
        assert_eq!(first(Sort::Name), "survey::fetch");
        assert_eq!(last(Sort::Allocations), "survey::main");
    }

    #[test]
    fn quantiles_are_in_the_order_of_their_numbers() {
        let keys = ["p99.9", "p5", "p100", "odd", "p50", "p5"].map(str::to_owned);
        assert_eq!(quantile_keys(keys.iter()), ["p5", "p50", "p99.9", "p100", "odd"]);
    }

    #[test]
    fn a_walk_meets_every_entry_once_whatever_the_parents_say() {
        let node = |parent| PathNode { parent, ..PathNode::default() };
        let nodes = [node(Some(0)), node(Some(2)), node(Some(1)), node(Some(9)), node(Some(0))];
        let steps = walk(&nodes, |_, _| Ordering::Equal);
        let depths: Vec<usize> = steps.iter().map(|step| step.depth).collect();
        assert_eq!(depths, [0, 1, 0, 1, 0]);
        assert_eq!(steps.iter().filter(|step| step.last).count(), 3);
    }
}
