//! The daemon's system calls that need `unsafe`: signal dispositions and what a child gets back before it runs.
//! Knows no cluster; every function is a thin, safe face of one or two calls.
#![allow(unsafe_code)]

/// Gives SIGPIPE its default action back: a program whose reader went away ends silently. (Rust ignores the
/// signal at start-up, which turns `crm_mon | head` into an error message.)
pub fn die_on_closed_pipe() {
    // SAFETY: changing a disposition to a default one has no precondition; done before any thread is started.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
