//! Traverses the call tree, for formats that write it from the root.

use std::cmp::Ordering;

use crate::snapshot::PathNode;

/// A node of the call tree during a traversal.
pub(crate) struct Step<'a> {
    pub(crate) node: &'a PathNode,
    /// Number of its ancestors.
    pub(crate) depth: usize,
    /// Whether it is the last child of its caller.
    pub(crate) last: bool,
}

/// The call tree in depth-first order, siblings in the given order. Not recursive, since paths may
/// be deep. A node whose parent does not precede it (in a damaged file) counts as a root, so there
/// are no cycles.
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
    let mut stack = Vec::new();
    let push_reversed = |mut siblings: Vec<usize>, depth, stack: &mut Vec<(usize, usize, bool)>| {
        crate::sort::by(&mut siblings, |a, b| order(&nodes[*a], &nodes[*b]));
        // Reversed, since the last one pushed is visited first.
        siblings.reverse();
        let lasts = std::iter::once(true).chain(std::iter::repeat(false));
        stack.extend(siblings.into_iter().zip(lasts).map(|(index, last)| (index, depth, last)));
    };
    push_reversed(roots, 0, &mut stack);
    while let Some((index, depth, last)) = stack.pop() {
        steps.push(Step { node: &nodes[index], depth, last });
        push_reversed(std::mem::take(&mut children[index]), depth + 1, &mut stack);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_visits_every_node_once_even_if_parents_are_wrong() {
        let node = |parent| PathNode { parent, ..PathNode::default() };
        let nodes = [node(Some(0)), node(Some(2)), node(Some(1)), node(Some(9)), node(Some(0))];
        let steps = walk(&nodes, |_, _| Ordering::Equal);
        let depths: Vec<usize> = steps.iter().map(|step| step.depth).collect();
        assert_eq!(depths, [0, 1, 0, 1, 0]);
        assert_eq!(steps.iter().filter(|step| step.last).count(), 3);
    }
}
