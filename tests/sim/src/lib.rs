//! N whole nodes in one process on virtual time.
