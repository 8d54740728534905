//! A page for a browser. It has everything that the table and the tree have, sortable columns, and
//! the source of functions whose lines were recorded, with bars for time and memory.
//!
//! It is one file that loads nothing. Its content security policy allows only the script that
//! sorts, by its hash.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

use super::footnotes::Marks;
use super::format::{Format, Style};
use super::order::sorted;
use super::page::Page;
use super::text::{markup, safe_and_short as safe};
use super::{header_footer, lines, memory, names, table, tree};
use crate::options::{Sort, Top};
use crate::snapshot::{Function, Line, Snapshot};
use crate::units;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" \
content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-wdCXBc5PrT67Bw+tqao5GUTwbcdkcn5AR0Sg/YPdvaU='\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta name=\"color-scheme\" content=\"light dark\">
<style>
:root { --paper: #fff; --ink: #1f2937; --pale: #6b7280; --rule: #e5e7eb; --time: #f59e0b66; --memory: #3b82f666; --hot: #f59e0b; }
@media (prefers-color-scheme: dark) { :root { --paper: #111827; --ink: #e5e7eb; --pale: #9ca3af; --rule: #374151; } }
body { background: var(--paper); color: var(--ink); font: 13px/1.45 system-ui, sans-serif; margin: 1rem; }
h1 { font-size: 1.15rem; margin: 0 0 .5rem; } h2 { font-size: 1rem; margin: 2rem 0 .4rem; }
h2 small, .note { color: var(--pale); font-weight: normal; }
pre.head { color: var(--pale); margin: 0 0 1rem; white-space: pre-wrap; font: inherit; }
pre.text { font: 12px/1.4 ui-monospace, 'DejaVu Sans Mono', monospace; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: right; color: var(--pale); font-weight: 600; position: sticky; top: 0; background: var(--paper); white-space: pre; }
th, td { padding: .05rem .35rem; } td { text-align: right; white-space: nowrap; }
.name, .source { text-align: left; } th.source, td.source { padding-left: 1.2rem; }
.functions td { border-top: 1px solid var(--rule); } .functions th { cursor: pointer; }
.functions td.name { max-width: 22rem; overflow: hidden; text-overflow: ellipsis; } [aria-sort] { color: var(--ink); }
td.source { white-space: pre; font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 13px; tab-size: 4; }
td:first-child.line { color: var(--pale); }
tr[data-hot] td.source, tr[data-hot] td.line { font-weight: 600; }
a { color: inherit; }
</style>
";

/// Sorts the table of functions when the head of a column is clicked. [`HEAD`] has its hash.
const SORT: &str = include_str!("sort.js");

pub(crate) struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn description(&self) -> &'static str {
        "table, tree and source lines as a page for a browser"
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn media_type(&self) -> &'static str {
        "text/html"
    }

    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        write(snapshot, style.sort, to)
    }
}

fn write(snapshot: &Snapshot, sort: Sort, to: &mut dyn io::Write) -> io::Result<()> {
    let snapshot = &names::shortened(snapshot);
    let program = markup(&safe(&snapshot.process.program));
    writeln!(to, "{HEAD}<title>profile of {program}</title></head><body>")?;
    head(snapshot, to)?;
    let functions = sorted(&snapshot.functions, sort);
    let of = by_function(&snapshot.lines);
    if !functions.is_empty() {
        table_of_functions(snapshot, &functions, &of, to)?;
        text(to, |page| table::details(&functions, &functions, None, page))?;
        writeln!(to, "<h2>Call tree</h2>")?;
        text(to, |page| tree::rows(snapshot, &Style::default(), page))?;
    }
    text(to, |page| {
        if functions.is_empty() {
            header_footer::nothing_called(snapshot, page);
        }
        memory::section(snapshot, page);
        header_footer::foot(snapshot, Top::All, page);
    })?;
    for (number, function) in functions.iter().enumerate() {
        if let Some(lines) = of.get(&key(function)) {
            source(number, function, lines, to)?;
        }
    }
    writeln!(to, "<script>{SORT}</script></body></html>")
}

