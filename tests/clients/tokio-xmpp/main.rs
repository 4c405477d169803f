//! Logs in with tokio-xmpp as its users do: STARTTLS, the system's certificates, the best mechanism offered.
//!
//! Arguments: address, JID, password. Prints the bound JID, then sends a message to itself and prints its body.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use tokio_xmpp::connect::{DnsConfig, StartTlsServerConnector};
use tokio_xmpp::jid::{BareJid, Jid};
use tokio_xmpp::parsers::message::{Lang, Message, MessageType};
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, Stanza};

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "what it prints is judged by the scenario that runs it"
)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, jid, password] = arguments.as_slice() else {
        bail!("usage: tokio-xmpp-client ADDRESS JID PASSWORD")
    };
    let jid: BareJid = jid.parse()?;
    let server = StartTlsServerConnector(DnsConfig::Addr {
        addr: address.clone(),
    });
    let mut client =
        Client::new_with_connector(jid, password.as_str(), server, Timeouts::default());
    while let Some(event) = client.next().await {
        match event {
            Event::Online { bound_jid, .. } => {
                println!("bound {bound_jid}");
                client.send_stanza(message_to(bound_jid)).await?;
            }
            Event::Stanza(Stanza::Message(message)) => {
                let body = message
                    .bodies
                    .values()
                    .next()
                    .context("a message without a body")?;
                println!("received {body}");
                break;
            }
            Event::Stanza(_) => {}
            Event::Disconnected(error) => bail!("disconnected: {error}"),
        }
    }
    client.send_end().await?;
    Ok(())
}

fn message_to(jid: Jid) -> Stanza {
    let mut message = Message::new(Some(jid));
    message.type_ = MessageType::Chat;
    message.bodies = BTreeMap::from([(Lang::new(), "hello from tokio-xmpp".to_owned())]);
    message.into()
}
