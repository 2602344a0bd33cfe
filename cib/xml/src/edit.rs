//! Changing a document: attributes, inserting, moving, removing, copying between documents.
//!
//! Removed nodes and overwritten values leave unused space behind; [`Document::compacted`] gives it back.

use crate::document::{Attr, Document, Kind, NONE, Node, NodeIx, Span};

impl Document {
    /// Sets an attribute; a new one is placed last.
    pub fn set_attr(&mut self, ix: NodeIx, name: &str, value: &str) {
        if self.element(ix).attr(name) == Some(value) {
            return;
        }
        let symbol = self.names.intern(name);
        let span = self.store(value);
        let range = self.node(ix.0).attrs;
        let slots = range.start as usize..(range.start + range.len) as usize;
        let existing = slots.clone().find(|at| self.attrs[*at].name == symbol);
        if name == "id" && self.ids.is_built() {
            if let Some(at) = existing {
                let old = self.str(self.attrs[at].value).to_owned();
                self.ids.drop(&old, ix.0);
            }
            self.ids.add(value, ix.0);
        }
        let Some(at) = existing else {
            self.push_attr(ix.0, Attr { name: symbol, value: span });
            return;
        };
        self.garbage += self.attrs[at].value.len as usize;
        self.attrs[at].value = span;
    }

    fn push_attr(&mut self, ix: u32, attr: Attr) {
        let range = self.node(ix).attrs;
        let end = (range.start + range.len) as usize;
        if end != self.attrs.len() {
            let start = self.attrs.len() as u32;
            self.attrs.extend_from_within(range.start as usize..end);
            self.node_mut(ix).attrs = Span { start, len: range.len };
            self.garbage += range.len as usize * size_of::<Attr>();
        }
        self.attrs.push(attr);
        self.node_mut(ix).attrs.len += 1;
    }

    /// Removes an attribute; tells whether it was there.
    pub fn remove_attr(&mut self, ix: NodeIx, name: &str) -> bool {
        let Some(symbol) = self.names.find(name) else { return false };
        let range = self.node(ix.0).attrs;
        let slots = range.start as usize..(range.start + range.len) as usize;
        let Some(at) = slots.clone().find(|at| self.attrs[*at].name == symbol) else { return false };
        if name == "id" && self.ids.is_built() {
            let old = self.str(self.attrs[at].value).to_owned();
            self.ids.drop(&old, ix.0);
        }
        self.garbage += self.attrs[at].value.len as usize + size_of::<Attr>();
        self.attrs.copy_within(at + 1..slots.end, at);
        self.node_mut(ix.0).attrs.len -= 1;
        true
    }

    /// Adds an element as last child.
    pub fn append(&mut self, parent: NodeIx, name: &str) -> NodeIx {
        let new = self.new_element(name, 0);
        self.link_last(parent.0, new);
        NodeIx(new)
    }

    /// Adds an element directly before a sibling.
    pub fn insert_before(&mut self, sibling: NodeIx, name: &str) -> NodeIx {
        let new = self.new_element(name, 0);
        self.link_before(sibling.0, new);
        NodeIx(new)
    }

    /// Adds a comment as last child. `--` inside, which XML forbids, is written as `- -`.
    pub fn append_comment(&mut self, parent: NodeIx, text: &str) -> NodeIx {
        let mut text = text.replace("--", "- -");
        if text.ends_with('-') {
            text.push(' ');
        }
        let new = self.new_content(Kind::Comment, &text, 0);
        self.link_last(parent.0, new);
        NodeIx(new)
    }

    /// Adds text that is written as CDATA. `]]>` inside, which CDATA cannot hold, is split over two sections.
    pub fn append_cdata(&mut self, parent: NodeIx, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find("]]>") {
            let new = self.new_content(Kind::CData, &rest[..at + 2], 0);
            self.link_last(parent.0, new);
            rest = &rest[at + 2..];
        }
        let new = self.new_content(Kind::CData, rest, 0);
        self.link_last(parent.0, new);
    }

