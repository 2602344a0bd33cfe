//! Parts of the comparison with the reference.

pub mod compare;
pub mod known;
pub mod oracle;
pub mod shrink;
