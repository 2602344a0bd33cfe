//! Pure scheduler: snapshot and time in, transition graph and reasons out.
