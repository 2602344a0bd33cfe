//! Waits for a process and learns what it used: the one call for which the standard library has no safe name.
#![allow(unsafe_code)]

use std::io;

/// What a finished process used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// It ended by itself with status 0.
    pub success: bool,
    /// The most memory it had at one time, in kilobytes.
    pub peak_kb: u64,
    /// Seconds of processor time, in user space and in the kernel.
    pub cpu_seconds: f64,
}

/// Waits for a child of this process, which nobody else may wait for.
///
/// # Errors
/// When there is no such child.
pub fn wait(pid: u32) -> io::Result<Usage> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: all zero bytes are a valid `rusage`, a struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to locals that outlive the call.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    #[allow(clippy::cast_precision_loss)] // seconds and microseconds of one process
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(Usage {
        success: libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        peak_kb: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
    })
}
