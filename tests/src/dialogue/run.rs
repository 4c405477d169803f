//! Runs a script.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::names::Names;
use super::pattern;
use super::script::{Act, Begins, Script, Step};
use super::speaker::{Log, Speaker};
use super::target::{Account, Target};
use crate::client::ns;
use crate::{Client, Element};

/// What came of a script.
#[derive(Debug)]
pub enum Outcome {
    /// All happened as it is written.
    Passed,
    /// The server has not what the script needs.
    Skipped(&'static str),
}

/// Runs a script against a server. The error tells the step, what came instead, and all that was said.
pub async fn run(script: &Script, target: &Target) -> Result<Outcome> {
    if script.needs_other && target.other.is_none() {
        return Ok(Outcome::Skipped("it needs a second domain"));
    }
    let mut accounts = BTreeMap::new();
    for account in &script.accounts {
        let made = target.account(account).await?;
        accounts.insert(account.name.clone(), made);
    }
    let played = play(script, target, &accounts).await;
    target.give_back(accounts.into_values()).await;
    played
}

async fn play(
    script: &Script,
    target: &Target,
    accounts: &BTreeMap<String, Account>,
) -> Result<Outcome> {
    if script.needs_pre_approval {
        let account = accounts.values().next().context("no accounts")?;
        let (client, features) = target.log_in(account).await?;
        client.close().await?;
        if features.child("sub", ns::PRE_APPROVAL).is_none() {
            return Ok(Outcome::Skipped("it needs approval beforehand"));
        }
    }
    for (watcher, watched) in &script.sees {
        let accounts = accounts.get(watcher).zip(accounts.get(watched));
        let (watcher, watched) = accounts.context("an account is missing")?;
        subscribe(target, watcher, watched)
            .await
            .with_context(|| format!("{} cannot subscribe to {}", watcher.user, watched.user))?;
    }
    let mut stage = Stage::new(script, target, accounts)?;
    stage.begin().await.context("before the first step")?;
    for step in &script.steps {
        let done = stage.step(step).await;
        done.with_context(|| stage.where_it_failed(&script.name, step.line))?;
    }
    let left = stage.end().await;
    left.with_context(|| stage.where_it_failed(&script.name, 0))?;
    Ok(Outcome::Passed)
}

/// One account is subscribed to another's presence, by sessions of their own that end again.
async fn subscribe(target: &Target, watcher: &Account, watched: &Account) -> Result<()> {
    let mut sessions = Vec::new();
    for account in [watcher, watched] {
        let (mut client, _) = target.log_in(account).await?;
        let jid = client.bind(None).await?;
        client
            .iq("get", "", "<query xmlns='jabber:iq:roster'/>")
            .await?;
        client.be_present(&jid).await?;
        sessions.push(client);
    }
    let [asks, grants] = sessions.as_mut_slice() else {
        bail!("there are not two sessions");
    };
    say(asks, "subscribe", watched).await?;
    heard(grants, "subscribe", watcher).await?;
    say(grants, "subscribed", watcher).await?;
    heard(asks, "subscribed", watched).await?;
    for client in sessions {
        client.close().await?;
    }
    Ok(())
}

async fn say(client: &mut Client, kind: &str, to: &Account) -> Result<()> {
    let presence = format!("<presence type='{kind}' to='{}'/>", to.jid());
    client.send(&presence).await
}

async fn heard(client: &mut Client, kind: &str, from: &Account) -> Result<Element> {
    let from = from.jid();
    client
        .wait_for(kind, |element| {
            element.is("presence", ns::CLIENT)
                && element.attr("type") == Some(kind)
                && element.attr("from") == Some(&from)
        })
        .await
}

/// The clients of a script while it runs.
struct Stage<'a> {
    target: &'a Target,
    speakers: BTreeMap<String, Speaker>,
    names: Names,
    log: Log,
}

impl<'a> Stage<'a> {
    fn new(
        script: &Script,
        target: &'a Target,
        accounts: &BTreeMap<String, Account>,
    ) -> Result<Self> {
        let mut names = Names::default();
        names.set("host", &target.domain);
        names.set("other", target.other.as_deref().unwrap_or_default());
        names.set("nobody", &format!("nobody-at-all@{}", target.domain));
        for (name, account) in accounts {
            names.set(name, &account.jid());
            names.set(&format!("{name}.user"), &account.user);
        }
        let mut speakers = BTreeMap::new();
        for part in &script.clients {
            let account = accounts
                .get(&part.account)
                .context("an account is missing")?;
            let speaker = Speaker::new(part.clone(), account.clone(), target.patience);
            speakers.insert(part.name.clone(), speaker);
        }
        Ok(Self {
            target,
            speakers,
            names,
            log: Log::new(),
        })
    }

