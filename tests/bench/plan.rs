//! Which load goes on which subject.

use anyhow::{Result, bail};

use crate::subjects::{Instances, Server, Subject};
use crate::workloads::{Chat, Load};

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const DISCO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

/// Loads whose figures are shown beside each other.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What is done, in a line.
    pub(crate) about: &'static str,
    /// What is counted, in the singular.
    pub(crate) unit: &'static str,
    /// What the cases differ in beside the subject, where that is a number.
    pub(crate) axis: Option<&'static str>,
    /// More rounds would tell nothing more.
    pub(crate) most_rounds: usize,
    pub(crate) cases: Vec<Case>,
}

/// One load on one subject.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) subject: Subject,
    /// Where the case stands on the axis.
    pub(crate) at: Option<u32>,
    pub(crate) tls: bool,
    pub(crate) load: Load,
}

const CHAT: Chat = Chat {
    pairs: 50,
    others: 0,
    window: 1,
    bytes: 300,
    managed: false,
};
const CHAT_4: Chat = Chat { window: 4, ..CHAT };

fn waxwing() -> Subject {
    Subject::new(Server::Waxwing)
}

fn others() -> [Subject; 2] {
    [Server::Prosody, Server::Ejabberd].map(Subject::new)
}

/// This server and the other two.
fn servers() -> [Subject; 3] {
    let [prosody, ejabberd] = others();
    [waxwing(), prosody, ejabberd]
}

/// The same, with the floor under them, and with hooks that judge every message.
fn with_hooks() -> [Subject; 6] {
    let [waxwing, prosody, ejabberd] = servers();
    let relay = Subject::new(Server::Relay);
    [
        relay,
        waxwing,
        waxwing.hooks(1),
        waxwing.hooks(5),
        prosody,
        ejabberd,
    ]
}

fn with_relay() -> [Subject; 4] {
    let [waxwing, prosody, ejabberd] = servers();
    [Subject::new(Server::Relay), waxwing, prosody, ejabberd]
}

fn workload(name: &'static str, about: &'static str, unit: &'static str) -> Workload {
    Workload {
        name,
        about,
        unit,
        axis: None,
        most_rounds: usize::MAX,
        cases: Vec::new(),
    }
}

impl Workload {
    fn on(mut self, subjects: impl IntoIterator<Item = Subject>, load: &Load) -> Self {
        self.cases.extend(subjects.into_iter().map(|subject| Case {
            subject,
            at: None,
            tls: false,
            load: load.clone(),
        }));
        self
    }

    /// With TLS 1.3 by STARTTLS.
    fn tls(mut self) -> Self {
        for case in &mut self.cases {
            case.tls = true;
        }
        self
    }

    fn along(mut self, axis: &'static str) -> Self {
        self.axis = Some(axis);
        self
    }

    fn at(mut self, at: u32, subjects: impl IntoIterator<Item = Subject>, load: &Load) -> Self {
        let before = self.cases.len();
        self = self.on(subjects, load);
        for case in self.cases.iter_mut().skip(before) {
            case.at = Some(at);
        }
        self
    }

    fn at_most(mut self, rounds: usize) -> Self {
        self.most_rounds = rounds;
        self
    }
}

/// Everything that can be measured, in the order in which it is.
fn all() -> Vec<Workload> {
    let mut all = chats();
    all.extend(requests());
    all.extend(idle());
    all.extend(curves());
    all
}

fn chats() -> Vec<Workload> {
    let (one, four) = (Load::Chat(CHAT), Load::Chat(CHAT_4));
    let managed = Load::Chat(Chat {
        managed: true,
        ..CHAT
    });
    let chat = |name, about| workload(name, about, "message");
    let mut latency = chat(
        "latency",
        "50 pairs of users, at shares of the rate that chat-1 reaches on the same server just before; a message's time runs from when it was due",
    )
    .along("percent of the rate");
    for percent in [25, 50, 75] {
        let load = Load::Latency(CHAT, percent);
        latency = latency
            .at(percent, [waxwing(), waxwing().hooks(1)], &load)
            .at(percent, others(), &load);
    }
    vec![
        chat(
            "chat-1",
            "50 pairs of users, one message of 300 octets on the way in each",
        )
        .on(with_hooks(), &one),
        chat(
            "chat-4",
            "50 pairs of users, four messages of 300 octets on the way in each",
        )
        .on(with_hooks(), &four),
        chat("chat-tls", "as chat-1, over TLS 1.3").on(servers(), &one).tls(),
        chat(
            "chat-managed",
            "as chat-1, with stream management on both sides; each sender asks for an acknowledgement after ten messages",
        )
        .on(servers(), &managed),
        latency,
    ]
}

