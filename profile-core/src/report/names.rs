//! Short names of functions: `Parser::run`, `<Lexer as Iterator>::next`, `file::parse`.
//!
//! Most of a path such as `pulldown_cmark::firstpass::FirstPass<'_, '_>::parse_block` is the same
//! in all rows of a table, and a narrow table cuts off the part that differs. So a row shows the
//! end of the path, without generic arguments: a method with its type, a function with its module
//! (unless that is the crate), a span with its function. If two paths have the same short name,
//! both names are extended by preceding modules until they differ.

use std::collections::HashMap;

use super::text::segments;
use crate::snapshot::Snapshot;

/// The snapshot with short names instead of paths.
pub(crate) fn shortened(snapshot: &Snapshot) -> Snapshot {
    let names = Names::of(snapshot);
    let mut snapshot = snapshot.clone();
    let rename = |path: &mut String| {
        if let Some(name) = names.0.get(path) {
            path.clone_from(name);
        }
    };
    for function in &mut snapshot.functions {
        rename(&mut function.path);
        let calls = function.slowest.iter_mut().chain(&mut function.most_allocating);
        calls.for_each(|call| rename(&mut call.caller));
    }
    snapshot.call_tree.iter_mut().for_each(|node| rename(&mut node.path));
    snapshot.lines.iter_mut().for_each(|line| rename(&mut line.path));
    snapshot.memory.iter_mut().for_each(|record| rename(&mut record.path));
    snapshot.never_called.iter_mut().for_each(|function| rename(&mut function.path));
    snapshot.advice.iter_mut().for_each(|advice| rename(&mut advice.path));
    snapshot
}

/// The kind of a span in a snapshot.
const SPAN: &str = "span";

/// The short name of a single function.
pub(crate) fn short(path: &str) -> String {
    Parsed::of(path, false).name()
}

/// Short names by path.
struct Names(HashMap<String, String>);

impl Names {
    fn of(snapshot: &Snapshot) -> Names {
        let in_tree = snapshot.call_tree.iter().map(|it| &it.path);
        let never_called = snapshot.never_called.iter().map(|it| &it.path);
        let others = in_tree.chain(never_called).map(|path| (path, Parsed::of(path, false)));
        // Only functions have a kind, so they come last and replace earlier entries.
        let functions = snapshot.functions.iter();
        let functions = functions.map(|it| (&it.path, Parsed::of(&it.path, it.kind == SPAN)));
        Names::distinct(others.chain(functions).collect())
    }

    /// Extends names that several paths share until all differ or are complete.
    fn distinct(mut parsed: HashMap<&String, Parsed>) -> Names {
        loop {
            let mut paths_of: HashMap<String, usize> = HashMap::new();
            for it in parsed.values() {
                *paths_of.entry(it.name()).or_default() += 1;
            }
            let ambiguous = parsed.values_mut().filter(|it| paths_of[&it.name()] > 1);
            if ambiguous.map(Parsed::lengthen).fold(0, |sum, more| sum + usize::from(more)) == 0 {
                break;
            }
        }
        Names(parsed.into_iter().map(|(path, it)| (path.clone(), it.name())).collect())
    }
}

/// The parts of a path. The last `shown` ones are its name.
struct Parsed {
    parts: Vec<String>,
    shown: usize,
}

impl Parsed {
    fn of(path: &str, is_span: bool) -> Parsed {
        let parts: Vec<String> =
            segments(path).into_iter().filter(|it| !it.is_empty()).map(simple).collect();
        let is_type = |part: &String| {
            part.starts_with('<') || part.starts_with(|first: char| first.is_uppercase())
        };
        let own = if is_span { 2 } else { 1 };
        let outer = parts.len().checked_sub(own + 1);
        let is_method = outer.and_then(|index| parts.get(index)).is_some_and(is_type);
        // The first part is the crate, which most functions of a program share.
        let is_in_module = outer.is_some_and(|index| index > 0);
        let shown = own + usize::from(is_method || (is_in_module && !is_span));
        Parsed { shown: shown.min(parts.len()), parts }
    }

