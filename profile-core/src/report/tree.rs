//! The tree: one row per call path, callees below their callers, the most expensive first.

use std::cmp::Reverse;
use std::io;

use super::format::{Format, Style};
use super::layout::{Column, Grid, Name};
use super::page::Page;
use super::rows::{left_out, split};
use super::text::optional;
use super::text::safe_and_short as safe;
use super::walk::{Step, walk};
use super::{header_footer, memory, names};
use crate::options::Top;
use crate::snapshot::{PathNode, Snapshot};
use crate::units;

pub(crate) struct Tree;

impl Format for Tree {
    fn name(&self) -> &'static str {
        "tree"
    }

    fn description(&self) -> &'static str {
        "one row per call path"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn media_type(&self) -> &'static str {
        "text/plain"
    }

    fn write(&self, snapshot: &Snapshot, style: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        page(snapshot, style).write(style.color, to)
    }
}

fn page(snapshot: &Snapshot, style: &Style) -> Page {
    let snapshot = &names::shortened(snapshot);
    let mut page = Page::new(style.columns);
    header_footer::head(snapshot, &mut page);
    if snapshot.call_tree.is_empty() && snapshot.functions.is_empty() {
        header_footer::nothing_called(snapshot, &mut page);
    } else {
        rows(snapshot, style, &mut page);
    }
    memory::section(snapshot, &mut page);
    header_footer::foot(snapshot, style.top, &mut page);
    page
}

/// The rows of the tree and their footnotes.
pub(super) fn rows(snapshot: &Snapshot, style: &Style, page: &mut Page) {
    let deepest = deepest_indent(style.columns);
    let whole = header_footer::whole(snapshot);
    let (paths, rest) = largest(&snapshot.call_tree, style.top, whole);
    let steps =
        walk(&paths, |a, b| b.inclusive_ns.cmp(&a.inclusive_ns).then_with(|| a.path.cmp(&b.path)));
    page.table(grid(&steps, snapshot, deepest));
    left_out("call path", rest.into_iter(), whole, page);
    if steps.iter().any(|step| step.depth > deepest) {
        page.dim(&format!("[{}]: call depth; deeper rows are not indented further", deepest + 1));
    }
    page.dim(header_footer::PER_CENT);
}

/// The paths to show, and the exclusive times of the others. Callers of a path that is shown are
/// added: usually they take at least as long, but not for spawned work.
fn largest(nodes: &[PathNode], top: Top, whole_ns: u64) -> (Vec<PathNode>, Vec<u64>) {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    crate::sort::by_key(&mut order, |index| Reverse(nodes[*index].inclusive_ns));
    let (shown, _) = split(&order, |index| nodes[index].inclusive_ns, top, whole_ns);
    let mut is_shown = vec![false; nodes.len()];
    for index in shown {
        let mut next = Some(index);
        while let Some(index) = next.filter(|index| !is_shown[*index]) {
            is_shown[index] = true;
            next = nodes[index].parent.filter(|parent| *parent < index);
        }
    }
    let (mut paths, mut rest) = (Vec::new(), Vec::new());
    let mut new_index = vec![0; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        if is_shown[index] {
            new_index[index] = paths.len();
            let parent = node.parent.filter(|parent| *parent < index);
            paths.push(PathNode { parent: parent.map(|it| new_index[it]), ..node.clone() });
        } else {
            rest.push(node.exclusive_ns);
        }
    }
    (paths, rest)
}

/// The deepest level that is still indented, by two columns per level, in at most a third of the
/// line.
fn deepest_indent(columns: Option<u16>) -> usize {
    const WITHOUT_LIMIT: usize = 30;
    columns.map_or(WITHOUT_LIMIT, |columns| usize::from(columns) / 6).clamp(3, WITHOUT_LIMIT)
}

