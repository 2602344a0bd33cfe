//! The flat map of keys and values that corosync's programs read: `totem.token (u32) = 1000`.
//!
//! Knows names, types and bounds of keys; not who sets them.

use std::collections::BTreeMap;
use std::fmt;

/// Longest key, as in corosync.
pub const MAX_KEY: usize = 255;
/// Longest value, in bytes.
pub const MAX_VALUE: usize = 65_535;
/// Most keys: what is counted on all links of the largest ring is among them.
pub const MAX_KEYS: usize = 200_000;

/// A typed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    I8(i8),
    U8(u8),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    Float(f32),
    Double(f64),
    Text(String),
    Binary(Vec<u8>),
}

/// Why a key or value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key '{0}' must be 3 to {MAX_KEY} characters of letters, digits and . _ - / :")]
    Name(String),
    #[error("'{value}' is not a value of type {kind}")]
    Value { kind: String, value: String },
    #[error("type '{0}' is not known; use i8 u8 i16 u16 i32 u32 i64 u64 flt dbl str bin")]
    Kind(String),
    #[error("the value is longer than {MAX_VALUE} bytes")]
    TooLong,
    #[error("the map holds {MAX_KEYS} keys already")]
    Full,
    #[error("key '{0}' is read-only")]
    ReadOnly(String),
}

impl Value {
    /// Reads a value of the named type, as `corosync-cmapctl -s KEY TYPE VALUE` takes it.
    ///
    /// # Errors
    /// When the type is unknown or the text is no value of it.
    pub fn parse(kind: &str, text: &str) -> Result<Value, KeyError> {
        fn number<T: std::str::FromStr>(
            kind: &str,
            text: &str,
            make: fn(T) -> Value,
        ) -> Result<Value, KeyError> {
            text.trim()
                .parse()
                .map(make)
                .map_err(|_| KeyError::Value { kind: kind.to_owned(), value: text.to_owned() })
        }
        match kind {
            "i8" => number(kind, text, Value::I8),
            "u8" => number(kind, text, Value::U8),
            "i16" => number(kind, text, Value::I16),
            "u16" => number(kind, text, Value::U16),
            "i32" => number(kind, text, Value::I32),
            "u32" => number(kind, text, Value::U32),
            "i64" => number(kind, text, Value::I64),
            "u64" => number(kind, text, Value::U64),
            "flt" => number(kind, text, Value::Float),
            "dbl" => number(kind, text, Value::Double),
            "str" if text.len() > MAX_VALUE => Err(KeyError::TooLong),
            "str" => Ok(Value::Text(text.to_owned())),
            "bin" if text.chars().count() > MAX_VALUE => Err(KeyError::TooLong),
            // A character a byte, so that any bytes fit into the text of a request.
            "bin" => text
                .chars()
                .map(|c| u8::try_from(c).ok())
                .collect::<Option<Vec<u8>>>()
                .map(Value::Binary)
                .ok_or_else(|| KeyError::Value { kind: kind.to_owned(), value: text.to_owned() }),
            other => Err(KeyError::Kind(other.to_owned())),
        }
    }

    /// The short name of the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::I8(_) => "i8",
            Value::U8(_) => "u8",
            Value::I16(_) => "i16",
            Value::U16(_) => "u16",
            Value::I32(_) => "i32",
            Value::U32(_) => "u32",
            Value::I64(_) => "i64",
            Value::U64(_) => "u64",
            Value::Float(_) => "flt",
            Value::Double(_) => "dbl",
            Value::Text(_) => "str",
            Value::Binary(_) => "bin",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I8(v) => v.fmt(out),
            Value::U8(v) => v.fmt(out),
            Value::I16(v) => v.fmt(out),
            Value::U16(v) => v.fmt(out),
            Value::I32(v) => v.fmt(out),
            Value::U32(v) => v.fmt(out),
            Value::I64(v) => v.fmt(out),
            Value::U64(v) => v.fmt(out),
            Value::Float(v) => write!(out, "{v:.6}"),
            Value::Double(v) => write!(out, "{v:.6}"),
            Value::Text(v) => out.write_str(v),
            Value::Binary(v) if v.is_empty() => out.write_str("*empty*"),
            Value::Binary(v) => v.iter().try_for_each(|byte| match byte {
                b' '..=b'~' if *byte != b'\\' => write!(out, "{}", char::from(*byte)),
                byte => write!(out, "\\x{byte:02X}"),
            }),
        }
    }
}

/// Keys in order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyMap(BTreeMap<String, Value>);

impl KeyMap {
    /// Sets a key.
    ///
    /// # Errors
    /// When the name is not allowed or the map is full.
    pub fn set(&mut self, key: &str, value: Value) -> Result<Option<Value>, KeyError> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b':');
        if !(3..=MAX_KEY).contains(&key.len()) || !key.bytes().all(fine) {
            return Err(KeyError::Name(key.to_owned()));
        }
        if self.0.len() >= MAX_KEYS && !self.0.contains_key(key) {
            return Err(KeyError::Full);
        }
        Ok(self.0.insert(key.to_owned(), value))
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// Keys that begin with `prefix`, in order.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> + 'a {
        self.0
            .range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_str(), value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
