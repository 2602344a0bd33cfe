//! What was asked for, settled: the words of the command line turned into one description of the job.

use std::path::PathBuf;
use std::time::Duration;

use holdfast_model::duration::parse_interval_ms;
use holdfast_view::status::{Section, Show};

use super::local_time;
use super::options::{Given, Meaning, SECTIONS, SUMMARY, section_names};

/// How the status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// A page.
    Html,
    /// For programs.
    Xml,
    /// For programs that asked with the old option.
    LegacyXml,
    /// For programs that prefer it.
    Json,
    /// Not at all (only the external program runs).
    None,
}

/// The whole job.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to write.
    pub format: Format,
    /// Where to; standard output when nothing is said.
    pub output: Option<PathBuf>,
    /// Once, instead of following the cluster.
    pub once: bool,
    /// In the background.
    pub daemonize: bool,
    /// Where to write the process id then.
    pub pid_file: Option<PathBuf>,
    /// Longest time between two refreshes.
    pub interval: Duration,
    /// Read this document instead of asking the cluster.
    pub file: Option<PathBuf>,
    /// Program to run for every event.
    pub agent: Option<PathBuf>,
    /// Recipient for it.
    pub recipient: Option<String>,
    /// Run it for fencing, too.
    pub watch_fencing: bool,
    /// One line for monitoring programs.
    pub simple: bool,
    /// Sections wanted.
    pub sections: Vec<Section>,
    /// Start of the ids of bans.
    pub ban_prefix: String,
    /// All fencing instead of the last of each kind.
    pub full_fencing: bool,
    /// Node or tag to show.
    pub node: Option<String>,
    /// Resource or tag to show.
    pub resource: Option<String>,
    /// What to show and how.
    pub show: Show,
    /// Say more.
    pub verbose: bool,
    /// Say less.
    pub quiet: bool,
    /// Title of the page.
    pub html_title: String,
    /// Style sheet of the page.
    pub html_stylesheet: Option<String>,
    /// Header for a web server.
    pub html_cgi: bool,
    /// The command line, for the record in XML.
    pub request: String,
}

impl Settings {
    /// Settles what was given; `called` is the name of the program.
    ///
    /// # Errors
    /// What is wrong and what to type instead.
    pub fn new(called: &str, words: &[String], given: &Given) -> Result<Settings, String> {
        let mut settings = Settings::plain(called, words);
        settings.format = format(given)?;
        settings.sections = default_sections(settings.format);
        for (meaning, value) in given {
            settings.take(*meaning, value.as_deref())?;
        }
        if called == "crm_mon.cgi" {
            (settings.format, settings.html_cgi, settings.once) = (Format::Html, true, true);
        }
        let for_programs = matches!(settings.format, Format::Xml | Format::LegacyXml | Format::Json);
        if for_programs {
            settings.show.inactive = true;
            settings.show.timing = true;
        }
        settings.once |= for_programs || settings.simple;
        if settings.daemonize && settings.output.is_none() && settings.agent.is_none() {
            return Err("--daemonize needs --output-to=FILE or --external-agent=FILE".into());
        }
        settings.show.failed_detail |= settings.show.clone_detail;
        Ok(settings)
    }

    fn plain(called: &str, words: &[String]) -> Settings {
        let mut request = called.to_string();
        for word in words {
            request.push(' ');
            request.push_str(word);
        }
        Settings {
            format: Format::Text,
            output: None,
            once: false,
            daemonize: false,
            pid_file: None,
            interval: Duration::from_secs(5),
            file: None,
            agent: None,
            recipient: None,
            watch_fencing: false,
            simple: false,
            sections: Vec::new(),
            ban_prefix: String::new(),
            full_fencing: false,
            node: None,
            resource: None,
            show: Show { pending: true, clock: Some(local_time::text), ..Show::default() },
            verbose: false,
            quiet: false,
            html_title: "Cluster Status".into(),
            html_stylesheet: None,
            html_cgi: false,
            request,
        }
    }

