//! How agents are called: classes, metadata, environment, exit codes.
