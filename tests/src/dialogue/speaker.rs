//! A client of a script while it runs.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::timeout;

use super::script::Part;
use super::target::{Account, Target};
use crate::client::{login::bind_request, ns};
use crate::{Client, Element, Event};

/// What was said, for the message of a failure.
pub(super) type Log = Vec<String>;

pub(super) struct Speaker {
    pub(super) part: Part,
    pub(super) account: Account,
    pub(super) client: Option<Client>,
    /// What came and was not yet looked at.
    heard: VecDeque<Element>,
    /// It has sent something since its last ping.
    pub(super) spoke: bool,
    pings: u64,
    patience: Duration,
}

impl Speaker {
    pub(super) fn new(part: Part, account: Account, patience: Duration) -> Self {
        Self {
            part,
            account,
            client: None,
            heard: VecDeque::new(),
            spoke: false,
            pings: 0,
            patience,
        }
    }

    /// Logs in and binds; returns the full JID, or the condition by which binding was refused.
    pub(super) async fn connect(&mut self, target: &Target) -> Result<Result<String, String>> {
        let (mut client, _) = target.log_in(&self.account).await?;
        let wished = self.part.resource.as_deref();
        let answer = client.iq("set", "", &bind_request(wished)).await?;
        if let Some(error) = answer.stanza_error() {
            return Ok(Err(error));
        }
        let bind = answer.child("bind", ns::BIND).context("no <bind/>")?;
        let jid = bind.child_text("jid").context("no <jid/>")?.to_owned();
        self.client = Some(client);
        Ok(Ok(jid))
    }

    pub(super) async fn send(&mut self, xml: &str, log: &mut Log) -> Result<()> {
        log.push(format!("{} -> {xml}", self.part.name));
        self.spoke = true;
        self.connection()?.send(xml).await
    }

    /// The next element that has come or comes.
    pub(super) async fn hear(&mut self, log: &mut Log) -> Result<Element> {
        if let Some(element) = self.heard.pop_front() {
            return Ok(element);
        }
        match self.event().await? {
            Event::Element(element) => {
                log.push(format!("{} <- {element}", self.part.name));
                Ok(element)
            }
            other => bail!("the stream ended: {other:?}"),
        }
    }

    async fn event(&mut self) -> Result<Event> {
        let patience = self.patience;
        timeout(patience, self.connection()?.event())
            .await
            .context("nothing comes")?
    }

    /// Waits until the server has dealt with all that this client has sent, and sent all that came of it.
    pub(super) async fn settle(&mut self, log: &mut Log) -> Result<()> {
        self.pings = self.pings.saturating_add(1);
        let id = format!("settle-{}", self.pings);
        let ping = format!(
            "<iq type='get' id='{id}' to='{}'><ping xmlns='{}'/></iq>",
            self.account.domain,
            ns::PING
        );
        self.connection()?.send(&ping).await?;
        loop {
            match self.event().await? {
                Event::Element(element) if is_answer(&element, &id) => break,
                Event::Element(element) => {
                    log.push(format!("{} <- {element}", self.part.name));
                    self.heard.push_back(element);
                }
                other => bail!("the stream ended: {other:?}"),
            }
        }
        self.spoke = false;
        Ok(())
    }

    /// All that has come and was not looked at.
    pub(super) fn unheard(&mut self) -> VecDeque<Element> {
        std::mem::take(&mut self.heard)
    }

    /// Drops the first thing of this kind that has come, if there is one.
    pub(super) fn forget(&mut self, is_it: impl FnMut(&Element) -> bool) {
        let found = self.heard.iter().position(is_it);
        if let Some(index) = found {
            self.heard.remove(index);
        }
    }

    /// The condition of the stream error that ends the stream.
    pub(super) async fn stream_error(&mut self) -> Result<String> {
        ensure!(
            self.heard.is_empty(),
            "before that came {:?}",
            self.heard
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        );
        let patience = self.patience;
        let error = timeout(patience, self.connection()?.stream_error()).await;
        self.client = None;
        error.context("the stream does not end")?
    }

    pub(super) fn connection(&mut self) -> Result<&mut Client> {
        let name = &self.part.name;
        self.client
            .as_mut()
            .with_context(|| format!("{name} is not connected"))
    }
}

fn is_answer(element: &Element, id: &str) -> bool {
    element.is("iq", ns::CLIENT)
        && element.attr("id") == Some(id)
        && matches!(element.attr("type"), Some("result" | "error"))
}
