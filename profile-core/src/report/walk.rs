//! A walk through the call tree, for the formats that write it from the root.

use std::cmp::Ordering;

use crate::snapshot::PathNode;

/// An entry of the call tree as it is met on a walk from the roots.
pub(crate) struct Step<'a> {
    pub(crate) node: &'a PathNode,
    /// How many callers it has.
    pub(crate) depth: usize,
    /// Whether no other child of its caller follows.
    pub(crate) last: bool,
}

/// The call tree, callers before the called, children in the order given. No recursion: paths may
/// be deep. An entry whose parent does not stand before it (a damaged file) counts as a root, so
/// that there is no cycle.
pub(crate) fn walk(
    nodes: &[PathNode],
    order: impl Fn(&PathNode, &PathNode) -> Ordering,
) -> Vec<Step<'_>> {
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
