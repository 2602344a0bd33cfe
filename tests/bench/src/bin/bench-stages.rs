//! Prints how long each stage of planning takes: `bench-stages FILE...`.

use std::process::ExitCode;
use std::time::Instant;

use holdfast_scheduler::schedule::Settings;
use holdfast_scheduler::{assign, constraints, facts};
use holdfast_xml::{Document, Limits};

fn main() -> ExitCode {
    for file in std::env::args().skip(1) {
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        };
        let mut last = Instant::now();
        let mut lap = |stage: &str| {
            let now = Instant::now();
            println!("{stage:>10} {:9.2} ms", (now - last).as_secs_f64() * 1000.0);
            last = now;
        };
        println!("{file} ({} kB)", text.len() / 1024);
        let document = match Document::parse(&text, &Limits::default()) {
            Ok(document) => document,
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        };
        lap("parse");
        let (cib, _) = holdfast_model::read::cib(&document);
        lap("read");
        let facts = facts::unpack(&cib, cib.header.execution_date.unwrap_or(1_790_000_000));
        lap("unpack");
        let placement = constraints::placement(&facts);
        lap("placement");
        let assignment = assign::assign(&facts, &placement, assign::Wanted::default());
        lap("assign");
        drop(assignment);
        lap("drop");
        let schedule = holdfast_scheduler::schedule::schedule_facts(&facts, Settings::default());
        lap("all passes");
        let mut status = cib.status.clone();
        lap("copy");
        let steps =
            holdfast_scheduler::simulate::execute(&schedule.graph, &facts, &mut status, &[], 1_790_000_000);
        lap("execute");
        drop((steps, status));
        lap("drop");
        drop(schedule);
        lap("drop plan");
        drop(facts);
        lap("drop facts");
        drop(cib);
        lap("drop model");
    }
    ExitCode::SUCCESS
}
