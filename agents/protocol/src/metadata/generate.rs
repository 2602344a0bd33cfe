//! Metadata for agents that have none of their own: init scripts, units, heartbeat's scripts, plugins.

use holdfast_xml::{escape_attribute, escape_text};

/// For an init script, from the comment block that the Linux Standard Base defines.
#[must_use]
pub fn init_script(name: &str, script: &str) -> String {
    let header = Header::read(script);
    let long = header.description.clone().unwrap_or_else(|| name.to_owned());
    let short = header.get("Short-Description").unwrap_or(name).to_owned();
    let mut special = String::from("  <special tag=\"LSB\">\n");
    for key in [
        "Provides",
        "Required-Start",
        "Required-Stop",
        "Should-Start",
        "Should-Stop",
        "Default-Start",
        "Default-Stop",
    ] {
        special.push_str(&format!("    <{key}>{}</{key}>\n", text(header.get(key).unwrap_or_default())));
    }
    special.push_str("  </special>\n");
    let actions = [
        action("meta-data", "5s", None),
        action("start", "15s", None),
        action("stop", "15s", None),
        action("status", "15s", None),
        action("restart", "15s", None),
        action("force-reload", "15s", None),
        action("monitor", "15s", Some("15s")),
    ];
    document(name, &long, &short, "  <parameters/>\n", &actions, &special)
}

/// For a unit of systemd, from its description.
#[must_use]
pub fn unit(name: &str, description: &str) -> String {
    let described = if description.is_empty() { name } else { description };
    let actions = [
        action("start", "100s", None),
        action("stop", "100s", None),
        action("status", "100s", None),
        action("monitor", "100s", Some("60s")),
        action("meta-data", "5s", None),
    ];
    document(
        name,
        described,
        &format!("systemd unit file for {name}"),
        "  <parameters/>\n",
        &actions,
        "  <special tag=\"systemd\">\n  </special>\n",
    )
}

/// For a script of `resource.d`: numbered parameters.
#[must_use]
pub fn heartbeat(name: &str) -> String {
    let mut parameters = String::from("  <parameters>\n");
    for number in 1..=9 {
        parameters.push_str(&format!(
            "    <parameter name=\"{number}\" unique=\"0\">\n      \
             <longdesc lang=\"en\">Handed to the script as its argument {number}.</longdesc>\n      \
             <shortdesc lang=\"en\">argument {number}</shortdesc>\n      \
             <content type=\"string\" default=\"\"/>\n    </parameter>\n"
        ));
    }
    parameters.push_str("  </parameters>\n");
    let actions = [
        action("start", "60s", None),
        action("stop", "60s", None),
        action("status", "60s", None),
        action("monitor", "60s", Some("15s")),
        action("meta-data", "5s", None),
    ];
    document(
        name,
        &format!(
            "{name} is a resource script in the style of heartbeat: arguments in order, status by what it prints."
        ),
        &format!("heartbeat resource script {name}"),
        &parameters,
        &actions,
        "  <special tag=\"heartbeat\">\n  </special>\n",
    )
}

/// For a plugin of cluster-glue, from what `getinfo-devdescr`, `getinfo-devid` and `getinfo-xml` print.
#[must_use]
pub fn plugin(name: &str, long: &str, short: &str, parameters: &str) -> String {
    let actions = [
        action("start", "20s", None),
        action("stop", "15s", None),
        action("status", "20s", None),
        action("monitor", "20s", Some("3600s")),
        action("meta-data", "15s", None),
    ];
    let parameters = parameters.trim();
    let parameters = if parameters.starts_with("<parameters") {
        format!("{parameters}\n")
    } else {
        "  <parameters/>\n".to_owned()
    };
    document(
        name,
        long.trim(),
        short.trim(),
        &parameters,
        &actions,
        "  <special tag=\"heartbeat\">\n    <version>2.0</version>\n  </special>\n",
    )
}

fn document(
    name: &str,
    long: &str,
    short: &str,
    parameters: &str,
    actions: &[String],
    special: &str,
) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<resource-agent name=\"{}\" version=\"0.1\">\n  <version>1.1</version>\n  \
         <longdesc lang=\"en\">\n{}\n  </longdesc>\n  <shortdesc lang=\"en\">{}</shortdesc>\n{parameters}  \
         <actions>\n{}  </actions>\n{special}</resource-agent>\n",
        attribute(name),
        text(long),
        text(short),
        actions.concat(),
    )
}

fn action(name: &str, timeout: &str, interval: Option<&str>) -> String {
    let interval = interval.map(|interval| format!(" interval=\"{interval}\"")).unwrap_or_default();
    format!("    <action name=\"{name}\" timeout=\"{timeout}\"{interval} />\n")
}

fn attribute(value: &str) -> String {
    let mut out = String::new();
    escape_attribute(value, &mut out);
    out
}

fn text(value: &str) -> String {
    let mut out = String::new();
    escape_text(value, &mut out);
    out
}

/// The comment block between `### BEGIN INIT INFO` and `### END INIT INFO`.
struct Header<'a> {
    values: Vec<(&'a str, &'a str)>,
    description: Option<String>,
}

impl<'a> Header<'a> {
    fn read(script: &'a str) -> Self {
        let mut header = Header { values: Vec::new(), description: None };
        let mut lines =
            script.lines().skip_while(|line| !line.starts_with("### BEGIN INIT INFO")).skip(1).peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("### END INIT INFO") || !line.starts_with('#') {
                break;
            }
            let Some((key, value)) = line[1..].trim_start().split_once(':') else { continue };
            header.values.push((key, value.trim()));
            if key == "Description" && header.description.is_none() {
                let mut long = value.trim().to_owned();
                while let Some(more) =
                    lines.next_if(|line| line.starts_with("#  ") || line.starts_with("#\t"))
                {
                    long.push('\n');
                    long.push_str(more[1..].trim());
                }
                header.description = Some(long);
            }
        }
        header
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn init_scripts_are_described_by_their_header() {
        let script = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: web & more\n# Required-Start: $network\n\
                      # Description: A web\n#  server\n# Short-Description: web <server>\n### END INIT INFO\n";
        let xml = init_script("httpd", script);
        let metadata = parse(&xml).unwrap();
        assert_eq!(
            (metadata.shortdesc.as_str(), metadata.longdesc.as_str()),
            ("web <server>", "A web\nserver")
        );
        assert!(xml.contains("<Provides>web &amp; more</Provides>"));
        assert_eq!(metadata.action("monitor").unwrap().interval.as_deref(), Some("15s"));
        assert_eq!(parse(&init_script("bare", "#!/bin/sh\n")).unwrap().shortdesc, "bare");
    }

    #[test]
    fn everything_generated_can_be_read() {
        for xml in [
            unit("a\"b.service", "<desc>"),
            heartbeat("IPaddr"),
            plugin(
                "external/ssh",
                "long",
                "short",
                "<parameters><parameter name=\"hostlist\"/></parameters>",
            ),
            plugin("external/x", "", "", "garbage"),
        ] {
            parse(&xml).unwrap();
        }
        assert_eq!(parse(&heartbeat("x")).unwrap().parameters.len(), 9);
    }
}
