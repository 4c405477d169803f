//! Several devices of one account, one of which is away and may come back (XEP-0198 §5): each message comes once to each device that it is
//! for, once to the account where that device does not come back, and none is lost.

use anyhow::{Result, ensure};
use rustix::process::Signal;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server};

use super::{Managed, removals_are_done};

/// Short, so that it is soon over.
const SHORT: &str = "[limits]\nresume_seconds = 1";
const NONE: [&str; 0] = [];

impl Managed {
    /// The bodies of the messages that have come by the time that the server has done what it was asked before.
    async fn heard(&mut self) -> Result<Vec<String>> {
        let barrier =
            "<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        self.client.send(barrier).await?;
        let mut bodies = Vec::new();
        loop {
            let stanza = self.stanza().await?;
            if stanza.attr("id") == Some("behind") {
                return Ok(bodies);
            }
            if stanza.name == "message" {
                let body = stanza.child_text("body").unwrap_or("no body");
                bodies.push(body.to_owned());
            }
        }
    }

    /// Waits until the account's other resource is gone, and gives the bodies that came before that.
    async fn is_alone(&mut self) -> Result<Vec<String>> {
        let mut bodies = Vec::new();
        loop {
            let stanza = self.stanza().await?;
            if stanza.name == "presence" && stanza.attr("type") == Some("unavailable") {
                return Ok(bodies);
            }
            bodies.extend(stanza.child_text("body").map(str::to_owned));
        }
    }

    /// Acknowledges all, and ends its stream.
    async fn leave(mut self) -> Result<()> {
        self.acknowledge().await?;
        self.client.close().await?;
        Ok(())
    }
}

/// A resource without stream management, available.
async fn plain(server: &Server, resource: &str) -> Result<Client> {
    let login = Login::new("juliet").resource(resource);
    let (mut client, _) = server.log_in(&login).await?;
    client.send("<presence/>").await?;
    client
        .wait_for("its own presence", |one| one.name == "presence")
        .await?;
    Ok(client)
}

async fn bodies(client: &mut Client, count: usize) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        bodies.push(client.message().await?.1);
    }
    Ok(bodies)
}

/// A phone of Juliet's that is away and a desktop that is there, of the same priority.
async fn away_and_there(server: &Server) -> Result<(Managed, super::Lost, Managed)> {
    let romeo = Managed::new(server, "romeo").await?;
    let phone = Managed::new(server, "juliet").await?;
    let desk = Managed::again(server, "juliet", "desk").await?;
    Ok((romeo, phone.lose(), desk))
}

/// A message that one device has is not put into the spool for the other that is away, and does not come again: neither while that is away,
/// nor when its time is over.
#[tokio::test]
async fn what_one_device_has_does_not_come_again_for_the_sake_of_another() -> Result<()> {
    let server = Settings::new().config(SHORT).start().await?;
    let (mut romeo, _phone, mut desk) = away_and_there(&server).await?;
    for body in ["one", "two", "three"] {
        romeo.chat("juliet", body).await?;
    }
    romeo.has_handled(4).await?;
    assert_eq!(desk.bodies(3).await?, ["one", "two", "three"]);
    desk.acknowledge().await?;
    assert_eq!(desk.is_alone().await?, NONE);
    desk.leave().await?;
    let mut desk = Managed::again(&server, "juliet", "desk").await?;
    assert_eq!(desk.heard().await?, NONE);
    server.stop().await
}

/// The same for a device without stream management, whose copy is delivered when it is written: long before there is a need to keep another.
#[tokio::test]
async fn what_was_written_to_one_device_does_not_come_again() -> Result<()> {
    let server = Server::new().await?;
    let (romeo, _phone, desk) = away_and_there(&server).await?;
    desk.leave().await?;
    // Not managed: nobody but the phone that is away needs a safety copy.
    romeo.leave().await?;
    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    let mut desk = plain(&server, "desk").await?;
    for body in ["one", "two"] {
        let message =
            format!("<message to='juliet@localhost' type='chat'><body>{body}</body></message>");
        romeo.send(&message).await?;
    }
    assert_eq!(bodies(&mut desk, 2).await?, ["one", "two"]);
    desk.close().await?;
    // The phone is still away, and may come back.
    let mut desk = Managed::again(&server, "juliet", "desk").await?;
    assert_eq!(desk.heard().await?, NONE);
    server.stop().await
}

