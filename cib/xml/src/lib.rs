//! Order-preserving XML tree, reader, writer, XPath subset, diff and patch.
