//! Texts as ids of a document.
//!
//! Knows which characters an id may have. Does not know which ids are taken.

use holdfast_xml::{is_name_character, is_name_start};

/// Makes a text usable as id: every byte of a character that is not allowed becomes a dot, and a first character that
/// an id may not begin with an underscore (and dots for its further bytes).
pub fn sanitize_id(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for c in text.chars() {
        let first = id.is_empty();
        let fits = if first { is_name_start(c) } else { is_name_character(c) };
        if fits {
            id.push(c);
        } else {
            id.push(if first { '_' } else { '.' });
            id.extend(std::iter::repeat_n('.', c.len_utf8() - 1));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::sanitize_id;

    #[test]
    fn ids() {
        let check = |text, expected| assert_eq!(sanitize_id(text), expected);
        check("web-ip-192.168.122.131", "web-ip-192.168.122.131");
        check("web-ip-fe80::1", "web-ip-fe80::1");
        check("web ip/1", "web.ip.1");
        check("1web", "_web");
        check("w\u{2192}b", "w...b");
        check("\u{2192}", "_..");
    }
}
