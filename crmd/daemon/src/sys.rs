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

/// Prepares a child process between fork and exec: own process group, ordinary scheduling and priority, default
/// signals, an ordinary score for the kernel's out-of-memory killer. (Memory locks end with exec by themselves.)
pub fn prepare_child(command: &mut tokio::process::Command) {
    // SAFETY: the closure runs in the forked child of a program with several threads, so it only makes calls that are
    // safe in a signal handler: no allocation, no lock.
    unsafe {
        command.pre_exec(|| {
            ordinary_child();
            Ok(())
        });
    }
}

/// As [`prepare_child`], for the guard's own commands.
pub fn prepare_std_child(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: as in `prepare_child`.
    unsafe {
        command.pre_exec(|| {
            ordinary_child();
            Ok(())
        });
    }
}

fn ordinary_child() {
    // SAFETY: plain system calls on values that live on this stack; all are safe in a signal handler. Failures are
    // left alone: a child with an unusual priority is better than none.
    unsafe {
        libc::setpgid(0, 0);
        if libc::sched_getscheduler(0) != libc::SCHED_OTHER {
            let parameters: libc::sched_param = std::mem::zeroed();
            libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        for signal in 1..=31 {
            if signal != libc::SIGKILL && signal != libc::SIGSTOP {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, c"0".as_ptr().cast(), 1);
            libc::close(file);
        }
        libc::umask(0o022);
    }
}

/// Lets a child end at once when this process ends, whatever ends it: a daemon without its guard is no longer safe.
pub fn end_child_with_parent(command: &mut tokio::process::Command) {
    // SAFETY: as in `prepare_child`; `prctl` is a plain system call.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// Driver calls of a watchdog device.
pub mod watchdog {
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd};

    /// `WDIOC_SETTIMEOUT` and `WDIOC_KEEPALIVE` of linux/watchdog.h.
    const SET_TIMEOUT: libc::c_ulong = 0xc004_5706;
    const KEEP_ALIVE: libc::c_ulong = 0x8004_5705;

    /// Sets the time-out in seconds; gives the one that the device chose.
    ///
    /// # Errors
    /// The device refuses.
    pub fn set_timeout(device: BorrowedFd<'_>, seconds: i32) -> io::Result<i32> {
        let mut value: libc::c_int = seconds;
        // SAFETY: the request reads and writes one int, which lives here.
        let result = unsafe { libc::ioctl(device.as_raw_fd(), SET_TIMEOUT as _, &raw mut value) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
    }

    /// Tells the device that all is well.
    ///
    /// # Errors
    /// The device refuses.
    pub fn keep_alive(device: BorrowedFd<'_>) -> io::Result<()> {
        let mut value: libc::c_int = 0;
        // SAFETY: the request writes at most one int, which lives here.
        let result = unsafe { libc::ioctl(device.as_raw_fd(), KEEP_ALIVE as _, &raw mut value) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// A moment (microseconds since the epoch) in local time, written as `strftime` would; `%N` and `%6N` are digits of
/// the second's fraction, as with `date(1)`. At most a kilobyte; a longer text is left out.
#[must_use]
pub fn local_time(format: &str, at: i64) -> String {
    let nanoseconds = format!("{:09}", at.rem_euclid(1_000_000) * 1000);
    let mut expanded = String::with_capacity(format.len() + 8);
    let mut rest = format;
    while let Some(sign) = rest.find('%') {
        expanded.push_str(&rest[..sign]);
        rest = &rest[sign + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if rest[digits..].starts_with('N') {
            let wanted = rest[..digits].parse().unwrap_or(9).clamp(1, 9);
            expanded.push_str(&nanoseconds[..wanted]);
            rest = &rest[digits + 1..];
        } else {
            expanded.push('%');
            let next = rest.chars().next().map_or(0, char::len_utf8);
            expanded.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    expanded.push_str(rest);
    let Ok(pattern) = std::ffi::CString::new(expanded) else { return String::new() };
    let seconds: libc::time_t = at.div_euclid(1_000_000);
    let mut buffer = [0_u8; 1024];
    // SAFETY: both structures are ours and live; `strftime` gets the true length of the buffer and a terminated
    // pattern, and returns how many bytes it wrote.
    let length = unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const seconds, &raw mut parts).is_null() {
            return String::new();
        }
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), pattern.as_ptr(), &raw const parts)
    };
    String::from_utf8_lossy(&buffer[..length.min(1024)]).into_owned()
}
