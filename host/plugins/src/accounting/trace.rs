//! Tracing a plugin live: which stanzas it got, what it decided, what that caused and cost. Nothing is recorded while
//! there is no trace; a trace that is read too slowly is told how many calls were left out.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::mpsc;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::quarantine::{Peer, Quarantine};
use crate::model::effects::Effects;
use crate::model::interfaces::Export;
use crate::model::manifest::Manifest;
use crate::model::names::account_of;
use crate::model::outcome::Outcome;
use crate::model::pre_auth_stream::PreAuthStream;

/// Calls that wait to be read by a trace.
const BACKLOG: usize = 256;
/// What is shown of an id or a name, in bytes: both have no limit of their own.
const MAX_TEXT: usize = 256;
/// What a full trace shows of a stanza, in bytes.
const MAX_XML: usize = 16 << 10;
/// How often a flood is interrupted by the number of calls left out.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Payloads of a stanza that are named.
const MAX_PAYLOADS: usize = 16;

/// What a call is about, for the quarantine and for traces.
#[derive(Clone, Copy)]
pub(crate) enum About<'a> {
    /// A stanza of an account, its `from` stamped.
    Stanza(&'a Stanza),
    /// A connection that has not authenticated, and what it asks, if it does.
    Stream(&'a PreAuthStream, Option<&'a Stanza>),
    /// What becomes of an account, given by its JID, with a resource or without.
    Account(&'a str),
    /// No stanza, stream or account: a timer, or another plugin's event.
    Nobody,
}

impl About<'_> {
    /// The peer that the call is for. Calls for no peer in particular count as one peer: a user may cause them
    /// indirectly.
    pub(crate) fn peer(self, quarantine: &Quarantine) -> Peer {
        match self {
            Self::Stanza(stanza) => {
                quarantine.peer(account_of(stanza.from().map_or("", |from| from.as_str())))
            }
            Self::Account(jid) => quarantine.peer(account_of(jid)),
            Self::Stream(stream, _) => quarantine.peer(neighbourhood(stream.address)),
            Self::Nobody => quarantine.peer(""),
        }
    }

    fn stanza(&self) -> Option<&Stanza> {
        match self {
            Self::Stanza(stanza) => Some(stanza),
            Self::Stream(_, stanza) => *stanza,
            Self::Account(_) | Self::Nobody => None,
        }
    }
}

/// An IPv4 address, or the network that one subscriber of IPv6 has to himself.
fn neighbourhood(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

/// A call as it is traced.
pub(crate) struct Traced<'a> {
    pub(crate) export: Export,
    pub(crate) about: About<'a>,
    pub(crate) outcome: Result<Outcome, String>,
    pub(crate) effects: Option<&'a Effects>,
    pub(crate) cpu: Duration,
    pub(crate) waited: Duration,
    pub(crate) wall: Duration,
}

/// The traces of a plugin.
#[derive(Default)]
pub(crate) struct Tracers {
    any: AtomicBool,
    list: Mutex<Vec<Tracer>>,
}

struct Tracer {
    to: mpsc::Sender<TracedCall>,
    missed: Arc<AtomicU64>,
    full: bool,
}

impl Tracers {
    /// Whether there is a trace. All that tracing costs while there is none.
    pub(crate) fn is_any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// How many traces there are.
    pub(crate) fn count(&self) -> usize {
        self.list.lock().len()
    }