    /// Replaces the text directly inside an element; other children stay.
    pub fn set_text(&mut self, ix: NodeIx, text: &str) {
        let old: Vec<NodeIx> =
            self.nodes_of(ix).filter(|one| matches!(self.kind(*one), Kind::Text | Kind::CData)).collect();
        for one in old {
            self.remove(one);
        }
        if !text.is_empty() {
            let new = self.new_content(Kind::Text, text, 0);
            self.link_last(ix.0, new);
        }
    }

    /// Changes the content of a comment, text or processing instruction.
    pub fn set_content(&mut self, ix: NodeIx, text: &str) {
        let span = self.store(text);
        self.garbage += self.node(ix.0).content.len as usize;
        self.node_mut(ix.0).content = span;
    }

    /// Gives an element another name.
    pub fn rename(&mut self, ix: NodeIx, name: &str) {
        let symbol = self.names.intern(name);
        self.node_mut(ix.0).name = symbol;
    }

    /// Takes a node and everything below it out of the document. The root cannot be removed.
    pub fn remove(&mut self, ix: NodeIx) {
        assert!(ix.0 != self.root && ix.0 != 0, "the root of a document cannot be removed");
        self.unlink(ix.0);
        let mut all = vec![ix.0];
        let mut at = ix.0;
        while let Some(next) = self.following(at, ix.0) {
            all.push(next);
            at = next;
        }
        for one in all {
            if self.ids.is_built()
                && self.node(one).kind == Kind::Element
                && let Some(id) = self.element(NodeIx(one)).id()
            {
                let id = id.to_owned();
                self.ids.drop(&id, one);
            }
            self.garbage += size_of::<Node>() + self.node(one).attrs.len as usize * 40;
            self.node_mut(one).kind = Kind::Removed;
        }
    }

    /// Removes all children of any kind.
    pub fn clear(&mut self, ix: NodeIx) {
        let all: Vec<NodeIx> = self.nodes_of(ix).collect();
        for one in all {
            self.remove(one);
        }
    }

    /// Moves a node to a position among the children of `parent`; see [`crate::Element::position`].
    pub fn move_to(&mut self, ix: NodeIx, parent: NodeIx, position: usize) {
        debug_assert!(ix.0 != parent.0);
        self.unlink(ix.0);
        self.link_at(parent.0, ix.0, position);
    }

    /// Copies an element with everything below it from another document and adds it as last child.
    pub fn append_copy(&mut self, parent: NodeIx, other: &Document, other_ix: NodeIx) -> NodeIx {
        let new = self.copy_tree(other, other_ix);
        self.link_last(parent.0, new);
        NodeIx(new)
    }

    /// Copies from another document to a position among the children of `parent`.
    pub fn insert_copy_at(
        &mut self,
        parent: NodeIx,
        position: usize,
        other: &Document,
        other_ix: NodeIx,
    ) -> NodeIx {
        let new = self.copy_tree(other, other_ix);
        self.link_at(parent.0, new, position);
        NodeIx(new)
    }

    /// Replaces a node, at its place, by a copy from another document; works for the root as well.
    pub fn replace_with_copy(&mut self, ix: NodeIx, other: &Document, other_ix: NodeIx) -> NodeIx {
        let new = self.copy_tree(other, other_ix);
        self.link_before(ix.0, new);
        if ix.0 == self.root {
            self.root = new;
        }
        self.remove(ix);
        NodeIx(new)
    }

    /// A document of its own made from one element.
    pub fn from_element(source: crate::Element<'_>) -> Document {
        let mut document = Document::empty();
        let root = document.copy_tree(source.document(), source.ix());
        document.link_last(0, root);
        document.root = root;
        document
    }

    /// The same document without abandoned space. Every [`NodeIx`] of the old one is void.
    pub fn compacted(&self) -> Document {
        let mut document = Document::empty();
        for ix in self.nodes_of(NodeIx(0)) {
            let new = document.copy_tree(self, ix);
            document.link_last(0, new);
            if ix.0 == self.root {
                document.root = new;
            }
        }
        document
    }

    /// Whether more than half of the memory is abandoned space.
    pub fn wants_compaction(&self) -> bool {
        let total =
            self.nodes.len() * size_of::<Node>() + self.attrs.len() * size_of::<Attr>() + self.text.len();
        self.garbage > 1 << 16 && self.garbage * 2 > total
    }