/// The sender hears that a message is handled when one device has it: it does not wait for another that is away.
#[tokio::test]
async fn a_device_that_is_away_keeps_no_sender_waiting() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, phone, desk) = away_and_there(&server).await?;
    desk.leave().await?;
    let mut desk = plain(&server, "desk").await?;
    romeo.chat("juliet", "one").await?;
    assert_eq!(bodies(&mut desk, 1).await?, ["one"]);
    romeo.has_handled(2).await?;
    // It has its own copy all the same.
    let (mut phone, _) = phone.resume(&server).await?;
    assert_eq!(phone.body().await?, "one");
    server.stop().await
}

/// A kill while a device is away brings back nothing that another had.
#[tokio::test]
async fn after_a_kill_nothing_comes_again_that_one_device_had() -> Result<()> {
    let mut server = Server::new().await?;
    let (mut romeo, _phone, mut desk) = away_and_there(&server).await?;
    romeo.chat("juliet", "one").await?;
    assert_eq!(desk.body().await?, "one");
    // The copy of the phone is in the spool before the desktop acknowledges its own.
    romeo.has_handled(2).await?;
    desk.acknowledge().await?;
    desk.has_handled(1).await?;
    removals_are_done(&server, "juliet").await?;
    server.signal(Signal::KILL)?;
    server.wait().await?;
    server.start_again().await?;
    let mut desk = Managed::again(&server, "juliet", "desk").await?;
    assert_eq!(desk.heard().await?, NONE);
    server.stop().await
}

/// What a device that is away has not acknowledged is its own until its time is over; then the account's next device gets it, once.
#[tokio::test]
async fn what_a_device_that_is_away_holds_comes_once_to_the_next() -> Result<()> {
    let server = Settings::new().config(SHORT).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut phone = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet@localhost/r", "one").await?;
    romeo.chat("juliet", "two").await?;
    assert_eq!(phone.bodies(2).await?, ["one", "two"]);
    drop(phone.lose());
    romeo.chat("juliet", "three").await?;
    romeo.has_handled(4).await?;
    let (mut desk, _) = server
        .log_in(&Login::new("juliet").resource("desk"))
        .await?;
    desk.send("<presence><priority>5</priority></presence>")
        .await?;
    assert_eq!(bodies(&mut desk, 3).await?, ["one", "two", "three"]);
    romeo.chat("juliet", "four").await?;
    assert_eq!(bodies(&mut desk, 1).await?, ["four"]);
    desk.close().await?;
    let mut again = Managed::again(&server, "juliet", "again").await?;
    assert_eq!(again.heard().await?, NONE);
    server.stop().await
}

/// Where the device comes back it gets what it had not acknowledged, and the other that came meanwhile does not.
#[tokio::test]
async fn what_a_device_that_is_away_holds_is_not_given_to_another() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut phone = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    assert_eq!(phone.body().await?, "one");
    phone.received -= 1;
    let phone = phone.lose();
    romeo.chat("juliet", "two").await?;
    romeo.has_handled(3).await?;
    let mut desk = Managed::again(&server, "juliet", "desk").await?;
    assert_eq!(desk.heard().await?, NONE);
    let (mut phone, _) = phone.resume(&server).await?;
    assert_eq!(phone.bodies(2).await?, ["one", "two"]);
    phone.acknowledge().await?;
    phone.has_handled(1).await?;
    phone.leave().await?;
    assert_eq!(desk.heard().await?, NONE);
    desk.leave().await?;
    let mut again = Managed::again(&server, "juliet", "again").await?;
    assert_eq!(again.heard().await?, NONE);
    server.stop().await
}

/// A device that is replaced by its own new session gives up what it held to that one, in order and once.
#[tokio::test]
async fn a_device_that_begins_anew_gets_what_it_held_once() -> Result<()> {
    let server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut phone = Managed::new(&server, "juliet").await?;
    for body in ["one", "two"] {
        romeo.chat("juliet@localhost/r", body).await?;
    }
    assert_eq!(phone.bodies(2).await?, ["one", "two"]);
    drop(phone.lose());
    romeo.chat("juliet", "three").await?;
    romeo.has_handled(4).await?;
    let mut phone = plain(&server, "r").await?;
    assert_eq!(bodies(&mut phone, 3).await?, ["one", "two", "three"]);
    romeo.chat("juliet", "four").await?;
    assert_eq!(bodies(&mut phone, 1).await?, ["four"]);
    phone.close().await?;
    let mut again = Managed::again(&server, "juliet", "again").await?;
    assert_eq!(again.heard().await?, NONE);
    server.stop().await
}