    /// Brings every client to where it begins. What comes of that is not part of the dialogue.
    async fn begin(&mut self) -> Result<()> {
        let names: Vec<String> = self.speakers.keys().cloned().collect();
        for name in &names {
            let begins = self.speaker(name)?.part.begins;
            if begins == Begins::Absent {
                continue;
            }
            self.connect(name).await?;
            let speaker = self.speakers.get_mut(name).context("nobody")?;
            if begins == Begins::Online {
                let get = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
                speaker.send(get, &mut self.log).await?;
            }
            if begins != Begins::Connected {
                speaker.send("<presence/>", &mut self.log).await?;
            }
        }
        for name in &names {
            self.settle(name).await?;
        }
        for speaker in self.speakers.values_mut() {
            speaker.unheard();
        }
        self.log.clear();
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        let who = step.who.as_str();
        match &step.act {
            Act::Sends(xml) => {
                let xml = self.names.expand(xml)?;
                let speaker = self.speakers.get_mut(who).context("nobody")?;
                speaker.send(&xml, &mut self.log).await
            }
            Act::Receives { expected, in_order } => self.receive(who, expected, *in_order).await,
            Act::MayReceive(expected) => {
                self.settle(who).await?;
                let speaker = self.speakers.get_mut(who).context("nobody")?;
                for expected in expected {
                    speaker
                        .forget(|came| pattern::matches(expected, came, &mut self.names).is_ok());
                }
                Ok(())
            }
            Act::ReceivesNothing => {
                self.settle(who).await?;
                let unheard = self.speaker(who)?.unheard();
                match unheard.front() {
                    Some(element) => bail!("{who} receives {element}"),
                    None => Ok(()),
                }
            }
            Act::Skips => {
                self.settle(who).await?;
                self.speaker(who)?.unheard();
                Ok(())
            }
            Act::Connects => self.connect(who).await,
            Act::Closes => self.close(who).await,
            Act::IsCutOff => {
                self.speaker(who)?.client = None;
                Ok(())
            }
            Act::IsRefused(condition) => {
                let target = self.target;
                let bound = self.speaker(who)?.connect(target).await?;
                let Err(error) = bound else {
                    bail!("the resource is bound")
                };
                ensure!(error.ends_with(condition), "it is refused by {error}");
                Ok(())
            }
            Act::IsEndedBy(condition) => {
                let error = self.speaker(who)?.stream_error().await?;
                ensure!(error == *condition, "it is ended by {error}");
                Ok(())
            }
        }
    }

    async fn receive(&mut self, who: &str, expected: &[Element], in_order: bool) -> Result<()> {
        let speaker = self.speakers.get_mut(who).context("nobody")?;
        let mut left: Vec<&Element> = expected.iter().collect();
        while !left.is_empty() {
            let came = speaker
                .hear(&mut self.log)
                .await
                .with_context(|| format!("expected: {}", written(&left)))?;
            let candidates = if in_order { 1 } else { left.len() };
            let mut why = Vec::new();
            let found = left.iter().take(candidates).position(|expected| {
                let judged = pattern::matches(expected, &came, &mut self.names);
                judged
                    .map_err(|error| why.push(format!("{error:#}")))
                    .is_ok()
            });
            let Some(found) = found else {
                bail!(
                    "{who} receives {came}\nexpected: {}\nwhy not: {}",
                    written(&left),
                    why.join("; ")
                );
            };
            left.remove(found);
        }
        Ok(())
    }

    async fn connect(&mut self, who: &str) -> Result<()> {
        let target = self.target;
        let speaker = self.speaker(who)?;
        ensure!(speaker.client.is_none(), "{who} is connected already");
        let jid = speaker.connect(target).await?;
        let jid = jid.map_err(|error| anyhow::anyhow!("the resource is refused: {error}"))?;
        self.names.set(&format!("{who}.jid"), &jid);
        Ok(())
    }

    /// Nothing but the end may come.
    async fn close(&mut self, who: &str) -> Result<()> {
        let speaker = self.speaker(who)?;
        let unheard = speaker.unheard();
        ensure!(unheard.is_empty(), "before that came {unheard:?}");
        let client = speaker.client.take().context("not connected")?;
        let left = client.close().await?;
        ensure!(left.is_empty(), "before that came {left:?}");
        Ok(())
    }

    /// Waits until the server has dealt with all that was sent, this client's last.
    async fn settle(&mut self, who: &str) -> Result<()> {
        for (name, speaker) in &mut self.speakers {
            if name != who && speaker.client.is_some() && speaker.spoke {
                speaker.settle(&mut self.log).await?;
            }
        }
        let speaker = self.speakers.get_mut(who).context("nobody")?;
        if speaker.client.is_some() {
            speaker.settle(&mut self.log).await?;
        }
        Ok(())
    }

    /// Nothing may be left that was not named.
    async fn end(&mut self) -> Result<()> {
        let names: Vec<String> = self.speakers.keys().cloned().collect();
        for name in names {
            self.settle(&name).await?;
            if let Some(element) = self.speaker(&name)?.unheard().front() {
                bail!("at the end {name} has received {element}");
            }
        }
        Ok(())
    }

    fn speaker(&mut self, name: &str) -> Result<&mut Speaker> {
        self.speakers.get_mut(name).context("nobody has that name")
    }

    fn where_it_failed(&self, script: &str, line: usize) -> String {
        format!(
            "{script}, line {line}; so far:\n  {}\n",
            self.log.join("\n  ")
        )
    }
}

fn written(elements: &[&Element]) -> String {
    elements.iter().map(ToString::to_string).collect()
}
