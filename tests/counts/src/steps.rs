//! The steps that are counted.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use waxwing_server::Routing;
use waxwing_xml::{Context, Element, Limits, StreamEvent, StreamParser};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::jid::{self, Jid};
use waxwing_xmpp::stanza::Stanza;

use crate::judge::judge;

const CLIENT: &str = "jabber:client";
const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const MESSAGE: &str = "<message to='romeo@montague.example/orchard' type='chat' \
    id='d9a1a3b4-0c11-4d1c-9a3c-71d3c1a1e0b2'><body>Art thou not Romeo, and a Montague? Neither, fair saint, \
    if thee dislike.</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>";
const PLAIN: &str = "<message to='romeo@montague.example/orchard' type='chat' id='d9a1a3b4'><body>Art thou not Romeo, \
    and a Montague? Neither, fair saint, if thee dislike.</body></message>";
const PRESENCE: &str = "<presence><show>away</show><priority>5</priority>\
    <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example/' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>";
const REQUEST: &str =
    "<iq type='get' id='ping-1' to='montague.example'><ping xmlns='urn:xmpp:ping'/></iq>";
const RECEIVER: &str = "romeo@montague.example/orchard";
const SENDER: &str = "juliet@capulet.example/balcony";

/// Does a step so many times.
type Step = fn(u32) -> Result<()>;

/// All steps by their names.
pub(crate) fn all() -> [(&'static str, Step); 11] {
    [
        ("parse a message", |times| parse(times, MESSAGE)),
        ("parse a message byte by byte", byte_by_byte),
        ("write a message", write),
        ("validate a message", validate),
        ("pass a message on", |times| pass_on(times, MESSAGE)),
        ("pass presence on", |times| pass_on(times, PRESENCE)),
        ("answer a ping", answer),
        ("prepare an address", prepare),
        ("route a message", route),
        ("take a plain message all the way", carry),
        ("have a hook judge a message", judged),
    ]
}

fn parse(times: u32, xml: &str) -> Result<()> {
    let mut parser = open()?;
    for _ in 0..times {
        black_box(element(&mut parser, black_box(xml))?);
    }
    Ok(())
}

fn byte_by_byte(times: u32) -> Result<()> {
    let mut parser = open()?;
    for _ in 0..times {
        for mut byte in black_box(MESSAGE).as_bytes().chunks(1) {
            black_box(parser.next(&mut byte)?);
        }
    }
    Ok(())
}

fn write(times: u32) -> Result<()> {
    let element = element(&mut open()?, MESSAGE)?;
    let mut out = Vec::new();
    for _ in 0..times {
        written(black_box(&element), &mut out);
    }
    Ok(())
}

/// From a tree to a stanza with the sender's address, as for each that a client sends.
fn validate(times: u32) -> Result<()> {
    let element = element(&mut open()?, MESSAGE)?;
    let sender = Arc::new(jid::parse(SENDER)?);
    for _ in 0..times {
        black_box(stanza(black_box(element.clone()), &sender)?);
    }
    Ok(())
}

/// From what one client sends to what another gets.
fn pass_on(times: u32, xml: &str) -> Result<()> {
    let mut parser = open()?;
    let sender = Arc::new(jid::parse(SENDER)?);
    let mut out = Vec::new();
    for _ in 0..times {
        let stanza = stanza(element(&mut parser, black_box(xml))?, &sender)?;
        written(stanza.element(), &mut out);
    }
    Ok(())
}

fn answer(times: u32) -> Result<()> {
    let mut parser = open()?;
    let sender = Arc::new(jid::parse(SENDER)?);
    let mut out = Vec::new();
    for _ in 0..times {
        let request = stanza(element(&mut parser, black_box(REQUEST))?, &sender)?;
        written(&request.result_reply(None), &mut out);
    }
    Ok(())
}

fn prepare(times: u32) -> Result<()> {
    for _ in 0..times {
        black_box(jid::parse(black_box(SENDER))?);
    }
    Ok(())
}

fn route(times: u32) -> Result<()> {
    let domain = jid::parse(RECEIVER)?.domain().to_string();
    let routing = Routing::to(&domain, [RECEIVER])?;
    let message = sent()?;
    for _ in 0..times {
        let came = routing.pass(black_box(message.clone()), 0);
        ensure!(came, "the message did not come to its receiver");
    }
    Ok(())
}

/// All that a message of two users goes through inside: read, checked, routed, written.
fn carry(times: u32) -> Result<()> {
    let domain = jid::parse(RECEIVER)?.domain().to_string();
    let routing = Routing::to(&domain, [RECEIVER])?;
    let mut parser = open()?;
    let sender = Arc::new(jid::parse(SENDER)?);
    let mut out = Vec::new();
    for _ in 0..times {
        let message = stanza(element(&mut parser, black_box(PLAIN))?, &sender)?;
        let element = message.element().clone();
        let came = routing.pass(message, 0);
        ensure!(came, "the message did not come to its receiver");
        written(&element, &mut out);
    }
    Ok(())
}

fn judged(times: u32) -> Result<()> {
    judge(times, &sent()?)
}

/// A message as the router and the hooks get it.
fn sent() -> Result<Stanza> {
    let sender = Arc::new(jid::parse(SENDER)?);
    stanza(element(&mut open()?, MESSAGE)?, &sender)
}

/// A parser after the stream header.
fn open() -> Result<StreamParser> {
    let mut parser = StreamParser::new(Limits::stanza());
    let mut header = HEADER.as_bytes();
    parser.next(&mut header)?;
    Ok(parser)
}

fn element(parser: &mut StreamParser, xml: &str) -> Result<Element> {
    let mut rest = xml.as_bytes();
    match parser.next(&mut rest)? {
        Some(StreamEvent::Element(element)) => Ok(element),
        other => Err(anyhow!("no stanza but {other:?}")),
    }
}

fn stanza(element: Element, sender: &Arc<Jid>) -> Result<Stanza> {
    let stanza =
        Stanza::parse(element, ContentNamespace::Client).map_err(|fault| anyhow!("{fault:?}"));
    let mut stanza = stanza.context("the stanza is refused")?;
    stanza.stamp_from(Arc::clone(sender));
    stanza.inherit_lang(Some("en"));
    Ok(stanza)
}

fn written(element: &Element, out: &mut Vec<u8>) {
    out.clear();
    element.write(&Context::stream(CLIENT), out);
    black_box(out);
}