fn grid(steps: &[Step<'_>], snapshot: &Snapshot, deepest: usize) -> Grid {
    let column = |head: &str, importance, cell: &dyn Fn(&PathNode) -> String| {
        Column::new(head.to_owned(), importance, steps.iter().map(|step| cell(step.node)).collect())
    };
    let share = |node: &PathNode| units::share(node.inclusive_ns, header_footer::whole(snapshot));
    let mut columns = vec![
        column("total", 100, &|node| units::duration(node.inclusive_ns)),
        column("%", 60, &|node| {
            share(node).map_or_else(|| units::NONE.to_owned(), units::per_cent)
        }),
        column("self", 90, &|node| units::duration(node.exclusive_ns)),
        column("calls", 80, &|node| units::count(node.calls)),
    ];
    if snapshot.process.allocator {
        columns.push(column("self\nallocations", 40, &|node| {
            optional(node.exclusive_allocations, units::count)
        }));
        columns.push(column("self\nbytes", 50, &|node| {
            optional(node.exclusive_allocated_bytes, units::bytes)
        }));
    }
    Grid { head: "call path", names: names(steps, deepest), columns }
}

fn names(steps: &[Step<'_>], deepest: usize) -> Vec<Name> {
    // For each level above the row, whether its vertical line continues.
    let mut guides: Vec<bool> = Vec::new();
    let mut names = Vec::with_capacity(steps.len());
    for step in steps {
        guides.truncate(step.depth);
        names.push(Name {
            indent: indent(&guides, step, deepest),
            path: safe(&step.node.path).into_owned(),
            marks: String::new(),
        });
        guides.push(!step.last);
    }
    names
}

/// The vertical lines and the branch to this row. A root has neither. Below the deepest level the
/// depth is printed as a number.
fn indent(guides: &[bool], step: &Step<'_>, deepest: usize) -> String {
    let guide = |continues: &bool| if *continues { "│ " } else { "  " };
    let branch = if step.last { "└ " } else { "├ " };
    match step.depth {
        0 => String::new(),
        depth if depth <= deepest => guides.iter().skip(1).map(guide).chain([branch]).collect(),
        depth => {
            let guides: String = guides.iter().skip(1).take(deepest).map(guide).collect();
            format!("{guides}[{depth}] ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn tree(snapshot: &Snapshot, columns: u16) -> String {
        samples::rendered("tree", snapshot, Some(columns))
    }

    #[test]
    fn the_most_expensive_are_first_below_their_callers() {
        let mut snapshot = samples::ordinary();
        snapshot.process.allocator = false;
        let text = tree(&snapshot, 80);
        let expected = "
call path            total     %    self  calls
───────────────────────────────────────────────
main                22.5 s  99.6  400 ms  1,000
├ Parser::run       21.9 s  96.9  20.9 s  1,000
│ └ parse::peek     1.00 s  4.42  1.00 s  1,000
├ fetch             100 ms  0.44  100 ms  1,000
└ report::to_table  100 ms  0.44  100 ms  1,000
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn paths_that_end_alike_are_shown_with_their_modules() {
        let mut snapshot = samples::ordinary();
        snapshot.call_tree[3].path = "survey::lex::Parser::run".to_owned();
        let text = tree(&snapshot, 120);
        assert!(text.contains("├ parse::Parser::run "), "{text}");
        assert!(text.contains("│ └ lex::Parser::run "), "{text}");
        assert!(text.contains("└ report::to_table "), "{text}");
    }

    #[test]
    fn a_deep_tree_stays_narrow_and_says_how_deep() {
        let node = |index: usize| PathNode {
            path: format!("deep::f{index}"),
            parent: index.checked_sub(1),
            ..PathNode::default()
        };
        let snapshot =
            Snapshot { call_tree: (0..5_000).map(node).collect(), ..Snapshot::default() };
        for columns in [Some(60), None] {
            let text = samples::rendered("tree", &snapshot, columns);
            assert!(text.contains("[4999] f4999 "), "{columns:?}");
            assert!(text.contains(": call depth; deeper rows are not indented further"));
            let widest = text.lines().map(super::super::text::width).max();
            assert!(widest <= Some(columns.map_or(180, usize::from)), "{widest:?}");
        }
    }
}
