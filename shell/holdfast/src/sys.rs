//! How the process gets its memory: settings of the C library, which have no safe name.
#![allow(unsafe_code)]

/// One heap for all threads, grown in large steps and kept until the end.
///
/// A tool lives for one answer: threads do not compete for memory, and what was given back would be asked for again a
/// moment later. (A thread's own heap grows page by page, with a call of the kernel each time.)
#[cfg(target_env = "gnu")]
pub fn one_heap() {
    const STEP: libc::c_int = 4 << 20;
    const LARGE: libc::c_int = 32 << 20;
    for (setting, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_TOP_PAD, STEP),
        (libc::M_TRIM_THRESHOLD, libc::c_int::MAX),
        (libc::M_MMAP_THRESHOLD, LARGE),
    ] {
        // SAFETY: the call takes two numbers and changes settings of the allocator; a setting that it does not know
        // is refused and stays as it was, which costs time only.
        unsafe { libc::mallopt(setting, value) };
    }
}

/// Other C libraries manage their memory by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn one_heap() {}
