//! The loads. Each sets up its sessions, lets them run, and measures for a while.

mod chat;
mod idle;
mod logins;
mod open;
mod presence;
mod requests;
mod turns;

use std::time::Duration;

use anyhow::Result;

pub(crate) use chat::Chat;

use crate::generator::Target;
use crate::metric::Values;
use crate::subjects::Friends;

/// What is put on a server.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// Pairs of users talk: as many messages are sent as arrive.
    Chat(Chat),
    /// Many sessions, each of which sends when it is its turn.
    Turns { sessions: u32 },
    /// Requests to the server, one on its way in each session.
    Requests { payload: &'static str },
    /// Users log in and out, many at a time.
    Logins,
    /// A user with so many contacts comes and goes.
    Presence { contacts: u32 },
    /// Sessions that do nothing, with so many contacts on each roster.
    Idle { sessions: u32, contacts: u32 },
    /// Messages at so many percent of the rate that the server can do.
    Latency(Chat, u32),
}

impl Load {
    /// Users who take part.
    pub(crate) fn accounts(&self) -> u32 {
        match self {
            Self::Chat(chat) | Self::Latency(chat, _) => chat.sessions(),
            Self::Turns { sessions } => *sessions,
            Self::Requests { .. } => requests::SESSIONS,
            Self::Logins => logins::AT_ONCE * logins::ACCOUNTS,
            Self::Presence { contacts } => contacts + 1,
            Self::Idle { sessions, .. } => *sessions + idle::BEFORE,
        }
    }

    /// Octets of a message, where there are any.
    pub(crate) fn message(&self) -> u32 {
        match self {
            Self::Chat(chat) | Self::Latency(chat, _) => chat.bytes,
            Self::Turns { .. } => turns::BYTES,
            _ => 1,
        }
    }

    pub(crate) fn friends(&self) -> Friends {
        match self {
            Self::Presence { .. } => Friends::Star,
            Self::Idle { contacts, .. } if *contacts > 0 => Friends::Ring(*contacts),
            _ => Friends::None,
        }
    }

    /// Puts the load on a server and measures it.
    pub(crate) async fn put(&self, target: &Target, span: Duration) -> Result<Values> {
        match self {
            Self::Chat(chat) => chat::run(*chat, target, span).await,
            Self::Turns { sessions } => turns::run(*sessions, target, span).await,
            Self::Requests { payload } => requests::run(payload, target, span).await,
            Self::Logins => logins::run(target, span).await,
            Self::Presence { contacts } => presence::run(*contacts, target, span).await,
            Self::Idle { sessions, .. } => idle::run(*sessions, target).await,
            Self::Latency(chat, percent) => open::run(*chat, *percent, target, span).await,
        }
    }
}

/// Tasks that end with the measurement; one that fails ends it.
struct Tasks(tokio::task::JoinSet<Result<()>>);

impl Tasks {
    fn new() -> Self {
        Self(tokio::task::JoinSet::new())
    }

    fn add(&mut self, task: impl Future<Output = Result<()>> + 'static) {
        self.0.spawn_local(task);
    }

    /// The outcome of `work`, unless a task ends before.
    async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            Some(ended) = self.0.join_next() => {
                ended??;
                anyhow::bail!("a session ended by itself")
            }
        }
    }
}
