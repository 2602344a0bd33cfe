//! What a file or a command line may hold.

use holdfast_model::duration::{parse_interval_ms, parse_milliseconds};
use holdfast_model::iso8601::{DateTime, Duration};
use holdfast_model::score::Score;
use holdfast_model::status::TransitionKey;
use holdfast_node::config::{Environment, read_bytes};
use holdfast_tools::crm::{grammar, lexer};
use holdfast_tools::haresources2cib::source::Account;
use holdfast_tools::haresources2cib::{authkeys, ha_cf, haresources};
use holdfast_xml::patch::Compare;
use holdfast_xml::xpath::Expr;
use holdfast_xml::{Document, Limits, Patch, diff};

/// `corosync.conf`: every finding lies inside the file, and a refusal has a reason.
pub fn corosync_conf(bytes: &[u8]) {
    let environment =
        Environment { file: "corosync.conf".into(), hostname: "n1".into(), ..Environment::default() };
    let reading = read_bytes(bytes, &environment);
    assert!(reading.conf.is_some() || reading.errors().next().is_some(), "refused without a reason");
    let text = String::from_utf8_lossy(bytes);
    for span in reading.findings.iter().filter_map(|f| f.span) {
        assert!(span.offset + span.length <= text.len(), "a finding behind the end of the file");
    }
}

/// `ha.cf`, `haresources` and `authkeys` with the same content.
pub fn heartbeat(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut account = Account::default();
    let _ = ha_cf::parse("ha.cf", &text, &mut account);
    let _ = haresources::parse("haresources", &text, &mut account);
    let before = account.errors().count();
    let method = authkeys::parse("authkeys", &text, Some(0o100_600), &mut account);
    assert!(method.is_some() || account.errors().count() > before, "refused without a reason");
}

fn limits() -> Limits {
    Limits { document_bytes: 1 << 20, nodes: 20_000, ..Limits::default() }
}

/// A document: what is read is written so that it reads the same.
pub fn cib_xml(bytes: &[u8]) {
    let Ok(document) = Document::parse(bytes, &limits()) else { return };
    let once = document.to_string_compact();
    let again = Document::parse(&once, &limits()).expect("what was written can be read");
    assert_eq!(again.to_string_compact(), once);
    let pretty = document.to_string_pretty();
    Document::parse(&pretty, &limits()).expect("what was written can be read");
    let _ = holdfast_model::read::cib(&document);
}

/// Two documents with a zero byte between them: a patch leads from one to the other, also by way of its XML.
pub fn cib_patch(bytes: &[u8]) {
    let Some(middle) = bytes.iter().position(|b| *b == 0) else { return };
    let (old, new) = (&bytes[..middle], &bytes[middle + 1..]);
    let Ok(new) = Document::parse(new, &limits()) else {
        return;
    };
    if let Ok(patch) = Patch::from_xml(new.root())
        && let Ok(mut document) = Document::parse(old, &limits())
    {
        let _ = patch.apply(&mut document);
    }
    let Ok(old) = Document::parse(old, &limits()) else { return };
    let patch = diff(&old, &new, Compare::AttributeValues);
    let _ = Patch::from_xml(patch.to_xml().root());
}

/// An expression, on a small document.
pub fn xpath(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(expression) = Expr::parse(text) else { return };
    let document = Document::parse_default(
        "<cib epoch=\"1\"><configuration><resources><primitive id=\"a\" class=\"ocf\"><nvpair name=\"x\" \
         value=\"1\"/></primitive><group id=\"g\"><primitive id=\"b\"/></group></resources></configuration></cib>",
    )
    .expect("a document");
    // What takes longer than this on so small a document is cut off here as it would be in the end.
    let _ = expression.select_within(&document, document.root().ix(), 100_000);
}

/// Lines of the crm shell.
pub fn crm_lines(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().take(50) {
        let _ = lexer::continues(line);
        let Ok(words) = lexer::words(line) else { continue };
        if let Some((kind, rest)) = words.split_first() {
            let _ = grammar::parse(kind, rest);
        }
        for word in &words {
            let back = lexer::words(&lexer::quoted(word));
            assert_eq!(back.as_deref().ok(), Some(std::slice::from_ref(word)), "a word that is quoted stays");
        }
    }
}

/// What an agent prints about itself.
pub fn agent_metadata(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = holdfast_agent_protocol::metadata::parse(&text);
}

/// Scores, durations, dates and keys of transitions.
pub fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().take(20) {
        let _ = (Score::parse(line), parse_milliseconds(line), parse_interval_ms(Some(line)));
        let _ = (DateTime::parse(line, 1_790_000_000), Duration::parse(line));
        let _ = (TransitionKey::parse(line), TransitionKey::parse_magic(line));
    }
}
