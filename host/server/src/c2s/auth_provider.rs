//! Logins at a host whose accounts a provider knows: what is asked of it, and when it is told of the end.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use waxwing_plugins::{AuthStream, Unavailable};
use waxwing_xmpp::{
    jid::BareJid,
    sasl::{Failure, Hash, ScramKeys},
};

use super::connection::Connection;
use crate::{accounts::Admission, context::StreamContext};

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
    let plugins = &connection.cx.plugins;
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
    let plugins = &connection.cx.plugins;
    plugins.scram_keys(auth, username, hash).await
}

/// Finds or makes the record of an account that was proven, and tells the provider of the login. Gives the account's id.
pub(super) async fn admit(connection: &mut Connection, jid: &BareJid) -> Result<u64, Failure> {
    let failed = Failure::TemporaryAuthFailure;
    let auth = connection.auth.as_mut().ok_or(failed)?;
    let cx = &connection.cx;
    let account = match cx.server.accounts.admit(jid).await {
        Ok(Admission::Admitted(account)) => account,
        Ok(Admission::Disabled) => return Err(Failure::AccountDisabled),
        Err(error) => {
            tracing::error!(%error, "cannot make the record of a provider's account");
            return Err(failed);
        }
    };
    let bound = cx.plugins.bind_auth(auth, jid).await;
    bound.map_err(|Unavailable| failed)?;
    Ok(account)
}

/// Tells the provider that the stream is over, after everything else of it: other providers know by then that its session is,
/// unless it waits to be resumed.
pub(super) async fn leave(cx: &StreamContext, auth: Option<Box<AuthStream>>) {
    let Some(auth) = auth else { return };
    let leave = async {
        if let Some(account) = auth.account() {
            cx.server.router.inlet().all_departed(account).await;
        }
        cx.plugins.end_auth(*auth).await;
    };
    // One that takes longer hears nothing more, and nobody waits for it.
    drop(timeout(LEAVE, leave).await);
}