    /// Adds a call to all traces.
    pub(crate) fn tell(&self, manifest: &Manifest, call: &Traced<'_>) {
        for tracer in self.list.lock().iter() {
            match tracer.to.try_reserve() {
                Ok(place) => place.send(TracedCall::new(manifest, call, tracer.full)),
                Err(_) => {
                    tracer.missed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn add(&self, full: bool) -> (mpsc::Receiver<TracedCall>, Arc<AtomicU64>) {
        let (to, from) = mpsc::channel(BACKLOG);
        let missed = Arc::<AtomicU64>::default();
        let mut list = self.list.lock();
        list.push(Tracer {
            to,
            missed: Arc::clone(&missed),
            full,
        });
        self.any.store(true, Ordering::Relaxed);
        (from, missed)
    }

    fn leave(&self) {
        let mut list = self.list.lock();
        list.retain(|tracer| !tracer.to.is_closed());
        self.any.store(!list.is_empty(), Ordering::Relaxed);
    }
}

/// The calls of one plugin, in all its versions, from now on. Dropping it ends the trace.
pub struct Trace {
    tracers: Arc<Tracers>,
    calls: mpsc::Receiver<TracedCall>,
    missed: Arc<AtomicU64>,
    /// When the number of calls left out was last given.
    told: Instant,
}

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TraceLine {
    /// A call.
    Call(Box<TracedCall>),
    /// So many calls are left out, since the trace was read too slowly.
    Missed {
        /// The calls.
        missed: u64,
    },
}

/// A call that a plugin served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TracedCall {
    /// When it ended, in milliseconds since 1970 UTC.
    pub at: u64,
    /// The plugin's version.
    pub version: String,
    /// The exported interface.
    pub export: &'static str,
    /// The stanza that it was about, if it was about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stanza: Option<TracedStanza>,
    /// What the plugin decided: its verdict, with the error's condition if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why the call failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What it caused, such as `memory 2`.
    pub effects: Vec<String>,
    /// CPU time in microseconds.
    pub cpu_us: f64,
    /// Time that it waited for the host, in microseconds.
    pub waited_us: f64,
    /// Time from its beginning to its end, in microseconds.
    pub wall_us: f64,
}

/// What is shown of a stanza.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TracedStanza {
    /// `message`, `presence` or `iq`.
    pub kind: &'static str,
    /// Its type, with the standard's default filled in.
    #[serde(rename = "type")]
    pub subtype: &'static str,
    /// From whom.
    pub from: Option<String>,
    /// To whom.
    pub to: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// Its children, as `name` or `{namespace}name`.
    pub payloads: Vec<String>,
    /// The whole of it, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml: Option<String>,
}

impl Trace {
    pub(crate) fn new(tracers: Arc<Tracers>, full: bool) -> Self {
        let (calls, missed) = tracers.add(full);
        Self {
            tracers,
            calls,
            missed,
            told: Instant::now(),
        }
    }

    /// Waits for the next call. How many were left out is told when all that waited was, and each second of a flood.
    /// Never ends by itself; given up midway, it loses nothing.
    pub async fn next(&mut self) -> Option<TraceLine> {
        if self.calls.is_empty() || self.told.elapsed() >= TELL_EVERY {
            let missed = self.missed.swap(0, Ordering::Relaxed);
            if missed > 0 {
                self.told = Instant::now();
                return Some(TraceLine::Missed { missed });
            }
        }
        let call = self.calls.recv().await?;
        Some(TraceLine::Call(Box::new(call)))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.calls.close();
        self.tracers.leave();
    }
}

impl TracedCall {
    fn new(manifest: &Manifest, call: &Traced<'_>, full: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let (outcome, fault) = match &call.outcome {
            Ok(outcome) => (Some(outcome.to_string()), None),
            Err(fault) => (None, Some(cut(fault, MAX_TEXT))),
        };
        Self {
            at: u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(0),
            version: manifest.version.clone(),
            export: call.export.name(),
            stanza: call
                .about
                .stanza()
                .map(|stanza| TracedStanza::new(stanza, full)),
            outcome,
            fault,
            effects: call.effects.map(Effects::summary).unwrap_or_default(),
            cpu_us: microseconds(call.cpu),
            waited_us: microseconds(call.waited),
            wall_us: microseconds(call.wall),
        }
    }
}

impl TracedStanza {
    fn new(stanza: &Stanza, full: bool) -> Self {
        let text = |text: &str| cut(text, MAX_TEXT);
        let default_ns = stanza.element().ns();
        let payload = |child: waxwing_xml::ElementRef<'_>| {
            if child.ns() == default_ns {
                text(child.name())
            } else {
                text(&format!("{{{}}}{}", child.ns(), child.name()))
            }
        };
        let children = stanza.element().children();
        Self {
            kind: stanza.kind().name(),
            subtype: stanza.typed().name(),
            from: stanza.from().map(|jid| text(jid.as_str())),
            to: stanza.to().map(|jid| text(jid.as_str())),
            id: stanza.id().map(text),
            payloads: children.take(MAX_PAYLOADS).map(payload).collect(),
            xml: full.then(|| cut(&stanza.element().to_xml(), MAX_XML)),
        }
    }
}

fn cut(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    match text.get(..end) {
        Some(part) if part.len() < text.len() => format!("{part}…"),
        _ => text.to_owned(),
    }
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests;
