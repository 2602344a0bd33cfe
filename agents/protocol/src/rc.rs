//! Exit codes of the Open Cluster Framework, into which every class is translated.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An exit code in OCF terms (`rc-code` in the status section).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rc(pub i32);

impl Rc {
    pub const OK: Self = Self(0);
    pub const ERROR: Self = Self(1);
    pub const INVALID_PARAMETER: Self = Self(2);
    pub const UNIMPLEMENTED: Self = Self(3);
    pub const INSUFFICIENT_PRIVILEGES: Self = Self(4);
    pub const NOT_INSTALLED: Self = Self(5);
    pub const NOT_CONFIGURED: Self = Self(6);
    pub const NOT_RUNNING: Self = Self(7);
    pub const RUNNING_PROMOTED: Self = Self(8);
    pub const FAILED_PROMOTED: Self = Self(9);
    pub const DEGRADED: Self = Self(190);
    pub const DEGRADED_PROMOTED: Self = Self(191);
    /// No result yet.
    pub const UNKNOWN: Self = Self(193);

    /// The exit code of an OCF agent: numbers outside the standard are an unspecified error.
    #[must_use]
    pub fn from_exit(code: i32) -> Self {
        match code {
            0..=9 | 190 | 191 => Self(code),
            _ => Self::ERROR,
        }
    }

    /// What the old tools print for it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self.0 {
            0 => "ok",
            1 => "error",
            2 => "invalid parameter",
            3 => "unimplemented feature",
            4 => "insufficient privileges",
            5 => "not installed",
            6 => "not configured",
            7 => "not running",
            8 => "promoted",
            9 => "promoted (failed)",
            190 => "degraded",
            191 => "promoted (degraded)",
            193 => "unknown",
            _ => "unknown error",
        }
    }
}

impl fmt::Display for Rc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.0)
    }
}
