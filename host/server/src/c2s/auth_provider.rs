//! Logins at a host whose accounts a provider knows: what is asked of it, and when it is told of the end.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use waxwing_plugins::{AuthStream, Unavailable};
use waxwing_xmpp::{
    error::Condition,
    jid::BareJid,
    sasl::{Failure, Hash, ScramKeys},
    stanza::{Kind, PresenceType, Stanza, Type},
};

use super::Connection;
use crate::{accounts::Admission, server::shard::Shard};

/// A refusal leaves no sooner than this after the question. A provider may know at once that there is no such user and take
/// its time over a password: what a client sees of it is the same.
const REFUSAL_AFTER: Duration = Duration::from_millis(300);

/// Time for a provider to take leave of a stream.
const LEAVE: Duration = Duration::from_secs(10);

/// Who the client is, by what PLAIN brought.
pub(super) async fn judge(
    connection: &mut Connection,
    username: String,
    password: String,
) -> Result<BareJid, Failure> {
    let Some(auth) = &mut connection.auth else {
        return Err(Failure::TemporaryAuthFailure);
    };
    let refusal = Instant::now()
        .checked_add(REFUSAL_AFTER)
        .unwrap_or_else(Instant::now);
    let plugins = &connection.shard.plugins;
    let judged = plugins.check_login(auth, username, password).await;
    if judged.is_err() {
        sleep_until(refusal).await;
    }
    judged
}

/// The SCRAM keys of a user.
pub(super) async fn keys(
    connection: &mut Connection,
    username: String,
    hash: Hash,
) -> Result<Option<(BareJid, ScramKeys)>, Unavailable> {
    let auth = connection.auth.as_mut().ok_or(Unavailable)?;
    let plugins = &connection.shard.plugins;
    plugins.scram_keys(auth, username, hash).await
}

/// Finds or makes the record of an account that was proven, and tells the provider of the login. Gives the account's id.
pub(super) async fn admit(connection: &mut Connection, jid: &BareJid) -> Result<u64, Failure> {
    let failed = Failure::TemporaryAuthFailure;
    let auth = connection.auth.as_mut().ok_or(failed)?;
    let shard = &connection.shard;
    let account = match shard.server.accounts.admit(jid).await {
        Ok(Admission::Admitted(account)) => account,
        Ok(Admission::Disabled) => return Err(Failure::AccountDisabled),
        Err(error) => {
            tracing::error!(%error, "cannot make the record of a provider's account");
            return Err(failed);
        }
    };
    let bound = shard.plugins.bind_auth(auth, jid).await;
    bound.map_err(|Unavailable| failed)?;
    Ok(account)
}

/// Whether a stanza is one that the provider must allow first: a request for the presence of an account of its host (RFC
/// 6121 §3.1).
pub(super) fn asks_for_presence(stanza: &Stanza, auth: &AuthStream) -> bool {
    let is_request = matches!(stanza.typed(), Type::Presence(PresenceType::Subscribe));
    let to = stanza
        .to()
        .filter(|_| stanza.kind() == Kind::Presence && is_request);
    to.is_some_and(|to| to.node().is_some() && to.domain().as_str() == auth.host())
}

/// The provider's word on that; the error is for the sender.
pub(super) async fn may_ask(
    shard: &Shard,
    auth: &mut AuthStream,
    stanza: &Stanza,
) -> Result<(), Condition> {
    let Some(to) = stanza.to() else { return Ok(()) };
    let account = to.to_bare();
    match shard.plugins.is_valid_contact(auth, &account).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Condition::ItemNotFound),
        Err(Unavailable) => Err(Condition::InternalServerError),
    }
}

/// Tells the provider that the stream is over, after everything else of it: other providers know by then that its session is,
/// unless it waits to be resumed.
pub(super) async fn leave(shard: &Shard, auth: Option<Box<AuthStream>>) {
    let Some(auth) = auth else { return };
    let leave = async {
        if let Some(account) = auth.account() {
            shard.server.router.inlet().all_departed(account).await;
        }
        shard.plugins.end_auth(*auth).await;
    };
    // One that takes longer hears nothing more, and nobody waits for it.
    drop(timeout(LEAVE, leave).await);
}
