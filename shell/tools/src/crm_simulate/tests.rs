//! Transcripts of the simulator on a small cluster.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const CIB: &str = r#"<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.5" admin_epoch="0" epoch="1" num_updates="0"
 have-quorum="1" dc-uuid="1" execution-date="1790000000">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="fencing" name="fencing-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes><node id="1" uname="one"/><node id="2" uname="two"/></nodes>
    <resources>
      <primitive id="db" class="ocf" provider="pacemaker" type="Dummy">
        <operations><op id="db-monitor" name="monitor" interval="10s"/></operations>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="one" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="two" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"#;

static COUNT: AtomicU32 = AtomicU32::new(0);

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("crm-simulate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cib.xml"), CIB).unwrap();
        Scratch(folder)
    }

    /// Runs with arguments separated by spaces; `%` stands for the folder.
    fn run(&self, arguments: &str) -> (i32, String) {
        let folder = self.0.display().to_string();
        let out = format!("{folder}/out");
        let mut words = vec!["crm_simulate".to_owned(), "--output-to".to_owned(), out.clone()];
        words.extend(arguments.split_whitespace().map(|word| word.replace('%', &folder)));
        let status = super::run(words);
        (status, std::fs::read_to_string(out).unwrap_or_default())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The part of a transcript from one title to the next empty line.
fn part<'t>(text: &'t str, title: &str) -> &'t str {
    let start = text.find(title).map_or(text.len(), |at| at + title.len() + 2);
    let rest = text.get(start..).unwrap_or("");
    if rest.starts_with('\n') {
        return "";
    }
    &rest[..rest.find("\n\n").map_or(rest.len(), |end| end + 1)]
}

#[test]
fn a_cold_start() {
    let scratch = Scratch::new();
    let (status, text) = scratch.run("-x %/cib.xml -S");
    assert_eq!(status, 0);
    assert_eq!(part(&text, "Transition Summary"), "  * Start      db      (   one )\n");
    assert_eq!(
        part(&text, "Executing Cluster Transition"),
        "  * Resource action: db              monitor on two\n  \
           * Resource action: db              monitor on one\n  \
           * Resource action: db              start on one\n  \
           * Resource action: db              monitor=10000 on one\n\
         Using the original execution date of: 2026-09-21 14:13:20Z\n"
    );
    assert!(text.ends_with("    * db\t(ocf:pacemaker:Dummy):\t Started one\n"), "{text}");
}

#[test]
fn results_are_the_next_input() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("-x %/cib.xml -S -Q -O %/after.xml").0, 0);
    let (_, text) = scratch.run("-x %/after.xml -S");
    assert_eq!(part(&text, "Transition Summary"), "");
    let (_, text) = scratch.run("-x %/after.xml -S --node-down one");
    assert_eq!(
        part(&text, "Performing Requested Modifications"),
        "  * Taking node one offline\nUsing the original execution date of: 2026-09-21 14:13:20Z\n"
    );
    assert_eq!(part(&text, "Transition Summary"), "  * Start      db      (   two )\n");
    let (_, text) = scratch.run("-x %/after.xml -S -i db_monitor_10000@one=7 -F db_start_0@one=1");
    assert!(text.contains("  * Injecting db_monitor_10000@one=7 into the configuration\n"), "{text}");
    assert!(text.contains("fail-count-db#monitor_10000=1 into /node_state '1'\n"), "{text}");
    assert_eq!(part(&text, "Transition Summary"), "  * Recover    db      (   one )\n");
    assert!(text.contains("failed with rc=1\n"), "{text}");
    assert!(text.contains("fail-count-db#start_0=INFINITY into /node_state '1'\n"), "{text}");
    assert!(text.contains("FAILED"), "{text}");
}

#[test]
fn tickets_and_quorum() {
    let scratch = Scratch::new();
    let (_, text) = scratch.run("-x %/cib.xml -R -g payroll -b payroll -q false -I %/input.xml");
    assert!(text.contains(
        "  * Setting quorum: false\n  * Granting ticket payroll\n  * Making ticket payroll standby\n"
    ));
    let input = scratch.read("input.xml");
    assert!(input.contains("have-quorum=\"false\""), "{input}");
    assert!(input.contains("<ticket_state id=\"payroll\""), "{input}");
}

