//! Reading and writing: what is refused, what survives a round trip.

use holdfast_xml::{Document, Limits};
use proptest::prelude::*;

fn check_round(input: &str, expected: &str) {
    let document = Document::parse_default(input).unwrap();
    assert_eq!(document.to_string_pretty(), expected);
    let again = Document::parse_default(document.to_string_pretty()).unwrap();
    assert_eq!(again.to_string_pretty(), expected);
    let compact = Document::parse_default(document.to_string_compact()).unwrap();
    assert_eq!(compact.to_string_pretty(), expected);
}

#[test]
fn prints_what_it_read() {
    check_round("<cib/>", "<cib/>\n");
    check_round("<?xml version='1.0' encoding=\"UTF-8\"?>\n<cib></cib>\n", "<cib/>\n");
    check_round(
        "<a z='1' b=\"2\"><b/><c x='&lt;&amp;&#10;&quot;'/></a>",
        "<a z=\"1\" b=\"2\">\n  <b/>\n  <c x=\"&lt;&amp;&#x0A;&quot;\"/>\n</a>\n",
    );
    check_round(
        "<!-- x --><a><!--y--><?p q?><b/></a><!--z-->",
        "<!-- x -->\n<a>\n  <!--y-->\n  <?p q?>\n  <b/>\n</a>\n<!--z-->\n",
    );
    check_round("<a>one &amp; <b>two</b></a>", "<a>one &amp; <b>two</b></a>\n");
    check_round("<a><b><![CDATA[<x>]]></b><c/></a>", "<a>\n  <b><![CDATA[<x>]]></b>\n  <c/>\n</a>\n");
    check_round("<a b='1\n2\t3'/>", "<a b=\"1 2 3\"/>\n");
    check_round("<ä ö='€'/>", "<ä ö=\"€\"/>\n");
}