/// The other device may have a negative priority when the time of the first is over: what that held waits until it changes its mind, also
/// where it has read the spool before.
#[tokio::test]
async fn what_is_given_up_to_a_negative_priority_waits() -> Result<()> {
    let server = Settings::new().config(SHORT).start().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut desk = Managed::new(&server, "juliet").await?;
    let priority = |value| format!("<presence><priority>{value}</priority></presence>");
    desk.client.send(&priority(-1)).await?;
    assert_eq!(desk.heard().await?, NONE);
    let phone = Managed::again(&server, "juliet", "phone").await?;
    drop(phone.lose());
    romeo.chat("juliet", "one").await?;
    romeo.has_handled(2).await?;
    // While the phone has it, it is nobody else's.
    desk.client.send(&priority(1)).await?;
    assert_eq!(desk.heard().await?, NONE);
    desk.client.send(&priority(-1)).await?;
    assert_eq!(desk.is_alone().await?, NONE);
    assert_eq!(desk.heard().await?, NONE);
    desk.client.send(&priority(1)).await?;
    assert_eq!(desk.body().await?, "one");
    assert_eq!(desk.heard().await?, NONE);
    server.stop().await
}

/// A message whose sender gets an error at the end of the device that it named does not come to another device later.
#[tokio::test]
async fn what_comes_back_to_its_sender_does_not_come_to_anybody() -> Result<()> {
    let server = Settings::new().config(SHORT).start().await?;
    let (mut romeo, _phone, mut desk) = away_and_there(&server).await?;
    romeo
        .client
        .send("<message to='juliet@localhost/r' id='n'><body>normal</body></message>")
        .await?;
    romeo.has_handled(2).await?;
    assert_eq!(desk.is_alone().await?, NONE);
    let error = romeo.stanza().await?;
    assert_eq!(
        (error.attr("id"), error.stanza_error().as_deref()),
        (Some("n"), Some("cancel/service-unavailable"))
    );
    desk.leave().await?;
    let mut desk = Managed::again(&server, "juliet", "desk").await?;
    assert_eq!(desk.heard().await?, NONE);
    server.stop().await
}

/// What is of the moment is not kept for a device that is away; its sender does not wait for it, and nobody gets it later.
#[tokio::test]
async fn what_is_of_the_moment_is_not_kept_for_a_device_that_is_away() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let phone = Managed::new(&server, "juliet").await?;
    drop(phone.lose());
    for message in [
        "<message to='juliet@localhost/r' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<message to='juliet@localhost/r' type='headline'><body>news</body></message>",
        "<message to='juliet@localhost/r' type='chat'><body>secret</body><no-store xmlns='urn:xmpp:hints'/></message>",
    ] {
        romeo.client.send(message).await?;
    }
    romeo.has_handled(4).await?;
    server.signal(Signal::KILL)?;
    server.wait().await?;
    server.start_again().await?;
    let mut phone = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(phone.heard().await?, NONE);
    server.stop().await
}

/// Two devices that come at once share what waited for the account: none of it comes to both, none is missing, and what one of them does not
/// acknowledge is the other's.
#[tokio::test]
async fn what_waited_comes_to_one_of_two_devices_that_come_at_once() -> Result<()> {
    const MESSAGES: usize = 40;
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let sent: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    for body in &sent {
        romeo.chat("juliet", body).await?;
    }
    romeo.has_handled(u32::try_from(MESSAGES)? + 1).await?;
    let mut one = Managed::connected(&server, "juliet", "one").await?;
    let mut other = Managed::connected(&server, "juliet", "other").await?;
    one.client.send("<presence/>").await?;
    other.client.send("<presence/>").await?;
    let (of_one, of_other) = (one.heard().await?, other.heard().await?);
    let mut came: Vec<&String> = of_one.iter().chain(&of_other).collect();
    came.sort_by_key(|body| body.parse::<usize>().unwrap_or_default());
    assert_eq!(came, sent.iter().collect::<Vec<_>>());
    ensure!(
        of_one.is_empty() || of_other.is_empty(),
        "one page is one device's"
    );
    // Whoever got it closes its stream without an ack.
    let (first, mut second) = if of_one.is_empty() {
        (other, one)
    } else {
        (one, other)
    };
    first.client.close().await?;
    assert_eq!(second.bodies(MESSAGES).await?, sent);
    second.leave().await?;
    let mut again = Managed::again(&server, "juliet", "again").await?;
    assert_eq!(again.heard().await?, NONE);
    server.stop().await
}