/// A section of the text report, as preformatted text.
fn text(to: &mut dyn io::Write, write: impl FnOnce(&mut Page)) -> io::Result<()> {
    match written(write)?.trim_matches('\n') {
        "" => Ok(()),
        text => writeln!(to, "<pre class=\"text\">{text}</pre>"),
    }
}

/// A section of the text report, escaped.
fn written(write: impl FnOnce(&mut Page)) -> io::Result<String> {
    let mut page = Page::new(None);
    write(&mut page);
    let mut bytes = Vec::new();
    page.write(false, &mut bytes)?;
    Ok(markup(&String::from_utf8_lossy(&bytes)))
}

type Key<'a> = (&'a str, &'a str);

fn key(function: &Function) -> Key<'_> {
    (&function.path, &function.file)
}

fn by_function(lines: &[Line]) -> HashMap<Key<'_>, Vec<&Line>> {
    let mut of: HashMap<Key<'_>, Vec<&Line>> = HashMap::new();
    for line in lines {
        of.entry((&line.path, &line.file)).or_default().push(line);
    }
    of
}

/// The lines above the table, with the first as a heading.
fn head(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let text = written(|page| header_footer::head(snapshot, page))?;
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    writeln!(to, "<h1>{first}</h1>\n<pre class=\"head\">{rest}</pre>")
}

fn table_of_functions(
    snapshot: &Snapshot,
    functions: &[&Function],
    of: &HashMap<Key<'_>, Vec<&Line>>,
    to: &mut dyn io::Write,
) -> io::Result<()> {
    let columns = table::columns(functions, snapshot, Sort::Total);
    let heads: String = columns.iter().map(|it| format!("<th>{}</th>", markup(&it.head))).collect();
    writeln!(to, "<table class=\"functions\"><tr><th class=\"name\">function</th>{heads}</tr>")?;
    let names = table::names(functions, &Marks::for_width(None));
    for (row, (function, name)) in functions.iter().zip(names).enumerate() {
        let [path, marks] = [&name.path, &name.marks].map(|it| markup(it));
        let name = match of.contains_key(&key(function)) {
            true => format!("<a href=\"#f{row}\">{path}</a>{marks}"),
            false => format!("{path}{marks}"),
        };
        let cells: String =
            columns.iter().map(|it| format!("<td>{}</td>", markup(&it.cells[row]))).collect();
        writeln!(to, "<tr><td class=\"name\">{name}</td>{cells}</tr>")?;
    }
    writeln!(to, "</table>")
}

/// The annotated source of one function.
fn source(
    number: usize,
    function: &Function,
    lines: &[&Line],
    to: &mut dyn io::Write,
) -> io::Result<()> {
    let location = markup(&format!("{}:{}", safe(&function.file), function.line));
    let path = markup(&safe(&function.path));
    writeln!(to, "<h2 id=\"f{number}\">{path} <small>{location}</small></h2>")?;
    let whole = Whole::of(lines);
    let mut columns = lines::columns_with_figures(lines);
    // The bars made of characters, which real ones replace here.
    columns.retain(|column| !column.head.is_empty());
    let heads: String = columns.iter().map(|it| format!("<th>{}</th>", markup(it.head))).collect();
    writeln!(to, "<table><tr>{heads}<th class=\"source\">Contents</th></tr>")?;
    for (row, (line, source)) in lines.iter().zip(lines::sources(lines)).enumerate() {
        let mut cells = String::new();
        for column in &columns {
            let class = if column.head == lines::NUMBER { " class=\"line\"" } else { "" };
            let bar = whole.bar(column.head, line);
            let _ = write!(cells, "<td{class}{bar}>{}</td>", markup(&column.cells[row]));
        }
        let heat = whole.heat(line);
        writeln!(to, "<tr{heat}>{cells}<td class=\"source\">{}</td></tr>", markup(&source))?;
    }
    writeln!(to, "</table>")?;
    for note in lines::notes(lines) {
        writeln!(to, "<p class=\"note\">{}</p>", markup(&note))?;
    }
    Ok(())
}

/// Totals over the lines of a function, to which the bars refer.
struct Whole {
    ns: u64,
    bytes: u64,
}