fn check_refused(input: impl AsRef<[u8]>, expected: &str) {
    let error = Document::parse_default(input).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn refuses_with_place_and_text() {
    check_refused("", "line 1, column 1: the document is empty, expected an element");
    check_refused(
        "<a/>\n <b/>",
        "line 2, column 2: a document has exactly one root element, <b> is a second one, at \"<b/>\"",
    );
    check_refused("<a/>text", "line 1, column 5: text outside the root element, at \"text\"");
    check_refused(
        "<a x='1' x='2'/>",
        "line 1, column 10: attribute x appears twice in one element, at \"x='2'/>\"",
    );
    check_refused("<!DOCTYPE a>\n<a/>", "line 1, column 1: DOCTYPE is not allowed, at \"<!DOCTYPE a>\"");
    check_refused("<a>\n  <b>\n</a>", "line 3, column 1: </a> does not close <b> of line 2, at \"</a>\"");
    check_refused("<a>\n<b></b>", "line 2, column 8: <a> of line 1 is never closed");
    check_refused(
        "<a x='&nbsp;'/>",
        "line 1, column 7: unknown entity &nbsp;, expected one of &lt; &gt; &amp; &quot; &apos; or a character number, at \"&nbsp;'/>\"",
    );
    check_refused(b"<a>\n\xff</a>", "line 2, column 1: the text is not valid UTF-8, at \"\u{fffd}</a>\"");
    check_refused("<a x=1/>", "line 1, column 6: expected a value in quotes, at \"1/>\"");
    check_refused("<a x='1'y='2'/>", "line 1, column 9: expected a blank, > or />, at \"y='2'/>\"");
    check_refused("<a>&#0;</a>", "line 1, column 4: character &#0; is not allowed in XML, at \"&#0;</a>\"");
    check_refused(
        "<a>\u{1}</a>",
        "line 1, column 4: character 0x01 is not allowed in XML, at \"\\u{1}</a>\"",
    );
    check_refused("<", "line 1, column 1: end of text, expected an element name, at \"<\"");
    check_refused(
        "<?xml version='1.0' encoding='latin1'?><a/>",
        "line 1, column 1: encoding \"latin1\" is not supported, expected UTF-8; convert the text, as with iconv -t UTF-8, and leave the encoding out, at \"<?xml version='1.0' encoding='latin1'?><\"",
    );
}

#[test]
fn depth_is_bounded_without_recursion() {
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    check_refused(
        &deep,
        "line 1, column 766: elements are nested deeper than 255, at \"<a><a><a><a><a><a><a><a><a><a><a><a><a><\"",
    );
    let limits = Limits { depth: 1_000_000, ..Limits::default() };
    let deep = format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
    let document = Document::parse(&deep, &limits).unwrap();
    assert_eq!(document.root().descendants().count(), 199_999);
    assert_eq!(document.to_string_compact().len(), deep.len() - 3);
    assert_eq!(document.compacted().node_slots(), document.node_slots());
}

#[test]
fn size_limits_hold() {
    let limits =
        Limits { document_bytes: 20, attribute_bytes: 3, attributes: 2, nodes: 3, ..Limits::default() };
    let check = |input: &str, expected: &str| {
        assert_eq!(Document::parse(input, &limits).unwrap_err().kind.to_string(), expected);
    };
    check("<a>123456789012345678</a>", "the document has more than 20 bytes");
    check("<a x='1234'/>", "an attribute value has more than 3 bytes");
    check("<a x='' y='' z=''/>", "an element has more than 2 attributes");
    check("<a><b/><c/><d/></a>", "the document has more than 3 nodes");
}

#[test]
fn cursor_and_ids() {
    let text = "<cib>\n<a id='1'/>\n<b id='2'><c id='1' k='v'/></b></cib>";
    let mut document = Document::parse_default(text).unwrap();
    let c = document.root().child("b").unwrap().child("c").unwrap();
    assert_eq!((c.attr("k"), c.line(), c.xpath()), (Some("v"), 3, "/cib/b[@id='2']/c[@id='1']".to_owned()));
    assert_eq!(document.all_by_id("1").len(), 2);
    let (a, c) = (document.by_id("1").unwrap(), c.ix());
    document.remove(a);
    assert_eq!(document.by_id("1"), Some(c));
    document.set_attr(c, "id", "3");
    assert_eq!((document.by_id("1"), document.by_id("3")), (None, Some(c)));
    let root = document.root().ix();
    let new = document.insert_before(document.by_id("2").unwrap(), "first");
    document.set_attr(new, "id", "9");
    document.move_to(c, root, 1);
    assert_eq!(
        document.to_string_compact(),
        "<cib><first id=\"9\"/><c id=\"3\" k=\"v\"/><b id=\"2\"/></cib>"
    );
    assert_eq!(document.by_id("9"), Some(new));
}

fn tree() -> impl Strategy<Value = String> {
    let attributes = proptest::collection::btree_map("[a-c]{1,2}", "[ -~\n\té€]{0,6}", 0..4);
    let leaf = ("[a-d]", attributes.clone())
        .prop_map(|(name, attributes)| format!("<{name}{}/>", print(&attributes)));
    leaf.prop_recursive(5, 60, 5, move |inner| {
        (
            "[a-d]",
            attributes.clone(),
            proptest::collection::vec(inner, 0..5),
            "(|<!-- x -->|<\\?p q\\?>|t&amp;u)",
        )
            .prop_map(|(name, attributes, children, extra)| {
                format!("<{name}{}>{extra}{}</{name}>", print(&attributes), children.concat())
            })
    })
}

fn print(attributes: &std::collections::BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for (name, value) in attributes {
        out.push_str(&format!(" {name}=\""));
        holdfast_xml::escape_attribute(value, &mut out);
        out.push('"');
    }
    out
}

proptest! {
    #[test]
    fn any_tree_survives_a_round_trip(text in tree()) {
        let document = Document::parse_default(&text).unwrap();
        let pretty = document.to_string_pretty();
        let again = Document::parse_default(&pretty).unwrap();
        prop_assert_eq!(again.to_string_pretty(), pretty);
        prop_assert_eq!(again.to_string_compact(), document.to_string_compact());
        prop_assert_eq!(document.compacted().to_string_compact(), document.to_string_compact());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse_default(&bytes);
    }

    #[test]
    fn no_markup_makes_it_panic(text in "[<>/!?\\[\\]&;#x0-9a-c='\" -]{0,60}") {
        let _ = Document::parse_default(&text);
    }

    #[test]
    fn no_cut_or_changed_byte_makes_it_panic(text in tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        let _ = Document::parse_default(&bytes[..at]);
        bytes[at] = byte;
        let _ = Document::parse_default(&bytes);
    }
}
