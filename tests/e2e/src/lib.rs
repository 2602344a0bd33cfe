//! The real executable in network namespaces.