fn requests() -> Vec<Workload> {
    let answers = |name, about| workload(name, about, "answer");
    let logins = |name, about| workload(name, about, "login");
    vec![
        answers(
            "ping",
            "50 users ping the server; in this one a plugin answers",
        )
        .on(servers(), &Load::Requests { payload: PING }),
        answers(
            "disco",
            "50 users ask the server what it can do; in this one a plugin answers",
        )
        .on(servers(), &Load::Requests { payload: DISCO }),
        logins(
            "logins",
            "users log in by SCRAM-SHA-1 up to a bound resource and leave, 32 at a time",
        )
        .on(servers(), &Load::Logins),
        logins(
            "logins-tls",
            "the same after STARTTLS: TLS 1.3, ECDSA P-256, full handshakes",
        )
        .on(servers(), &Load::Logins)
        .tls(),
        workload(
            "presence",
            "a user with 500 contacts who are there comes and goes; presence that arrives is counted, time is that of coming and going",
            "presence",
        )
        .on(servers(), &Load::Presence { contacts: 500 }),
    ]
}

fn idle() -> Vec<Workload> {
    let idle = |name, about| workload(name, about, "session").at_most(1);
    let load = |sessions, contacts| Load::Idle { sessions, contacts };
    vec![
        idle(
            "idle",
            "2,000 users more than 1,000 who are there and do nothing, with nobody on the roster",
        )
        .on(with_relay(), &load(2_000, 0)),
        idle("idle-tls", "the same over TLS")
            .on(servers(), &load(2_000, 0))
            .tls(),
        idle(
            "idle-roster",
            "1,000 users more than 1,000 who are there and do nothing, with 50 contacts each who are there too",
        )
        .on([waxwing()], &load(1_000, 50)),
        idle("idle-roster-tls", "the same over TLS")
            .on([waxwing()], &load(1_000, 50))
            .tls(),
    ]
}

fn curves() -> Vec<Workload> {
    let mut sizes = workload(
        "sizes",
        "as chat-1, with larger and smaller messages",
        "message",
    )
    .along("octets of a message")
    .at_most(2);
    for bytes in [100, 1_024, 65_536] {
        let load = Load::Chat(Chat { bytes, ..CHAT });
        sizes = sizes.at(bytes, with_relay(), &load);
    }
    let mut hooks = workload(
        "hooks",
        "as chat-4, with more plugins that judge every message",
        "message",
    )
    .along("hooks");
    for count in [0, 1, 2, 5, 10, 20] {
        hooks = hooks.at(count, [waxwing().hooks(count)], &Load::Chat(CHAT_4));
    }
    let all = [Instances::Free, Instances::OfGroup, Instances::New];
    let instances = workload(
        "instances",
        "as chat-4, with a hook whose calls go to one instance, to one of 32 by the sender's group, or to a new one each",
        "message",
    )
    .on(all.map(|which| waxwing().hooks(1).instances(which)), &Load::Chat(CHAT_4));
    let mut curves = vec![sizes, hooks, instances];
    curves.extend(shards());
    curves.extend(sessions());
    curves
}

/// One shard and two, which share the second processor with the generator; sessions land on a shard at random.
fn shards() -> Vec<Workload> {
    let on = |name, about, chat| {
        let empty = workload(name, about, "message").along("shards");
        [1, 2].into_iter().fold(empty, |on, cores| {
            on.at(cores, [waxwing().cores(cores)], &Load::Chat(chat))
        })
    };
    let crowd = |window| Chat {
        pairs: 400,
        window,
        ..CHAT
    };
    vec![
        on(
            "shards",
            "400 pairs of users, one message of 300 octets on the way in each: no shard runs out of work",
            crowd(1),
        ),
        on(
            "shards-4",
            "400 pairs of users, four messages of 300 octets on the way in each",
            crowd(4),
        ),
        on(
            "shards-few",
            "as chat-4: two shards handle what there is faster than it comes, and sleep between",
            CHAT_4,
        ),
    ]
}

fn sessions() -> [Workload; 2] {
    let on = |name, about| {
        workload(name, about, "message")
            .along("sessions")
            .at_most(2)
    };
    let relay = Subject::new(Server::Relay);
    let mut all = on(
        "sessions",
        "more and more sessions send in turn, 50 messages of 300 octets on the way among all of them",
    );
    let mut crowd = on(
        "crowd",
        "as chat-1, among more and more sessions that are there and say nothing",
    );
    for count in [100, 1_000, 5_000, 10_000, 15_000] {
        all = all.at(count, [waxwing(), relay], &Load::Turns { sessions: count });
        let load = Load::Chat(Chat {
            others: count - CHAT.pairs * 2,
            ..CHAT
        });
        crowd = crowd.at(count, [waxwing(), relay], &load);
    }
    [all, crowd]
}

/// The workloads that were named, or all.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<Workload>> {
    let all = all();
    if let Some(unknown) = names
        .iter()
        .find(|name| all.iter().all(|workload| workload.name != **name))
    {
        bail!("there is no workload `{unknown}`; --list names them");
    }
    let wanted =
        |workload: &Workload| names.is_empty() || names.iter().any(|name| name == workload.name);
    Ok(all.into_iter().filter(wanted).collect())
}

/// Names and descriptions, a line each.
pub(crate) fn listing(workloads: &[Workload]) -> String {
    let mut lines = String::new();
    for workload in workloads {
        lines += &format!("{:<16} {}\n", workload.name, workload.about);
    }
    lines
}
