//! The resource and fence agents that ship with Holdfast.
