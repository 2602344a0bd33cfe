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

/// The local time as log lines carry it: `Nov 21 11:12:51`.
#[must_use]
pub fn local_stamp() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // SAFETY: `time` takes a null pointer, `localtime_r` writes to a value of ours only.
    let broken_down = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut out: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const now, &raw mut out);
        out
    };
    let month =
        usize::try_from(broken_down.tm_mon).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"???");
    format!(
        "{month} {:02} {:02}:{:02}:{:02}",
        broken_down.tm_mday, broken_down.tm_hour, broken_down.tm_min, broken_down.tm_sec
    )
}
