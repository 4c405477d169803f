//! Becomes a contact of a friend, chats, and resumes its stream when its connection is lost. Each step is printed.
//!
//! Arguments: address, JID, password, the friend's bare JID.
//!
//! By the library's stream of stanzas, which reconnects and resumes by itself. Its `Client` is built on the two halves of one, of which
//! the receiving one may miss a wake-up while the other is in use; here it stays whole.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_xmpp::Stanza;
use tokio_xmpp::connect::{DnsConfig, StartTlsServerConnector};
use tokio_xmpp::jid::{BareJid, Jid};
use tokio_xmpp::parsers::iq::Iq;
use tokio_xmpp::parsers::message::{Lang, Message};
use tokio_xmpp::parsers::presence::{Presence, Type};
use tokio_xmpp::parsers::roster::Roster;
use tokio_xmpp::stanzastream::{Event, StanzaStage, StanzaStream, StreamEvent};
use tokio_xmpp::xmlstream::Timeouts;

/// Stanzas that wait for either side.
const QUEUE: usize = 16;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, jid, password, friend] = arguments.as_slice() else {
        bail!("usage: tokio-xmpp-contacts ADDRESS JID PASSWORD FRIEND")
    };
    let server = StartTlsServerConnector(DnsConfig::Addr {
        addr: address.clone(),
    });
    let jid: Jid = jid.parse()?;
    let stream = StanzaStream::new_c2s(server, jid, password.clone(), Timeouts::default(), QUEUE);
    let mut user = User {
        stream,
        friend: friend.parse()?,
        sees: false,
    };
    timeout(Duration::from_secs(50), user.live()).await??;
    user.stream.close().await;
    Ok(())
}

struct User {
    stream: StanzaStream,
    friend: BareJid,
    sees: bool,
}

#[expect(
    clippy::print_stdout,
    reason = "what it prints is judged by the scenario that runs it"
)]
impl User {
    /// Until the friend has answered after the connection was lost.
    async fn live(&mut self) -> Result<()> {
        while let Some(event) = self.stream.next().await {
            match event {
                Event::Stream(StreamEvent::Reset { bound_jid, .. }) => {
                    println!("online {}", bound_jid.to_bare());
                    let (ver, items) = (None, Vec::new());
                    self.send(Iq::from_get("roster", Roster { ver, items }))
                        .await;
                }
                Event::Stream(StreamEvent::Resumed) => println!("resumed"),
                Event::Stanza(Stanza::Iq(Iq::Result { payload, .. })) => {
                    let roster = Roster::try_from(payload.context("no roster")?)?;
                    println!("roster {}", roster.items.len());
                    self.send(Presence::available()).await;
                    self.send(Presence::subscribe().with_to(self.friend.clone()))
                        .await;
                }
                Event::Stanza(Stanza::Presence(presence)) => self.presence(presence).await,
                Event::Stanza(Stanza::Message(message)) => {
                    if let Some(body) = message.bodies.into_values().next() {
                        println!("received {body}");
                        return self.say_last("still here").await;
                    }
                }
                Event::Stream(StreamEvent::Suspended) | Event::Stanza(Stanza::Iq(_)) => {}
            }
        }
        bail!("the stream is over")
    }

    async fn presence(&mut self, presence: Presence) {
        let from = presence.from.map(|from| from.to_bare());
        if from.as_ref() != Some(&self.friend) {
            return;
        }
        if presence.type_ == Type::Subscribe {
            self.send(Presence::subscribed().with_to(self.friend.clone()))
                .await;
        } else if presence.type_ == Type::None && !self.sees {
            self.sees = true;
            println!("sees {}", self.friend);
            self.send(self.chat("hello")).await;
        }
    }

    fn chat(&self, body: &str) -> Message {
        Message::chat(Jid::from(self.friend.clone())).with_body(Lang::new(), body.to_owned())
    }

    async fn send(&self, stanza: impl Into<Stanza>) {
        self.stream.send(Box::new(stanza.into())).await;
    }

    /// Says something, and waits until the server has it.
    async fn say_last(&self, body: &str) -> Result<()> {
        let message = Box::new(self.chat(body).into());
        let mut token = self.stream.send(message).await;
        let acked = token.wait_for(StanzaStage::Acked).await;
        acked.context("it was not sent").map(drop)
    }
}
