//! Reads scripts.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::pattern;
use crate::xml::Element;

/// A dialogue as it is written.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file's name without its ending.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// Where that is demanded.
    pub clause: String,
    /// It needs a second domain.
    pub needs_other: bool,
    /// It needs approval beforehand (RFC 6121 §3.4), which a server need not have.
    pub needs_pre_approval: bool,
    pub(super) clients: Vec<Part>,
    pub(super) accounts: Vec<AccountName>,
    /// The first is subscribed to the presence of the second.
    pub(super) sees: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

/// An account as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountName {
    pub(super) name: String,
    /// It belongs to the second domain.
    pub(super) at_other: bool,
}

/// One client of a script.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) resource: Option<String>,
    pub(super) begins: Begins,
}

/// How a client begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Online,
    Available,
    Connected,
    Absent,
}

/// One line of what happens.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) who: String,
    pub(super) act: Act,
}

/// What a client does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Sends(String),
    Receives {
        expected: Vec<Element>,
        in_order: bool,
    },
    MayReceive(Vec<Element>),
    ReceivesNothing,
    Skips,
    Connects,
    Closes,
    IsCutOff,
    IsRefused(String),
    IsEndedBy(String),
}

impl Script {
    /// Reads all scripts of a folder, `*.xmpp`, in the order of their names.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        let mut scripts = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "xmpp") {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                scripts.push(Self::parse(&name, &text)?);
            }
        }
        ensure!(!scripts.is_empty(), "no scripts in {}", folder.display());
        scripts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(scripts)
    }

    /// Reads a script; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut script = Self {
            name: name.to_owned(),
            title: String::new(),
            clause: String::new(),
            needs_other: false,
            needs_pre_approval: false,
            clients: Vec::new(),
            accounts: Vec::new(),
            sees: Vec::new(),
            steps: Vec::new(),
        };
        let mut lines = text.lines().zip(1..).peekable();
        while let Some((text, line)) = lines.next_if(|(text, _)| !text.trim().is_empty()) {
            if !text.starts_with('#') {
                let read = script.head(text);
                read.with_context(|| format!("{name}, line {line}: {text}"))?;
            }
        }
        while let Some((text, line)) = lines.next() {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let mut xml = String::new();
            while let Some((more, _)) =
                lines.next_if(|(text, _)| text.starts_with(' ') || text.trim().is_empty())
            {
                xml.push_str(more.trim());
            }
            let step = script.step(line, text, xml);
            script
                .steps
                .push(step.with_context(|| format!("{name}, line {line}: {text}"))?);
        }
        ensure!(!script.title.is_empty(), "{name} has no title");
        ensure!(!script.clause.is_empty(), "{name} names no clause");
        ensure!(
            script.clients.len() > 1,
            "{name} has fewer than two clients"
        );
        ensure!(!script.steps.is_empty(), "{name} has no steps");
        Ok(script)
    }

    fn head(&mut self, line: &str) -> Result<()> {
        let (key, value) = line.split_once(':').context("not `key: value`")?;
        let value = value.trim();
        match key {
            "title" => value.clone_into(&mut self.title),
            "clause" => value.clone_into(&mut self.clause),
            "needs" if value == "other" => self.needs_other = true,
            "needs" if value == "pre-approval" => self.needs_pre_approval = true,
            "client" => {
                let part = self.part(value)?;
                self.clients.push(part);
            }
            "account" => drop(self.account(value)),
            "sees" | "contacts" => {
                let (one, two) = value.split_once(' ').context("not two accounts")?;
                let (one, two) = (self.account(one), self.account(two.trim()));
                if key == "contacts" {
                    self.sees.push((two.clone(), one.clone()));
                }
                self.sees.push((one, two));
            }
            _ => bail!("an unknown key"),
        }
        Ok(())
    }

    /// `romeo = romeo/orchard, online`
    fn part(&mut self, value: &str) -> Result<Part> {
        let (name, rest) = value.split_once('=').context("no `=`")?;
        let (address, begins) = rest.rsplit_once(',').context("no `,`")?;
        let (account, resource) = match address.trim().split_once('/') {
            Some((account, resource)) => (account, Some(resource.to_owned())),
            None => (address.trim(), None),
        };
        Ok(Part {
            name: name.trim().to_owned(),
            account: self.account(account),
            resource,
            begins: match begins.trim() {
                "online" => Begins::Online,
                "available" => Begins::Available,
                "connected" => Begins::Connected,
                "absent" => Begins::Absent,
                _ => bail!("not how a client begins: {begins}"),
            },
        })
    }

    /// Notes an account and returns its name.
    fn account(&mut self, written: &str) -> String {
        let (name, at_other) = match written.strip_suffix("@other") {
            Some(name) => (name, true),
            None => (written, false),
        };
        self.needs_other |= at_other;
        if !self.accounts.iter().any(|account| account.name == name) {
            self.accounts.push(AccountName {
                name: name.to_owned(),
                at_other,
            });
        }
        name.to_owned()
    }

    fn step(&self, line: usize, text: &str, xml: String) -> Result<Step> {
        let (who, act) = text
            .trim()
            .split_once(' ')
            .context("nobody does anything")?;
        ensure!(
            self.clients.iter().any(|part| part.name == who),
            "there is no client {who}"
        );
        let has_xml = !xml.is_empty();
        let act = match act {
            "sends" => Act::Sends(xml),
            "receives" | "receives in any order" => Act::Receives {
                expected: pattern::parse(&xml)?,
                in_order: act == "receives",
            },
            "may receive" => Act::MayReceive(pattern::parse(&xml)?),
            "receives nothing" => Act::ReceivesNothing,
            "skips" => Act::Skips,
            "connects" => Act::Connects,
            "closes" => Act::Closes,
            "is cut off" => Act::IsCutOff,
            _ => match (
                act.strip_prefix("is refused "),
                act.strip_prefix("is ended by "),
            ) {
                (Some(condition), _) => Act::IsRefused(condition.to_owned()),
                (_, Some(condition)) => Act::IsEndedBy(condition.to_owned()),
                (None, None) => bail!("an unknown step"),
            },
        };
        let wants_xml = matches!(
            act,
            Act::Sends(_) | Act::Receives { .. } | Act::MayReceive(_)
        );
        ensure!(wants_xml == has_xml, "XML where none belongs, or none");
        Ok(Step {
            line,
            who: who.to_owned(),
            act,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title: t\nclause: c\nclient: a = a/r, online\nclient: b = b@other, absent\ncontacts: a b\n\n";

    #[test]
    fn a_script_is_read() {
        let script = Script::parse("s", &format!("{HEAD}a sends\n  <x/>\n\n  <y/>\n# no\nb receives\n  <z q='1'/>\nb is ended by conflict\n")).unwrap();
        assert!(script.needs_other);
        assert_eq!(script.accounts.len(), 2);
        assert_eq!(script.sees.len(), 2);
        assert!(matches!(&script.steps[0].act, Act::Sends(xml) if xml == "<x/><y/>"));
        assert!(
            matches!(&script.steps[1].act, Act::Receives { expected, in_order: true } if expected[0].attr("q") == Some("1"))
        );
        assert!(
            matches!(&script.steps[2].act, Act::IsEndedBy(condition) if condition == "conflict")
        );
    }

    #[test]
    fn what_is_no_script_is_refused_with_its_line() {
        for (steps, why) in [
            ("c sends\n  <x/>", "there is no client c"),
            ("a sings\n  <x/>", "an unknown step"),
            ("a sends", "XML where none belongs, or none"),
            ("a connects\n  <x/>", "XML where none belongs, or none"),
            ("a receives\n  <x>", "not well-formed"),
        ] {
            let error = format!(
                "{:#}",
                Script::parse("s", &format!("{HEAD}{steps}")).unwrap_err()
            );
            assert!(error.contains(why) && error.contains("line 7"), "{error}");
        }
    }
}
