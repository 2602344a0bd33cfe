//! What can be wrong with XML text, and the limits a reader enforces.

use thiserror::Error;

/// Bounds on what a reader accepts, so that a hostile or broken file cannot exhaust memory or stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub document_bytes: usize,
    /// Elements inside elements.
    pub depth: usize,
    /// Bytes of one attribute value.
    pub attribute_bytes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Elements, comments, texts and processing instructions together.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            document_bytes: 256 << 20,
            depth: 255,
            attribute_bytes: 1 << 20,
            attributes: 1024,
            nodes: 16 << 20,
        }
    }
}

/// Why a text is not an acceptable XML document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    #[error("the document is empty, expected an element")]
    Empty,
    #[error("the text is not valid UTF-8")]
    NotUtf8,
    #[error(
        "encoding {0:?} is not supported, expected UTF-8; convert the text, as with iconv -t UTF-8, and leave the encoding out"
    )]
    Encoding(String),
    #[error("DOCTYPE is not allowed")]
    Doctype,
    #[error("unknown entity &{0};, expected one of &lt; &gt; &amp; &quot; &apos; or a character number")]
    Entity(String),
    #[error("character {0} is not allowed in XML")]
    Character(String),
    #[error("end of text, expected {0}")]
    UnexpectedEnd(&'static str),
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("</{found}> does not close <{open}> of line {line}")]
    Mismatch { open: String, found: String, line: u32 },
    #[error("<{open}> of line {line} is never closed")]
    Unclosed { open: String, line: u32 },
    #[error("</{0}> closes nothing")]
    StrayEnd(String),
    #[error("attribute {0} appears twice in one element")]
    DuplicateAttribute(String),
    #[error("a document has exactly one root element, <{0}> is a second one")]
    SecondRoot(String),
    #[error("text outside the root element")]
    TextOutsideRoot,
    #[error("elements are nested deeper than {0}")]
    TooDeep(usize),
    #[error("the document has more than {0} bytes")]
    TooLarge(usize),
    #[error("an attribute value has more than {0} bytes")]
    AttributeTooLarge(usize),
    #[error("an element has more than {0} attributes")]
    TooManyAttributes(usize),
    #[error("the document has more than {0} nodes")]
    TooManyNodes(usize),
}

/// A refusal with its place. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {kind}{}", excerpt_suffix(excerpt))]
pub struct ParseError {
    pub kind: ParseErrorKind,
    pub line: u32,
    pub column: u32,
    /// Byte offset of the place.
    pub offset: usize,
    /// The text at the place, at most forty characters of one line.
    pub excerpt: String,
}

impl ParseError {
    pub(crate) fn at(bytes: &[u8], offset: usize, kind: ParseErrorKind) -> ParseError {
        let offset = offset.min(bytes.len());
        let before = &bytes[..offset];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() as u32 + 1;
        let rest = &bytes[offset..bytes.len().min(offset + 200)];
        let excerpt = String::from_utf8_lossy(rest)
            .chars()
            .take_while(|c| *c != '\n' && *c != '\r')
            .take(40)
            .collect::<String>();
        ParseError { kind, line, column, offset, excerpt }
    }
}

fn excerpt_suffix(excerpt: &str) -> String {
    if excerpt.is_empty() { String::new() } else { format!(", at {excerpt:?}") }
}