    fn name(&self) -> String {
        self.parts[self.parts.len() - self.shown..].join("::")
    }

    /// Shows one more part. Returns whether there was one.
    fn lengthen(&mut self) -> bool {
        let more = self.shown < self.parts.len();
        self.shown += usize::from(more);
        more
    }
}

/// A part without generic arguments: `Tree` for `Tree<_>`, `<Parser as Iterator>` for
/// `<a::Parser<'_> as core::…::Iterator>`.
fn simple(part: &str) -> String {
    let Some(inside) = part.strip_prefix('<').and_then(|part| part.strip_suffix('>')) else {
        // The name of a span may contain any character, including an unclosed bracket.
        let end = part.find('<').filter(|end| *end > 0 && part.ends_with('>'));
        return part[..end.unwrap_or(part.len())].to_owned();
    };
    if let Some(implemented) = inside.strip_prefix("impl ") {
        return last(implemented);
    }
    match inside.split_once(" as ") {
        Some((of, as_what)) => format!("<{} as {}>", last(of), last(as_what)),
        None => last(inside),
    }
}

/// The last name of a type's path, and anything before the path, such as `&mut`.
fn last(of: &str) -> String {
    let (before, path) = match of.rsplit_once(' ') {
        Some((before, path)) if !before.contains('<') => (format!("{before} "), path),
        _ => (String::new(), of),
    };
    let references: String = path.chars().take_while(|letter| *letter == '&').collect();
    let path = &path[references.len()..];
    if path.starts_with(['[', '(']) {
        return format!("{before}{references}{path}");
    }
    let name = segments(path).last().map_or_else(String::new, |name| simple(name));
    format!("{before}{references}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> String {
        Parsed::of(path, false).name()
    }

    #[test]
    fn a_method_has_its_type_and_a_function_its_module() {
        let cases = [
            ("main", "main"),
            ("survey::main", "main"),
            ("survey::file::parse", "file::parse"),
            ("cmark::firstpass::FirstPass<'_, '_>::parse_block", "FirstPass::parse_block"),
            ("cmark::tree::Tree<_>::append", "Tree::append"),
            ("cmark::Lines<alloc::vec::Vec<u8>>::next", "Lines::next"),
            (
                "<cmark::parse::Parser<'_, _> as core::iter::traits::iterator::Iterator>::next",
                "<Parser as Iterator>::next",
            ),
            ("<[u8] as tokei::utils::ext::SliceExt>::trim", "<[u8] as SliceExt>::trim"),
            ("<&mut a::B<C> as core::fmt::Write>::write_str", "<&mut B as Write>::write_str"),
            (
                "cmark::parse::<impl cmark::tree::Tree<cmark::parse::Item>>::append_text",
                "Tree::append_text",
            ),
            ("a::outer::inner", "outer::inner"),
            ("a::run::{{closure}}", "run::{{closure}}"),
        ];
        for (path, expected) in cases {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn a_span_has_its_function() {
        assert_eq!(Parsed::of("a::file::parse::read it", true).name(), "parse::read it");
        assert_eq!(Parsed::of("a::Parser<T>::run::words", true).name(), "Parser::run::words");
        assert_eq!(Parsed::of("a::run::x < 3", true).name(), "run::x < 3");
    }

    #[test]
    fn shared_names_are_extended_until_they_differ() {
        let paths =
            ["a::one::run", "a::two::run", "b::two::run", "a::one::stop"].map(str::to_owned);
        let parsed = paths.iter().map(|path| (path, Parsed::of(path, false))).collect();
        let Names(names) = Names::distinct(parsed);
        let expected = ["one::run", "a::two::run", "b::two::run", "one::stop"];
        assert_eq!(paths.each_ref().map(|path| names[path].as_str()), expected);
    }

    #[test]
    fn two_functions_of_one_path_keep_one_name() {
        let path = "a::run".to_owned();
        let Names(names) = Names::distinct(HashMap::from([(&path, Parsed::of(&path, false))]));
        assert_eq!(names["a::run"], "run");
    }
}
