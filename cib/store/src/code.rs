//! Results by the numbers and words that callers of the old tools know.

/// A result code of the old tools, as far as operations on a document produce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    InvalidArgument,
    NoSuch,
    Exists,
    PermissionDenied,
    OldData,
    PatchFailed,
    SchemaValidation,
    SchemaUnchanged,
    TransformFailed,
    DigestMismatch,
    Corrupt,
    BadInput,
    NotSupported,
    BadPatch,
    NoMessage,
}

impl Code {
    /// What the old tools print for it.
    pub fn text(self) -> &'static str {
        match self {
            Code::InvalidArgument => "Invalid argument",
            Code::NoSuch => "No such device or address",
            Code::Exists => "File exists",
            Code::PermissionDenied => "Permission denied",
            Code::OldData => "Update was older than existing configuration",
            Code::PatchFailed => "Application of update diff failed",
            Code::SchemaValidation => "Update does not conform to the configured schema",
            Code::SchemaUnchanged => "Schema is already the latest available",
            Code::TransformFailed => "Schema transform failed",
            Code::DigestMismatch => "CIB digest does not match",
            Code::Corrupt => "Could not parse on-disk configuration",
            Code::BadInput => "Bad input value provided",
            Code::NotSupported => "Operation not supported",
            Code::BadPatch => "Bad XML patch format",
            Code::NoMessage => "No message of desired type",
        }
    }

    /// The exit status of a tool that fails with it.
    pub fn exit_status(self) -> i32 {
        match self {
            Code::InvalidArgument => 70,
            Code::NoSuch => 105,
            Code::Exists => 108,
            Code::PermissionDenied => 4,
            Code::OldData => 103,
            Code::PatchFailed | Code::SchemaUnchanged => 1,
            Code::SchemaValidation | Code::TransformFailed | Code::Corrupt => 78,
            Code::DigestMismatch => 104,
            Code::BadInput | Code::BadPatch => 65,
            Code::NotSupported => 3,
            Code::NoMessage => 76,
        }
    }

    /// The number in replies of the old programs: a negative system error or a code from 1000 on.
    pub fn number(self) -> i32 {
        match self {
            Code::InvalidArgument => 22,
            Code::NoSuch => 6,
            Code::Exists => 17,
            Code::PermissionDenied => 13,
            Code::NotSupported => 95,
            Code::NoMessage => 42,
            Code::Corrupt => -1007,
            Code::PatchFailed => -1012,
            Code::OldData => -1013,
            Code::TransformFailed => -1014,
            Code::SchemaUnchanged => -1015,
            Code::SchemaValidation => -1016,
            Code::BadInput => -1035,
            Code::BadPatch => -1036,
            Code::DigestMismatch => -1043,
        }
    }
}
