//! Priority of the calling thread.

use std::io;

fn check(code: libc::c_int) -> io::Result<()> {
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts the calling thread into `SCHED_RR` with the highest priority; its children get ordinary scheduling back.
pub fn round_robin() -> io::Result<()> {
    // SAFETY: asks for a number.
    let highest = unsafe { libc::sched_get_priority_max(libc::SCHED_RR) };
    check(highest)?;
    // SAFETY: all bytes zero is a valid `sched_param`.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = highest;
    // SAFETY: the pointer is to a live structure of the right type; 0 is the calling thread.
    check(unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const parameters)
    })
}

/// Sets the nice value of the calling thread.
pub fn nice(value: i8) -> io::Result<()> {
    // SAFETY: no pointers; on Linux 0 with PRIO_PROCESS is the calling thread.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, libc::c_int::from(value)) })
}

/// Lets timers of the calling thread fire this exactly (nanoseconds; 1 is the best there is).
pub fn timer_slack(nanoseconds: u64) -> io::Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes one integer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds as libc::c_ulong, 0, 0, 0) })
}

/// Local calendar time as `ctime` of C writes it, without the newline: `Sat Nov 21 11:51:38 2026`.
pub fn calendar(seconds: i64) -> String {
    // SAFETY: all bytes zero is a valid `tm`.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types.
    if unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) }.is_null() {
        return format!("@{seconds}");
    }
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = |names: &[&'static str], index: i32| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or("???")
    };
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, parts.tm_wday),
        name(&MONTHS, parts.tm_mon),
        parts.tm_mday,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
        parts.tm_year + 1900
    )
}
