//! The one executable: argv[0] or first word selects daemon, tool, stock agent or demo.

fn main() {}