    fn copy_tree(&mut self, other: &Document, top: NodeIx) -> u32 {
        let new_top = self.copy_node(other, top.0);
        let mut pairs = vec![(top.0, new_top)];
        let mut at = top.0;
        while let Some(next) = other.following(at, top.0) {
            let parent = other.node(next).parent;
            while pairs.last().is_some_and(|(old, _)| *old != parent) {
                pairs.pop();
            }
            let new_parent = pairs.last().expect("the parent was copied before its child").1;
            let new = self.copy_node(other, next);
            self.link_last(new_parent, new);
            pairs.push((next, new));
            at = next;
        }
        new_top
    }

    fn copy_node(&mut self, other: &Document, ix: u32) -> u32 {
        let node = other.node(ix);
        let name = self.names.intern(other.names.get(node.name));
        let content = self.store(other.str(node.content));
        let start = self.attrs.len() as u32;
        for attr in other.attr_slice(ix) {
            let name = self.names.intern(other.names.get(attr.name));
            let value = self.store(other.str(attr.value));
            self.attrs.push(Attr { name, value });
        }
        let attrs = Span { start, len: self.attrs.len() as u32 - start };
        let new = self.push_node(Node {
            kind: node.kind,
            name,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            attrs,
            content,
            line: node.line,
        });
        if self.ids.is_built()
            && node.kind == Kind::Element
            && let Some(id) = self.element(NodeIx(new)).id()
        {
            let id = id.to_owned();
            self.ids.add(&id, new);
        }
        new
    }

    pub(crate) fn push_node(&mut self, node: Node) -> u32 {
        let ix =
            u32::try_from(self.nodes.len()).expect("limits keep documents below four thousand million nodes");
        self.nodes.push(node);
        ix
    }

    pub(crate) fn new_element(&mut self, name: &str, line: u32) -> u32 {
        let name = self.names.intern(name);
        let attrs = Span { start: self.attrs.len() as u32, len: 0 };
        self.push_node(Node {
            kind: Kind::Element,
            name,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            attrs,
            content: Span::default(),
            line,
        })
    }

    pub(crate) fn new_content(&mut self, kind: Kind, text: &str, line: u32) -> u32 {
        let content = self.store(text);
        let ix = self.new_element("", line);
        let node = self.node_mut(ix);
        node.kind = kind;
        node.content = content;
        ix
    }

    pub(crate) fn store(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.text.len()).expect("limits keep the text below 4 GiB");
        self.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }

    pub(crate) fn link_last(&mut self, parent: u32, ix: u32) {
        let last = self.node(parent).last_child;
        let node = self.node_mut(ix);
        node.parent = parent;
        node.previous = last;
        node.next = NONE;
        if last == NONE {
            self.node_mut(parent).first_child = ix;
        } else {
            self.node_mut(last).next = ix;
        }
        self.node_mut(parent).last_child = ix;
    }

    fn link_before(&mut self, sibling: u32, ix: u32) {
        let Node { parent, previous, .. } = *self.node(sibling);
        let node = self.node_mut(ix);
        node.parent = parent;
        node.previous = previous;
        node.next = sibling;
        self.node_mut(sibling).previous = ix;
        if previous == NONE {
            self.node_mut(parent).first_child = ix;
        } else {
            self.node_mut(previous).next = ix;
        }
    }

    fn link_at(&mut self, parent: u32, ix: u32, position: usize) {
        let at = self
            .nodes_of(NodeIx(parent))
            .filter(|one| !matches!(self.kind(*one), Kind::Text | Kind::CData))
            .nth(position);
        match at {
            Some(sibling) => self.link_before(sibling.0, ix),
            None => self.link_last(parent, ix),
        }
    }

    fn unlink(&mut self, ix: u32) {
        let Node { parent, previous, next, .. } = *self.node(ix);
        if parent == NONE {
            return;
        }
        if previous == NONE {
            self.node_mut(parent).first_child = next;
        } else {
            self.node_mut(previous).next = next;
        }
        if next == NONE {
            self.node_mut(parent).last_child = previous;
        } else {
            self.node_mut(next).previous = previous;
        }
        let node = self.node_mut(ix);
        node.parent = NONE;
        node.previous = NONE;
        node.next = NONE;
    }
}
