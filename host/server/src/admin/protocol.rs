//! What is said on the administration socket: a line of JSON each way.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the protocol. Commands and server are one binary, but a new command may meet a server not yet restarted.
pub(super) const VERSION: u32 = 1;

/// Longest request, in bytes.
pub(super) const MAX_REQUEST: usize = 1024 * 1024;

/// Most accounts in one [`Request::UserImport`].
pub(super) const MAX_IMPORT: usize = 64;

/// A command. Addresses are as the operator wrote them.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account.
    UserAdd(NewUser),
    /// Makes accounts, at most 64; the answer is a list with, for each, null or the reason why not.
    UserImport {
        /// The accounts.
        users: Vec<NewUser>,
    },
    /// Removes an account and ends its sessions.
    UserRemove {
        /// The account.
        jid: String,
    },
    /// Gives an account a new password.
    UserPasswd(NewUser),
    /// Forbids an account to log in and ends its sessions.
    UserDisable {
        /// The account.
        jid: String,
    },
    /// Allows an account to log in again.
    UserEnable {
        /// The account.
        jid: String,
    },
    /// All accounts; the answer is a list of [`User`].
    UserList {},
    /// The site's user behind an account, where a plugin keeps the accounts; the answer is its name, or null.
    UserBehind {
        /// The account.
        jid: String,
    },
    /// The account of a site's user; the answer is its address, or null.
    UserOfSite {
        /// The domain of the account.
        domain: String,
        /// The user's name on the site.
        user: String,
    },
    /// All plugins.
    PluginList {},
    /// What the plugins that serve have done and cost, or one of them.
    PluginStats {
        /// Its name.
        name: Option<String>,
    },
    /// The calls of a plugin as they happen: an answer without a value, then one for each, until the connection ends.
    PluginTrace {
        /// Its name.
        name: String,
        /// Shows stanzas whole.
        full: bool,
    },
    /// Loads a plugin anew.
    PluginReload {
        /// Its name.
        name: String,
    },
    /// Lets a disabled plugin serve; the answer is a list of the plugins that came.
    PluginEnable {
        /// Its name.
        name: String,
    },
    /// Ends a plugin until it is enabled; the answer is a list of the others that went too.
    PluginDisable {
        /// Its name.
        name: String,
    },
    /// Keeps what is granted to a component that is about to be installed.
    PluginGrant {
        /// The plugin's name.
        name: String,
        /// The component's SHA-256, in hexadecimal.
        sha256: String,
        /// The grants.
        grants: Vec<String>,
    },
}

/// An account to make, or its new password. Has no `Debug`: passwords do not belong in a log.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The account.
    pub jid: String,
    /// Its password.
    pub password: String,
}

/// An account in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub jid: String,
    /// True: may not log in.
    pub disabled: bool,
    /// When it was made, in seconds since 1970 UTC.
    pub created_at: i64,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The line, with its end, of a request.
pub(super) fn write_request(request: &Request) -> serde_json::Result<Vec<u8>> {
    line(&Envelope {
        version: VERSION,
        request: serde_json::to_value(request)?,
    })
}

/// A request from its line; the error is for the one who sent it.
pub(super) fn read_request(line: &[u8]) -> Result<Request, String> {
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
    if envelope.version != VERSION {
        return Err(format!(
            "the server speaks version {VERSION} of the administration protocol, not {}; use the same waxwing for both",
            envelope.version
        ));
    }
    serde_json::from_value(envelope.request).map_err(|error| format!("not a request: {error}"))
}

/// The line, with its end, of an answer.
pub(super) fn write_answer(result: Result<Value, String>) -> serde_json::Result<Vec<u8>> {
    let (ok, error) = match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    };
    line(&Answer {
        version: VERSION,
        ok,
        error,
    })
}

/// An answer from its line: what the server returned or complained of, or else what is wrong with the line.
pub(super) fn read_answer(line: &[u8]) -> serde_json::Result<Result<Value, String>> {
    let answer: Answer = serde_json::from_slice(line)?;
    Ok(answer
        .error
        .map_or(Ok(answer.ok.unwrap_or(Value::Null)), Err))
}

fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
