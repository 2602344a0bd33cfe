//! The configuration tools through the executable, against a file and a shadow copy.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

const START: &str = r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
  <configuration>
    <crm_config/>
    <nodes>
      <node id="1" uname="alpha"/>
      <node id="2" uname="beta"/>
    </nodes>
    <resources>
      <primitive id="web" class="ocf" provider="heartbeat" type="Dummy"/>
    </resources>
    <constraints/>
  </configuration>
  <status/>
</cib>
"#;

/// A folder of its own holding one configuration; gone with the test.
struct Desk {
    folder: PathBuf,
}

impl Desk {
    fn new(name: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("holdfast-tools-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cib.xml"), START).unwrap();
        Desk { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("cib.xml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// Runs one tool; answers exit code, what it printed and what it complained about.
    fn run(&self, words: &[&str], shadow: Option<&str>) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.args(words).env_remove("CIB_file").env_remove("CIB_shadow");
        command.env("CIB_shadow_dir", &self.folder);
        match shadow {
            Some(name) => command.env("CIB_shadow", name),
            None => command.env("CIB_file", self.file()),
        };
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs one tool that must succeed, and answers what it printed.
    fn ok(&self, words: &[&str]) -> String {
        let (status, printed, complained) = self.run(words, None);
        assert_eq!(status, 0, "{words:?}: {printed}{complained}");
        printed
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The value of an attribute of the root, as written in the file.
fn root(path: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
    rest.split('"').next().unwrap().to_string()
}

#[test]
fn cibadmin_creates_changes_and_deletes_with_versions() {
    let desk = Desk::new("cibadmin");
    let dummy = r#"<primitive id="db" class="ocf" provider="heartbeat" type="Dummy"/>"#;
    desk.ok(&["cibadmin", "--create", "--scope", "resources", "--xml-text", dummy]);
    assert!(desk.text().contains(r#"id="db""#));
    assert_eq!(root(&desk.file(), "epoch"), "2");

    let (status, _, complained) =
        desk.run(&["cibadmin", "--create", "--scope", "resources", "--xml-text", dummy], None);
    assert_ne!(status, 0, "a second resource of the same name");
    assert!(!complained.is_empty());
    assert_eq!(root(&desk.file(), "epoch"), "2", "a refused change leaves the version alone");

    desk.ok(&["cibadmin", "--modify", "--xml-text", r#"<primitive id="db" description="data"/>"#]);
    assert!(desk.text().contains(r#"description="data""#));
    desk.ok(&["cibadmin", "--delete", "--xml-text", r#"<primitive id="db"/>"#]);
    assert!(!desk.text().contains(r#"id="db""#));

    let found = desk.ok(&["cibadmin", "--query", "--xpath", "//primitive[@id='web']"]);
    assert!(found.contains(r#"<primitive id="web""#), "{found}");
    let (status, ..) = desk.run(&["cibadmin", "--query", "--xpath", "//primitive[@id='none']"], None);
    assert_eq!(status, 105, "nothing there");
}

#[test]
fn an_option_is_set_read_and_removed() {
    let desk = Desk::new("attribute");
    desk.ok(&["crm_attribute", "--name", "stonith-enabled", "--update", "false"]);
    let value = desk.ok(&["crm_attribute", "--name", "stonith-enabled", "--query", "--quiet"]);
    assert_eq!(value.trim(), "false");
    desk.ok(&["crm_attribute", "--name", "stonith-enabled", "--delete"]);
    let (status, ..) = desk.run(&["crm_attribute", "--name", "stonith-enabled", "--query"], None);
    assert_eq!(status, 105);
}

#[test]
fn a_resource_is_banned_cleared_and_given_a_meta_attribute() {
    let desk = Desk::new("resource");
    desk.ok(&["crm_resource", "--ban", "--resource", "web", "--node", "alpha"]);
    assert!(desk.text().contains("cli-ban-web-on-alpha"));
    desk.ok(&["crm_resource", "--clear", "--resource", "web", "--node", "alpha"]);
    assert!(!desk.text().contains("cli-ban-web-on-alpha"));

    let (tool, web) = ("crm_resource", "web");
    desk.ok(&[tool, "-r", web, "--meta", "--set-parameter", "target-role", "--parameter-value", "Stopped"]);
    let value = desk.ok(&[tool, "-r", web, "--meta", "--get-parameter", "target-role"]);
    assert_eq!(value.trim(), "Stopped");
    let (status, ..) = desk.run(&["crm_resource", "--ban", "--resource", "none", "--node", "alpha"], None);
    assert_eq!(status, 105);
}

#[test]
fn a_shadow_copy_changes_alone() {
    let desk = Desk::new("shadow");
    desk.ok(&["crm_shadow", "--batch", "--create", "trial"]);
    let change = ["crm_attribute", "--name", "maintenance-mode", "--update", "true"];
    assert_eq!(desk.run(&change, Some("trial")).0, 0);
    assert_eq!(desk.text(), START, "the configuration itself is untouched");
    assert!(std::fs::read_to_string(desk.folder.join("shadow.trial")).unwrap().contains("maintenance-mode"));
    let (status, ..) = desk.run(&["crm_shadow", "--batch", "--create", "trial"], None);
    assert_eq!(status, 73, "it is there already");
}

#[test]
fn a_patch_leads_from_one_configuration_to_the_other() {
    let desk = Desk::new("diff");
    let (old, patch) = (desk.folder.join("old.xml"), desk.folder.join("patch.xml"));
    std::fs::write(&old, START).unwrap();
    desk.ok(&["crm_attribute", "--name", "stop-all-resources", "--update", "true"]);
    let (old, new) = (old.to_str().unwrap(), desk.file().to_str().unwrap().to_string());
    let (status, printed, _) = desk.run(&["crm_diff", "--original", old, "--new", &new], None);
    assert_eq!(status, 1, "they differ");
    std::fs::write(&patch, printed).unwrap();
    let (status, result, _) =
        desk.run(&["crm_diff", "--original", old, "--patch", patch.to_str().unwrap()], None);
    assert_eq!(status, 0);
    assert!(result.contains("stop-all-resources"), "{result}");
}

#[test]
fn a_broken_document_is_refused_with_its_place() {
    let desk = Desk::new("verify");
    std::fs::write(desk.file(), "<cib>\n  <configuration>\n    <nodes id=1/>\n").unwrap();
    let file = desk.file();
    let (status, printed, complained) = desk.run(&["crm_verify", "--xml-file", file.to_str().unwrap()], None);
    assert_ne!(status, 0);
    let said = printed + &complained;
    assert!(said.contains("line 3"), "{said}");
}