#[test]
fn result_documents() {
    let scratch = Scratch::new();
    let (status, text) = scratch.run("-x %/cib.xml -S --output-as=xml");
    assert_eq!(status, 0);
    for element in [
        "<rsc_action action=\"start\" resource=\"db\" node=\"one\"/>",
        "<rsc_action resource=\"db\" op=\"monitor\" node=\"one\" interval=\"10000\"/>",
        "<revised_cluster_status>",
        "<status code=\"0\" message=\"OK\"/>",
    ] {
        assert!(text.contains(element), "{element} in {text}");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_line() {
    let scratch = Scratch::new();
    let check = |schema: &str, constraints: &str, arguments: &str, expected: (i32, &str)| {
        let text = CIB.replace("<constraints/>", constraints).replace("pacemaker-4.0", schema);
        std::fs::write(scratch.0.join("odd.xml"), text).unwrap();
        let (status, text) = scratch.run(&format!("-x %/odd.xml -R --output-as=xml {arguments}"));
        assert_eq!(status, expected.0, "{text}");
        let plain = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        assert!(plain.contains(expected.1), "{text}");
    };
    let unknown =
        "<constraints><rsc_location id=\"l\" rsc=\"db\" node=\"one\" score=\"many\"/></constraints>";
    check("pacemaker-3.9", unknown, "", (78, "line 15: <rsc_location id=\"l\">: "));
    check("pacemaker-4.0", unknown, "", (78, "line 15: <rsc_location id=\"l\">: score=\"many\""));
    let nobody =
        "<constraints><rsc_location id=\"l\" rsc=\"nobody\" node=\"one\" score=\"1\"/></constraints>";
    for schema in ["pacemaker-3.9", "pacemaker-4.0"] {
        check(schema, nobody, "", (78, "line 15: <rsc_location id=\"l\">: rsc=\"nobody\" names no resource"));
    }
    check("none", nobody, "", (0, ""));
    let tag =
        "<constraints><rsc_location id=\"l\" rsc-pattern=\"(\" node=\"one\" score=\"1\"/></constraints>";
    check("pacemaker-4.0", tag, "-V", (0, "line 15: <rsc_location id=\"l\">: ignored: rsc-pattern"));
}

#[test]
fn nodes_that_nobody_configured() {
    let scratch = Scratch::new();
    for arguments in ["-d three", "-f three", "-i db_monitor_10000@three=1"] {
        assert_eq!(scratch.run(&format!("-x %/cib.xml -R {arguments}")).0, 105, "{arguments}");
    }
    let (status, text) = scratch.run("-x %/cib.xml -R -u three -d four -I %/input.xml");
    assert_eq!(status, 0);
    assert_eq!(
        part(&text, "Performing Requested Modifications"),
        "  * Bringing node three online\n  * Taking node four offline\n\
         Using the original execution date of: 2026-09-21 14:13:20Z\n"
    );
    let input = scratch.read("input.xml");
    for node in ["three", "four"] {
        assert!(input.contains(&format!("<node id=\"{node}\" uname=\"{node}\"/>")), "{input}");
    }
}

#[test]
fn operations_that_are_not_understood_change_nothing() {
    let scratch = Scratch::new();
    let (_, plain) = scratch.run("-x %/cib.xml -R");
    let plan = part(&plain, "Transition Summary");
    for operation in ["nonsense", "db@one=1", "nobody_monitor_0@one=1", "db:1_monitor_10000@one=7"] {
        let (status, text) = scratch.run(&format!("-x %/cib.xml -R -i {operation}"));
        assert_eq!(status, 0, "{operation}");
        assert!(text.contains(&format!("  * Injecting {operation} into the configuration\n")), "{text}");
        assert_eq!(part(&text, "Transition Summary"), plan, "{operation}");
    }
}

#[test]
fn the_source_named_last_counts() {
    let scratch = Scratch::new();
    for arguments in ["-L -x %/cib.xml", "-p -x %/cib.xml", "-x %/missing.xml -x %/cib.xml"] {
        assert_eq!(scratch.run(&format!("{arguments} -R")).0, 0, "{arguments}");
    }
}

#[test]
fn mistakes() {
    let check =
        |arguments: &str, status: i32| assert_eq!(Scratch::new().run(arguments).0, status, "{arguments}");
    check("-x %/missing.xml -S", 66);
    check("-x %/cib.xml -S -F nonsense", 64);
    check("-x %/cib.xml -S -t yesterday-ish", 64);
    check("-x %/cib.xml --frobnicate", 64);
    check("-x %/cib.xml -S -G /no/such/folder/graph", 73);
}
