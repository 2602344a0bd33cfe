//! Prints a generated CIB: `bench-cib PRIMITIVES [empty|settled|scattered|node-down] [NODES] [SEED]`.

use std::io::Write;
use std::process::ExitCode;

use holdfast_bench::cib::{Shape, State, generate};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |position: usize, default: usize| match arguments.get(position) {
        Some(text) => text.parse::<usize>().ok(),
        None => Some(default),
    };
    let state = arguments.get(1).map_or(Some(State::Empty), |word| State::parse(word));
    let (Some(primitives), Some(state), Some(nodes), Some(seed)) =
        (number(0, 0), state, number(2, 32), number(3, 1))
    else {
        eprintln!("usage: bench-cib PRIMITIVES [empty|settled|scattered|node-down] [NODES] [SEED]");
        return ExitCode::from(64);
    };
    let shape = Shape { nodes, primitives, state, seed: u64::try_from(seed).unwrap_or(1) };
    let text = generate(&shape).to_string_pretty();
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}
