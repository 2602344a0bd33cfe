//! Draws a plan in the language of Graphviz, as `crm_simulate --save-dotfile` does.
//!
//! Knows colours and line styles. Does not decide what is in the graph.

use crate::schedule::Considered;
use std::fmt::Write;

/// What to draw beside the actions that are executed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Also actions that are optional or belong to unmanaged resources.
    pub all_actions: bool,
    /// Write the number behind every label.
    pub numbers: bool,
}

/// The drawing as text.
#[must_use]
pub fn write(considered: &[Considered], options: Options) -> String {
    let mut out = String::from(" digraph \"g\" {\n");
    let label = |action: &Considered| {
        if options.numbers { format!("{} ({})", action.name, action.id) } else { action.name.clone() }
    };
    let mut drawn = vec![false; considered.len()];
    for (action, drawn) in considered.iter().zip(&mut drawn) {
        let unwanted = !action.graphed && (action.unmanaged || action.optional);
        if unwanted && !options.all_actions {
            continue;
        }
        *drawn = true;
        let (style, color) = match (action.graphed, action.unmanaged, action.optional) {
            (true, _, _) => ("bold", "green"),
            (false, false, true) => ("dashed", "blue"),
            (false, _, _) => ("dashed", "red"),
        };
        let font = match (action.graphed, action.unmanaged, action.pseudo) {
            (false, true, _) => "purple",
            (_, _, true) => "orange",
            (_, _, false) => "black",
        };
        // Writing to a string cannot fail.
        let _ =
            writeln!(out, "\"{}\" [ style={style} color=\"{color}\" fontcolor=\"{font}\"]", label(action));
    }
    for (at, action) in considered.iter().enumerate() {
        for input in &action.inputs {
            if input.dropped && !input.graphed {
                continue;
            }
            let shown = input.graphed || (drawn[input.first] && drawn[at] && !input.load);
            if shown || options.all_actions {
                let style = if input.graphed { "bold" } else { "dashed" };
                let _ = writeln!(
                    out,
                    "\"{}\" -> \"{}\" [ style = {style}]",
                    label(&considered[input.first]),
                    label(action)
                );
            }
        }
    }
    out.push_str("}\n");
    out
}
