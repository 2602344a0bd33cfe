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

#[test]
fn reckons() {
    check("//primitive[count(*) + 1 = 2]", "a");
    check("//primitive[position() mod 2 = 1]", "a b");
    check(
        "//*[2 + 3 * 4 - 6 div 2 = 11][-1 < - - 2]",
        "cib configuration resources a a-m a-m-x g b c constraints l",
    );
    check("//nvpair[@value div 2 = .5]", "a-m-x");
    check("/cib[@epoch = 3.0][@epoch - 1 = 2]/@epoch", "cib@epoch");
    check(
        "//*[round(2.5) = 3 and round(-2.5) = -2 and floor(-.5) = -1 and ceiling(.5) = 1]/@epoch",
        "cib@epoch",
    );
    check(
        "//*[sum(//@value) = 1 and string(1 div 0) = 'Infinity' and string(0 div 0) = 'NaN']/@epoch",
        "cib@epoch",
    );
    check("//*[number('1e3') = 1000 or number('+1') = 1 or number('inf') > 0]", "");
    // Text compares as a number; what is none is neither smaller nor larger, nor equal to itself.
    check("//primitive[@id < 1 or @id >= 1 or number(@id) = number(@id)]", "");
}

#[test]
fn takes_text_apart() {
    check("//*[substring(@type, 2, 2) = 'um']", "a");
    check("//*[substring(@type, 0, 3) = 'we' and substring(@type, 3) = 'b']", "b c");
    check("//*[substring-before(@id, '-') = 'a'][substring-after(@id, 'a-') = 'm-x']", "a-m-x");
    check("//*[translate(@type, 'webx', 'WEB') = 'WEB']", "b c");
    check("//*[concat(@class, ':', @type) = 'ocf:Dummy']", "a");
    check("//*[string-length(normalize-space('  a   b ')) = 3]/@epoch", "cib@epoch");
}

#[test]
fn walks_in_every_direction() {
    check("//group/following::*", "constraints l");
    check("//group/preceding::*", "a a-m a-m-x");
    check("//group/preceding::*[1]", "a-m-x");
    check("//nvpair/@name/ancestor::*[2]", "a-m");
    check("//@rsc/preceding::group", "g");
    check("//primitive[preceding::primitive and following::primitive]", "b");
    check("/cib[/ = 'text']/@epoch", "cib@epoch");
}

#[test]
fn compares_sets_with_truth_as_a_whole() {
    check("/cib[(//nothing = false()) and (//primitive = true())]/@epoch", "cib@epoch");
    check("/cib[.5 < true() and '1' >= true()]/@epoch", "cib@epoch");
    check("/cib[1 = 1 < 2]/@epoch", "cib@epoch");
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
    check_refused(
        "//a]",
        "expected the end, /, [, | or an operator at character 4 of \"//a]\" (found \"]\")",
    );
    check_refused(
        "$x",
        "variables have no values here, write the value itself between quotes at character 1 of \"$x\" (found \"$\")",
    );
    check_refused(
        "//a[id('x')]",
        "no DTD says which attributes are ids, write //*[@id='ID'] instead at character 5 of \"//a[id('x')]\" (found \"id\")",
    );
    check_refused(
        "//a/namespace::*",
        "namespaces are not kept, test name() or an attribute instead at character 5 of \"//a/namespace::*\" \
         (found \"namespace\")",
    );
    let error = |expression: &str| Expr::parse(expression).unwrap_err().to_string();
    assert!(
        error("//a/sideways::b")
            .starts_with("there is no such axis, expected one of ancestor, ancestor-or-self,")
    );
    assert!(
        error("//a[matches(@b, 'c')]")
            .starts_with("there is no such function, expected one of boolean, ceiling,")
    );
    check_refused(
        "contains('a')",
        "1 arguments, expected 2 at character 1 of \"contains('a')\" (found \"contains\")",
    );
    check_refused(
        "//a[count('b')]",
        "expected a path, this is a value at character 11 of \"//a[count('b')]\" (found \"'b'\")",
    );
    check_refused(
        "//a | 'b'",
        "expected a path, this is a value at character 7 of \"//a | 'b'\" (found \"'b'\")",
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
    for operator in ["=", "<", "+", "*", " mod "] {
        let chain = format!("a{}", format!("{operator}a").repeat(10_000));
        assert!(
            Expr::parse(&chain).unwrap_err().to_string().starts_with("too many operators in a row"),
            "{operator}"
        );
    }
    assert!(Expr::parse(&format!("{}1", "-".repeat(10_000))).is_err());
    let select = |text: &str| {
        Expr::parse(text).unwrap().select(&document, document.root().ix()).map(|hits| hits.len())
    };
    assert_eq!(select(&format!("//a[1{} = 129]", " + 1".repeat(128))), Ok(1));
    assert_eq!(select(&format!("/a{}", " | /a".repeat(9_000))), Ok(1));
    assert_eq!(select(&format!("//a[@b{}]", " or @b = '1'".repeat(5_000))), Ok(0));
    let nested = |depth: usize| format!("//a[{}1{}]", "1 = 1 < 1 + 2 * -(".repeat(depth), ")".repeat(depth));
    let long = Expr::parse(&format!("//a[{}", "'b' or ".repeat(2_000))).unwrap_err().to_string();
    assert!(long.len() < 400 && long.contains("at character 14005 of "), "{long}");
    assert!(select(&nested(60)).is_ok());
    assert!(Expr::parse(&nested(64)).is_err());
}

proptest! {
    #[test]
    fn no_expression_makes_it_panic(text in "[a-c/@*.\\[\\]()|='\"0-9 !<>:,+\\-and or not mod div]{0,30}") {
        let document = Document::parse_default(CIB).unwrap();
        if let Ok(expr) = Expr::parse(&text) {
            let _ = expr.select(&document, document.root().ix());
        }
    }
}
