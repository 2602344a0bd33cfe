//! The exit statuses of the old tools: numbers, names and words that callers and tests know.

/// Exit statuses by meaning. Numbers are part of the interface.
pub const OK: i32 = 0;
pub const ERROR: i32 = 1;
pub const INVALID_PARAMETER: i32 = 2;
pub const UNIMPLEMENTED: i32 = 3;
pub const INSUFFICIENT_PRIVILEGES: i32 = 4;
pub const USAGE: i32 = 64;
pub const BAD_DATA: i32 = 65;
pub const NO_INPUT: i32 = 66;
pub const NO_HOST: i32 = 68;
pub const UNAVAILABLE: i32 = 69;
pub const SOFTWARE: i32 = 70;
pub const SYSTEM: i32 = 71;
pub const CANNOT_CREATE: i32 = 73;
pub const IO: i32 = 74;
pub const PROTOCOL: i32 = 76;
pub const CONFIGURATION: i32 = 78;
pub const DISCONNECTED: i32 = 102;
pub const OLD: i32 = 103;
pub const DIGEST: i32 = 104;
pub const NO_SUCH: i32 = 105;
pub const QUORUM: i32 = 106;
pub const UNSAFE: i32 = 107;
pub const EXISTS: i32 = 108;
pub const MULTIPLE: i32 = 109;
pub const EXPIRED: i32 = 110;
pub const NOT_YET: i32 = 111;
pub const INDETERMINATE: i32 = 112;
pub const UNSATISFIED: i32 = 113;
pub const TIMEOUT: i32 = 124;

/// Number, name, words.
pub const TABLE: &[(i32, &str, &str)] = &[
    (0, "CRM_EX_OK", "OK"),
    (1, "CRM_EX_ERROR", "Error occurred"),
    (2, "CRM_EX_INVALID_PARAM", "Invalid parameter"),
    (3, "CRM_EX_UNIMPLEMENT_FEATURE", "Unimplemented"),
    (4, "CRM_EX_INSUFFICIENT_PRIV", "Insufficient privileges"),
    (5, "CRM_EX_NOT_INSTALLED", "Not installed"),
    (6, "CRM_EX_NOT_CONFIGURED", "Not configured"),
    (7, "CRM_EX_NOT_RUNNING", "Not running"),
    (8, "CRM_EX_PROMOTED", "Promoted"),
    (9, "CRM_EX_FAILED_PROMOTED", "Failed in promoted role"),
    (64, "CRM_EX_USAGE", "Incorrect usage"),
    (65, "CRM_EX_DATAERR", "Invalid data given"),
    (66, "CRM_EX_NOINPUT", "Input file not available"),
    (67, "CRM_EX_NOUSER", "User does not exist"),
    (68, "CRM_EX_NOHOST", "Host does not exist"),
    (69, "CRM_EX_UNAVAILABLE", "Necessary service unavailable"),
    (70, "CRM_EX_SOFTWARE", "Internal software bug"),
    (71, "CRM_EX_OSERR", "Operating system error occurred"),
    (72, "CRM_EX_OSFILE", "System file not available"),
    (73, "CRM_EX_CANTCREAT", "Cannot create output file"),
    (74, "CRM_EX_IOERR", "I/O error occurred"),
    (75, "CRM_EX_TEMPFAIL", "Temporary failure, try again"),
    (76, "CRM_EX_PROTOCOL", "Protocol violated"),
    (77, "CRM_EX_NOPERM", "Insufficient privileges"),
    (78, "CRM_EX_CONFIG", "Invalid configuration"),
    (100, "CRM_EX_FATAL", "Fatal error occurred, will not respawn"),
    (101, "CRM_EX_PANIC", "System panic required"),
    (102, "CRM_EX_DISCONNECT", "Not connected"),
    (103, "CRM_EX_OLD", "Update was older than existing configuration"),
    (104, "CRM_EX_DIGEST", "Digest mismatch"),
    (105, "CRM_EX_NOSUCH", "No such object"),
    (106, "CRM_EX_QUORUM", "Quorum required"),
    (107, "CRM_EX_UNSAFE", "Operation not safe"),
    (108, "CRM_EX_EXISTS", "Requested item already exists"),
    (109, "CRM_EX_MULTIPLE", "Multiple items match request"),
    (110, "CRM_EX_EXPIRED", "Requested item has expired"),
    (111, "CRM_EX_NOT_YET_IN_EFFECT", "Requested item is not yet in effect"),
    (112, "CRM_EX_INDETERMINATE", "Could not determine status"),
    (113, "CRM_EX_UNSATISFIED", "Not applicable under current conditions"),
    (114, "CRM_EX_NO_DC", "DC is not yet elected"),
    (124, "CRM_EX_TIMEOUT", "Timeout occurred"),
    (190, "CRM_EX_DEGRADED", "Service is active but might fail soon"),
    (191, "CRM_EX_DEGRADED_PROMOTED", "Service is promoted but might fail soon"),
    (193, "CRM_EX_NONE", "No exit status available"),
    (255, "CRM_EX_UNKNOWN", "Error occurred"),
];

/// The words for an exit status.
pub fn words(status: i32) -> &'static str {
    match TABLE.iter().find(|(number, _, _)| *number == status) {
        Some((_, _, words)) => words,
        None if (129..255).contains(&status) => "Interrupted by signal",
        None => "Unknown exit status",
    }
}

/// The name of an exit status.
pub fn name(status: i32) -> &'static str {
    TABLE.iter().find(|(number, _, _)| *number == status).map_or("CRM_EX_UNKNOWN", |(_, name, _)| name)
}
