//! What is said on the administration socket: a line of JSON each way. The commands of a group stand in the group's file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    plugin::{PluginCommand, PluginDecision, Trace},
    user::{AccountCommand, Lookup, User},
};

/// Version of the protocol. Commands and server are one binary, but a new command may meet a server not yet restarted.
pub(super) const VERSION: u32 = 2;

/// Longest request, in bytes.
pub(super) const MAX_REQUEST: usize = 1024 * 1024;

/// A command, by its group. Addresses are as the operator wrote them.
#[derive(Serialize, Deserialize)]
#[serde(tag = "group", content = "command", rename_all = "kebab-case")]
pub enum Request {
    /// On accounts; also on a stopped server.
    Account(AccountCommand),
    /// A question to the plugin that keeps the accounts of a host.
    Lookup(Lookup),
    /// On the plugins of a running server.
    Plugin(PluginCommand),
    /// About a plugin, to be remembered; also on a stopped server.
    Decision(PluginDecision),
    /// The calls of a plugin as they happen: [`Reply::Done`], then a [`Reply::Call`] for each, until the connection ends.
    Trace(Trace),
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "kebab-case")]
pub enum Reply {
    /// It is done.
    Done,
    /// All accounts.
    Accounts(Vec<User>),
    /// Of an import, for each account, why it was not made; none if it was.
    Imported(Vec<Option<Failure>>),
    /// A name or an address that was looked up, if there is one.
    Found(Option<String>),
    /// Names of plugins.
    Names(Vec<String>),
    /// Plugins, loaded or not, an object each; shown as they are, in the order of their keys.
    Plugins(Vec<Value>),
    /// What plugins have done and cost, an object each.
    Stats(Value),
    /// A call of a plugin that is traced.
    Call(Value),
}

/// Why a command was not carried out. Its text is one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "failure", content = "of", rename_all = "kebab-case")]
pub enum Failure {
    /// The text is not the address of an account.
    #[error("`{text}` is not an account such as alice@{domain}")]
    NotAnAccount {
        /// What the operator wrote.
        text: String,
        /// A domain that is served.
        domain: String,
    },
    /// The domain of an account is not served.
    #[error("{jid}: the domain is not served here; these are: {domains}")]
    DomainNotServed {
        /// The account.
        jid: String,
        /// Those that are, with commas between.
        domains: String,
    },
    /// An account cannot be changed so.
    #[error("{jid}: {reason}")]
    Account {
        /// The account.
        jid: String,
        /// Why.
        reason: String,
    },
    /// The database failed, or the plugin that keeps the accounts.
    #[error("{0}")]
    Unavailable(String),
    /// An import has too many accounts for one request.
    #[error("{number} accounts at once are more than {most}")]
    TooManyAccounts {
        /// How many it has.
        number: usize,
        /// How many it may have.
        most: usize,
    },
    /// The platform refuses what is asked about a plugin.
    #[error("{0}")]
    Plugin(String),
    /// Too many watch plugins at once.
    #[error("{0} traces are under way already; end one of them")]
    TooManyTraces(usize),
    /// A request has too many bytes.
    #[error("a request is longer than {0} bytes")]
    TooLong(usize),
    /// A line is no request.
    #[error("not a request: {0}")]
    Malformed(String),
    /// The client is of another version.
    #[error(
        "the server speaks version {server} of the administration protocol, not {client}; use the same waxwing for both"
    )]
    Version {
        /// The server's.
        server: u32,
        /// The client's.
        client: u32,
    },
}

/// A request as sent; the command is read once the version is known.
#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u32,
    request: Value,
}

/// An answer as sent.
#[derive(Serialize, Deserialize)]
struct Answer {
    version: u32,
    result: Result<Reply, Failure>,
}

/// The line, with its end, of a request.
pub(super) fn write_request(request: &Request) -> serde_json::Result<Vec<u8>> {
    line(&Envelope {
        version: VERSION,
        request: serde_json::to_value(request)?,
    })
}

/// A request from its line; the failure is for the one who sent it.
pub(super) fn read_request(line: &[u8]) -> Result<Request, Failure> {
    let malformed = |error: serde_json::Error| Failure::Malformed(error.to_string());
    let envelope: Envelope = serde_json::from_slice(line).map_err(malformed)?;
    if envelope.version != VERSION {
        return Err(Failure::Version {
            server: VERSION,
            client: envelope.version,
        });
    }
    serde_json::from_value(envelope.request).map_err(malformed)
}

/// The line, with its end, of an answer.
pub(super) fn write_answer(result: Result<Reply, Failure>) -> serde_json::Result<Vec<u8>> {
    line(&Answer {
        version: VERSION,
        result,
    })
}

/// An answer from its line: what the server replied or complained of, or else what is wrong with the line.
pub(super) fn read_answer(line: &[u8]) -> serde_json::Result<Result<Reply, Failure>> {
    let answer: Answer = serde_json::from_slice(line)?;
    Ok(answer.result)
}

fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