    fn take(&mut self, meaning: Meaning, value: Option<&str>) -> Result<(), String> {
        let text = || value.unwrap_or_default().to_string();
        match meaning {
            Meaning::Help | Meaning::Version | Meaning::OutputAs | Meaning::AsXml => {}
            Meaning::Pending | Meaning::TextFancy => {}
            Meaning::Verbose => self.verbose = true,
            Meaning::Quiet => self.quiet = true,
            Meaning::OutputTo | Meaning::AsHtml => {
                self.output = Some(text()).filter(|to| to != "-").map(PathBuf::from)
            }
            Meaning::Interval => {
                let ms = parse_interval_ms(value);
                if ms == 0 {
                    return Err(format!("--interval: \"{}\" is not a time such as 5s", text()));
                }
                self.interval = Duration::from_millis(u64::from(ms));
            }
            Meaning::OneShot => self.once = true,
            Meaning::Daemonize => self.daemonize = true,
            Meaning::ExternalAgent => self.agent = Some(PathBuf::from(text())),
            Meaning::ExternalRecipient => self.recipient = Some(text()),
            Meaning::WatchFencing => self.watch_fencing = true,
            Meaning::XmlFile => {
                self.file = Some(PathBuf::from(text()));
                self.once = true;
            }
            Meaning::PidFile => self.pid_file = Some(PathBuf::from(text())),
            Meaning::Include => self.include(&text())?,
            Meaning::Exclude => self.exclude(&text())?,
            Meaning::Node => self.node = Some(text()),
            Meaning::Resource => self.resource = Some(text()),
            Meaning::GroupByNode => self.show.by_node = true,
            Meaning::Inactive => self.show.inactive = true,
            Meaning::FailCounts => self.add(&[Section::FailCounts]),
            Meaning::Operations => self.add(&[Section::FailCounts, Section::Operations]),
            Meaning::Timing => {
                self.show.timing = true;
                self.add(&[Section::Operations]);
            }
            Meaning::Tickets => self.add(&[Section::Tickets]),
            Meaning::FenceHistory => self.fence_history(value)?,
            Meaning::Bans => {
                self.add(&[Section::Bans]);
                self.ban_prefix = text();
            }
            Meaning::Attributes => self.add(&[Section::Attributes]),
            Meaning::HideHeaders => self.drop(SUMMARY),
            Meaning::Detail => {
                self.show.clone_detail = true;
                self.show.node_id = true;
                self.show.implicit = true;
                self.show.failed_detail = true;
                self.show.feature_set = true;
                self.show.description = true;
            }
            Meaning::Description => self.show.description = true,
            Meaning::Brief => self.show.brief = true,
            Meaning::Simple => self.simple = true,
            Meaning::HtmlTitle => self.html_title = text(),
            Meaning::HtmlStylesheet => self.html_stylesheet = Some(text()),
            Meaning::HtmlCgi => self.html_cgi = true,
        }
        Ok(())
    }

    fn fence_history(&mut self, level: Option<&str>) -> Result<(), String> {
        const ALL: [Section; 3] =
            [Section::FencingFailed, Section::FencingPending, Section::FencingSucceeded];
        self.drop(&ALL);
        match level.unwrap_or("2") {
            "0" => {}
            "1" => self.add(&ALL[..2]),
            "2" => self.add(&ALL),
            "3" => {
                self.add(&ALL);
                self.full_fencing = true;
            }
            other => return Err(format!("--fence-history: \"{other}\" is not a level from 0 to 3")),
        }
        Ok(())
    }

    fn include(&mut self, names: &str) -> Result<(), String> {
        for name in names.split(',') {
            match name {
                "all" => self.sections = all_sections(self.format),
                "none" => self.sections.clear(),
                "default" | "defaults" => {
                    let default = default_sections(self.format);
                    self.add(&default);
                }
                _ if name.starts_with("bans") => {
                    self.add(&[Section::Bans]);
                    self.ban_prefix = name.strip_prefix("bans:").unwrap_or_default().to_string();
                }
                _ => {
                    let sections = find(name).ok_or_else(|| {
                        format!(
                            "--include options: all, default, none, bans[:PREFIX], {}; not \"{name}\"",
                            section_names()
                        )
                    })?;
                    self.add(sections);
                }
            }
        }
        Ok(())
    }

