//! Timings: plans every file of a folder, again and again. Shows nothing but seconds.

use super::cli::Args;
use super::{Clock, Output, Part, Stop, facts, input};
use holdfast_scheduler::schedule::{Settings, schedule_facts};
use std::path::Path;
use std::time::Instant;

const NO_INPUT: i32 = 66;

/// Plans all `*.xml` files of the folder, in order of their names.
pub(super) fn run(args: &Args, folder: &Path, output: &mut Output) -> Result<i32, Stop> {
    let cannot =
        |error: std::io::Error| Stop::new(NO_INPUT, format!("cannot read '{}': {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && path.extension().is_some_and(|extension| extension == "xml") && !hidden {
            files.push(path);
        }
    }
    files.sort();
    let mut timings = Vec::with_capacity(files.len());
    for path in files {
        let name = path.display().to_string();
        let read = input::parse(input::read_file(&name)?, &name)?;
        let begin = Instant::now();
        for _ in 0..args.repeat {
            let time = Clock::new(args.set_datetime.as_deref(), &read.cib)?;
            let now = facts(&read.cib, time.now, true);
            let settings = Settings {
                scores: args.show_scores,
                utilization: args.show_utilization,
                ..Settings::default()
            };
            std::hint::black_box(schedule_facts(&now, settings));
        }
        timings.push((name, begin.elapsed().as_secs_f64()));
    }
    output.show(&Part::Timings(&timings));
    Ok(super::OK)
}