impl Whole {
    fn of(lines: &[&Line]) -> Whole {
        let bytes = lines.iter().filter_map(|line| line.allocated_bytes);
        Whole { ns: lines::time_of(lines), bytes: bytes.fold(0, u64::saturating_add) }
    }

    /// The style of a cell: a bar behind the figure, of its share.
    fn bar(&self, head: &str, line: &Line) -> String {
        let (share, color) = match head {
            lines::SHARE => (line.inclusive_ns.and_then(|ns| units::share(ns, self.ns)), "time"),
            lines::BYTES => {
                (line.allocated_bytes.and_then(|bytes| units::share(bytes, self.bytes)), "memory")
            }
            _ => return String::new(),
        };
        let per_cent = share.unwrap_or(0.0) * 100.0;
        if per_cent < 0.5 {
            return String::new();
        }
        format!(
            " style=\"background:linear-gradient(to right,var(--{color}) {per_cent:.0}%,transparent 0)\""
        )
    }

    fn heat(&self, line: &Line) -> String {
        let share = line.inclusive_ns.and_then(|ns| units::share(ns, self.ns)).unwrap_or(0.0);
        if share < lines::HOT {
            return String::new();
        }
        let strength = share * 30.0;
        format!(
            " data-hot style=\"background:color-mix(in srgb,var(--hot) {strength:.0}%,transparent)\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, HOSTILE};
    use crate::snapshot::{Line, Snapshot};

    fn line(path: &str, number: u32, source: &str) -> Line {
        Line {
            path: path.to_owned(),
            file: "src/main.rs".to_owned(),
            line: number,
            source: source.to_owned(),
            hits: Some(3),
            timed_hits: Some(3),
            inclusive_ns: Some(100 * u64::from(number)),
            allocated_bytes: Some(64),
            ..Line::default()
        }
    }

    fn page(names: [&str; 2]) -> String {
        let mut snapshot = samples::ordinary();
        snapshot.functions.truncate(1);
        snapshot.functions[0].path = names[0].to_owned();
        snapshot.process.program = names[0].to_owned();
        snapshot.lines = vec![line(names[0], 1, names[1]), line(names[0], 2, "b();")];
        samples::rendered("html", &snapshot, None)
    }

    #[test]
    fn a_line_has_its_figures_and_bars_that_show_its_share() {
        let page = page(["a::f", "if a < b {"]);
        assert!(
            page.contains("<a href=\"#f0\">f</a>") && page.contains("<h2 id=\"f0\">"),
            "{page}"
        );
        assert!(page.contains("var(--time) 67%") && page.contains("var(--memory) 50%"), "{page}");
        assert!(page.contains("<td class=\"source\">if a &lt; b {</td>"), "{page}");
        assert!(
            page.matches("<script").count() == 1 && page.contains("default-src 'none'"),
            "{page}"
        );
    }

    /// No name becomes an element or an attribute, or reverses the text.
    #[test]
    fn hostile_names_and_sources_stay_text() {
        let tags = |page: &str| (page.matches('<').count(), page.matches('"').count());
        let plain = tags(&page(["a::f", "b"]));
        for hostile in HOSTILE {
            let page = page([hostile, hostile]);
            assert_eq!(tags(&page), plain, "{hostile:?}");
            assert!(!page.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{hostile:?}");
        }
    }

    #[test]
    fn the_page_has_what_the_text_has() {
        let page = samples::rendered("html", &samples::ordinary(), None);
        for part in [
            "parse::peek ~</td>",
            "report::to_table ± (3 panicked)</td>",
            "fetch async (2 open)</td>",
            "~: too short to be timed well",
            "estimated, with 95 % intervals (1)\n",
            "async function ",
            "│ └ parse::peek ",
            "memory (2)\n",
            "never called (1)\n  report::to_html (src/a.rs:7)",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }

    #[test]
    fn nothing_recorded_and_every_extreme_make_a_page() {
        for snapshot in [Snapshot::default(), samples::extreme()] {
            let page = samples::rendered("html", &snapshot, None);
            assert!(
                page.starts_with("<!doctype html>") && page.ends_with("</script></body></html>\n")
            );
        }
    }
}