    fn exclude(&mut self, names: &str) -> Result<(), String> {
        for name in names.split(',') {
            match name {
                "all" => self.sections.clear(),
                "none" => self.sections = all_sections(self.format),
                _ => {
                    let sections = find(name).ok_or_else(|| {
                        format!("--exclude options: all, none, {}; not \"{name}\"", section_names())
                    })?;
                    self.drop(sections);
                }
            }
        }
        Ok(())
    }

    /// Adds sections that are not there yet.
    pub fn add(&mut self, sections: &[Section]) {
        for section in sections {
            if !self.sections.contains(section) {
                self.sections.push(*section);
            }
        }
    }

    /// Takes sections away.
    pub fn drop(&mut self, sections: &[Section]) {
        self.sections.retain(|section| !sections.contains(section));
    }

    /// Takes sections away if all are there, else adds them.
    pub fn toggle(&mut self, sections: &[Section]) {
        if sections.iter().all(|section| self.sections.contains(section)) {
            self.drop(sections);
        } else {
            self.add(sections);
        }
    }
}

fn find(name: &str) -> Option<&'static [Section]> {
    SECTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, sections)| *sections)
}

fn format(given: &Given) -> Result<Format, String> {
    let mut format = Format::Text;
    for (meaning, value) in given {
        match (meaning, value.as_deref()) {
            (Meaning::AsXml, _) => format = Format::LegacyXml,
            (Meaning::HtmlCgi | Meaning::AsHtml, _) => format = Format::Html,
            (Meaning::OutputAs, Some("console" | "text")) => format = Format::Text,
            (Meaning::OutputAs, Some("html")) => format = Format::Html,
            (Meaning::OutputAs, Some("xml")) => format = Format::Xml,
            (Meaning::OutputAs, Some("json")) => format = Format::Json,
            (Meaning::OutputAs, Some("none")) => format = Format::None,
            (Meaning::OutputAs, other) => {
                return Err(format!(
                    "--output-as: \"{}\" is not console, text, html, xml, json or none",
                    other.unwrap_or_default()
                ));
            }
            _ => {}
        }
    }
    Ok(format)
}

fn all_sections(format: Format) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    for (_, sections) in SECTIONS {
        for section in *sections {
            let console_options = *section == Section::Options && format == Format::Text;
            if !all.contains(section) && !console_options {
                all.push(*section);
            }
        }
    }
    all
}

fn default_sections(format: Format) -> Vec<Section> {
    match format {
        Format::Text | Format::Html => {
            let mut sections: Vec<Section> =
                SUMMARY.iter().copied().filter(|section| *section != Section::Options).collect();
            sections.extend([Section::Nodes, Section::Resources, Section::Failures]);
            sections.extend([Section::FencingFailed, Section::FencingPending]);
            sections
        }
        Format::Xml | Format::LegacyXml | Format::Json => all_sections(format),
        Format::None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::parse;
    use super::*;

    fn settle(line: &str) -> Result<Settings, String> {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        Settings::new("crm_mon", &words, &parse(&words)?)
    }

    #[test]
    fn sections() {
        let check = |line: &str, has: Section, expected: bool| {
            assert_eq!(settle(line).unwrap().sections.contains(&has), expected, "{line}: {has:?}");
        };
        check("", Section::Nodes, true);
        check("", Section::Attributes, false);
        check("-A", Section::Attributes, true);
        check("-D", Section::Dc, false);
        let page = settle("-p pid -d -i 15 -n -r -h /run/page.html").unwrap();
        assert_eq!((page.format, page.output), (Format::Html, Some(PathBuf::from("/run/page.html"))));
        check("--exclude=all --include=nodes", Section::Nodes, true);
        check("--exclude=all --include=nodes", Section::Resources, false);
        check("--output-as=xml", Section::Bans, true);
        check("-m0", Section::FencingFailed, false);
        check("-m", Section::FencingSucceeded, true);
    }

    #[test]
    fn refusals() {
        let check =
            |line: &str, expected: &str| assert!(settle(line).unwrap_err().contains(expected), "{line}");
        check("--include=everything", "--include options");
        check("--output-as=pdf", "console, text, html");
        check("-d", "--output-to");
        check("-m7", "level");
        check("-i never", "time such as");
    }
}
