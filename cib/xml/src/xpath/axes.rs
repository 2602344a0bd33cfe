//! The nodes that lie in one direction from another, nearest first.
//!
//! Knows document order. Does not know names, and not attributes: these are no nodes of the tree.

use super::Axis;
use crate::document::{Document, NONE, NodeIx};

/// Visits the nodes of an axis that begins at `here`, or at an attribute of `here`: then the element is its parent, and
/// what the element contains is not among what follows (as libxml2 has it).
pub(super) fn visit(
    document: &Document,
    axis: Axis,
    here: u32,
    from_attribute: bool,
    mut offer: impl FnMut(u32),
) {
    let parent = if from_attribute { here } else { document.node(here).parent };
    match axis {
        Axis::Parent => {
            if parent != NONE {
                offer(parent);
            }
        }
        Axis::Ancestor | Axis::AncestorOrSelf => {
            if axis == Axis::AncestorOrSelf && !from_attribute {
                offer(here);
            }
            let mut at = parent;
            while at != NONE {
                offer(at);
                at = document.node(at).parent;
            }
        }
        Axis::Following => {
            let mut next = document.following_skip(here, 0);
            while let Some(node) = next {
                offer(node);
                next = document.following(node, 0);
            }
        }
        Axis::Preceding => {
            let mut earlier = Vec::new();
            let mut next = Some(0);
            while let Some(node) = next.filter(|node| *node != here) {
                earlier.push(node);
                next = document.following(node, 0);
            }
            let mut above = document.node(here).parent;
            for node in earlier.into_iter().rev() {
                if node == above {
                    above = document.node(node).parent;
                } else {
                    offer(node);
                }
            }
        }
        // An attribute has neither children nor siblings.
        _ if from_attribute => {}
        Axis::Itself => offer(here),
        Axis::Child => document.nodes_of(NodeIx(here)).for_each(|node| offer(node.0)),
        Axis::Descendant | Axis::DescendantOrSelf => {
            if axis == Axis::DescendantOrSelf {
                offer(here);
            }
            let mut at = here;
            while let Some(next) = document.following(at, here) {
                offer(next);
                at = next;
            }
        }
        Axis::FollowingSibling | Axis::PrecedingSibling => {
            let forward = axis == Axis::FollowingSibling;
            let beside = |at: u32| if forward { document.node(at).next } else { document.node(at).previous };
            let mut at = beside(here);
            while at != NONE {
                offer(at);
                at = beside(at);
            }
        }
        Axis::Attribute => {}
    }
}
