//! XPath: what is selected, what is refused.

use holdfast_xml::Document;
use holdfast_xml::xpath::{Expr, Hit};
use proptest::prelude::*;

const CIB: &str = "<cib epoch='3'><configuration><resources>\
<primitive id='a' class='ocf' type='Dummy'><meta_attributes id='a-m'><nvpair id='a-m-x' name='x' value='1'/></meta_attributes></primitive>\
<group id='g'><primitive id='b' class='lsb' type='web'/><primitive id='c' class='ocf' type='web'>text</primitive></group>\
</resources><constraints><rsc_location id='l' rsc='a'/></constraints></configuration></cib>";

fn check(expression: &str, expected: &str) {
    let document = Document::parse_default(CIB).unwrap();
    let hits = Expr::parse(expression).unwrap().select(&document, document.root().ix()).unwrap();
    let shown: Vec<String> = hits
        .iter()
        .map(|hit| {
            let element = document.element(hit.ix());
            let base = element.id().unwrap_or(element.name()).to_owned();
            match hit {
                Hit::Node(_) => base,
                Hit::Attribute(_, name) => format!("{base}@{name}"),
            }
        })
        .collect();
    assert_eq!(shown.join(" "), expected, "{expression}");
}

#[test]
fn selects() {
    check("/cib", "cib");
    check("/", "");
    check("//primitive", "a b c");
    check("//primitive[1]", "a b");
    check("(//primitive)[1]", "a");
    check("(//primitive)[last()]", "c");
    check("//primitive[@class='ocf' and @type!='web']", "a");
    check("//primitive[@class=\"lsb\" or not(@class='lsb')]", "a b c");
    check("//*[@id='g']/*[2]", "c");
    check("//group/primitive[position()=2]/..", "g");
    check("//nvpair/@value | //rsc_location", "a-m-x@value l");
    check("configuration/constraints/*", "l");
    check("//primitive[starts-with(@type,'we')][contains(@id,'c')]", "c");
    check("//*[name()='group']", "g");
    check("//primitive[text()='text']", "c");
    check("//primitive[.//nvpair[@name='x']]", "a");
    check("//primitive[.//nvpair]/meta_attributes//nvpair[@value>0]", "a-m-x");
    check("//@class", "a@class b@class c@class");
    check("//primitive[count(*)=1]", "a");
    check("//nvpair/ancestor::primitive", "a");
    check("/cib/configuration//primitive[@id=//rsc_location/@rsc]", "a");
    check("/cib/@epoch", "cib@epoch");
    check("//nothing", "");
    check("//primitive[following-sibling::group]", "a");
}

fn check_refused(expression: &str, expected: &str) {
    let document = Document::parse_default(CIB).unwrap();
    let error = Expr::parse(expression).and_then(|e| e.select(&document, document.root().ix())).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn refuses_with_the_place() {
    check_refused(
        "//a[",
        "expected an element name, *, @attribute, . or .. at character 5 of \"//a[\" (the end)",
    );
    check_refused(
        "//a[@b='c]",
        "a closing quote is missing at character 8 of \"//a[@b='c]\" (found \"'c]\")",
    );
    check_refused("//a]", "expected the end, /, [ or | at character 4 of \"//a]\" (found \"]\")");
    check_refused("$x", "variables are not supported at character 1 of \"$x\" (found \"$\")");
    check_refused(
        "//a[id('x')]",
        "this function is not supported at character 5 of \"//a[id('x')]\" (found \"id\")",
    );
    check_refused("count(//a)", "\"count(//a)\" selects a value, expected a path");
    check_refused("", "expected an element name, *, @attribute, . or .. at character 1 of \"\" (the end)");
}

#[test]
fn work_is_bounded() {
    let text = format!("<a>{}</a>", "<b/>".repeat(3000));
    let document = Document::parse_default(text).unwrap();
    let expr = Expr::parse("//b[count(//b[count(//b) > 0]) > 0]").unwrap();
    assert!(
        expr.select(&document, document.root().ix()).unwrap_err().to_string().contains("needs more than")
    );
    assert!(Expr::parse(&"(".repeat(5000)).is_err());
    assert!(Expr::parse(&"a[".repeat(5000)).is_err());
}

proptest! {
    #[test]
    fn no_expression_makes_it_panic(text in "[a-c/@*.\\[\\]()|='\"0-9 !<>:,and or not]{0,30}") {
        let document = Document::parse_default(CIB).unwrap();
        if let Ok(expr) = Expr::parse(&text) {
            let _ = expr.select(&document, document.root().ix());
        }
    }
}
