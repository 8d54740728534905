//! Export formats of reports: the built-in ones, and a trait for others.

// One file per format, which turns a snapshot into text or a picture and writes that to a writer.
// Nothing here measures anything or knows the destination. A snapshot may come from a file, so
// names and messages are untrusted: all of them pass through `text::safe` before the user sees
// them.

pub(crate) mod advice;
mod axis;
mod binary;
mod block_sizes;
mod canvas;
#[cfg(feature = "compare")]
mod comparison;
mod csv;
mod curves;
mod folded;
mod footnotes;
mod format;
mod github;
mod header_footer;
mod hlog;
mod html;
mod json;
mod layout;
mod lines;
mod list;
mod memory;
mod memory_profiler;
pub(crate) mod mprof;
mod names;
mod order;
pub(crate) mod outputs;
mod page;
mod plot;
mod png;
mod registry;
mod returns;
mod rows;
#[cfg(test)]
mod samples;
mod slowest_calls;
mod sparkline;
mod table;
mod text;
mod tree;
mod walk;
pub(crate) mod warned;

pub(crate) use format::render;
pub use format::{Format, Incomplete, Style};
#[doc(hidden)]
pub use registry::LinkedFormat;
pub(crate) use registry::{DEFAULT, GITHUB};
pub use registry::{format, formats};

#[cfg(test)]
mod tests {
    use std::io;

    use super::registry::format as format_named;
    use super::*;
    use crate::snapshot::Snapshot;

    /// The text formats whose number of lines does not depend on names.
    const ALL: [&str; 8] = ["table", "tree", "json", "csv", "folded", "mprof", "svg", "github"];

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
            for format in ["table", "tree"] {
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
            let style = Style { columns: Some(80), color: true, ..Style::default() };
            let colored = samples::rendered_in(format, &snapshot, &style);
            let bare = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"]
                .iter()
                .fold(colored.clone(), |text, code| text.replace(code, ""));
            assert_eq!(bare, plain);
            assert_eq!(colored != plain, ["table", "tree"].contains(&format));
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
            let format = format_named(format).expect("a format of this build");
            let error = samples::extreme().write(format, &mut Full).expect_err("it is full");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}
