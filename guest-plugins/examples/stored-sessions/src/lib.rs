//! Records sessions in the plugin's own storage, where what reads the database can see who is online. An account has at most so
//! many sessions; the newest claim to an address has it. What a server left behind that was killed is forgotten at the next start.
use storage::Owner;
use waxwing_plugin::prelude::*;

/// Before the full JID in a key.
const SESSION: &str = "session/";

/// Keys read at a time.
const PAGE: u32 = 500;

struct Stored {
    /// Sessions that an account may have.
    most: usize,
}

/// What is kept of a session: its id, and its priority while it is available.
struct Row {
    jid: String,
    id: u64,
    priority: Option<i8>,
}

impl Row {
    fn write(&self) -> String {
        let priority = self.priority.map(|priority| priority.to_string());
        format!("{} {}", self.id, priority.unwrap_or_default())
    }

    fn read(key: &str, value: &[u8]) -> Option<Self> {
        let (id, priority) = str::from_utf8(value).ok()?.split_once(' ')?;
        Some(Self {
            jid: key.strip_prefix(SESSION)?.to_owned(),
            id: id.parse().ok()?,
            priority: priority.parse().ok(),
        })
    }
}

impl Plugin for Stored {
    fn manifest() -> Manifest {
        manifest!("records sessions in its own storage")
            .ask("storage")
            .ask("sessions")
            .setting(Setting::integer("sessions", "most sessions of an account").default("16"))
            .sessions(AuthOffer::PRIORITY)
    }

    fn init(_: Scope) -> Result<Self, String> {
        let most = config::integer("sessions").and_then(|most| usize::try_from(most).ok());
        Ok(Self {
            most: most.ok_or("sessions is no number of sessions")?,
        })
    }

    /// Forgets what is not connected: after a crash that is everything, after a reload nothing.
    fn started(&self) -> Result<(), String> {
        for row in rows("").map_err(|_| "the storage cannot be read")? {
            let account = waxwing_plugin::jid::bare(&row.jid);
            let connected = sessions::of_account(account).unwrap_or_default();
            if connected.iter().all(|session| session.jid != row.jid) {
                forget(&row.jid).map_err(|_| "the storage cannot be written")?;
            }
        }
        Ok(())
    }
}

fn key(jid: &str) -> String {
    format!("{SESSION}{jid}")
}

/// The rows whose full JIDs begin so.
fn rows(prefix: &str) -> Result<Vec<Row>, SessionFailure> {
    let (prefix, mut last, mut rows) = (key(prefix), None, Vec::new());
    loop {
        let page = storage::scan(&Owner::Plugin, &prefix, last.as_deref(), PAGE, true);
        let page = page.map_err(|_| SessionFailure::Unavailable)?;
        rows.extend(page.entries.iter().filter_map(|entry| {
            let value = entry.value.as_deref()?;
            Row::read(&entry.key, value)
        }));
        last = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            return Ok(rows);
        }
    }
}

fn row(jid: &str) -> Result<Option<Row>, SessionFailure> {
    let value = storage::get(&Owner::Plugin, &key(jid));
    let value = value.map_err(|_| SessionFailure::Unavailable)?;
    Ok(value.and_then(|value| Row::read(&key(jid), &value)))
}

fn keep(row: &Row) -> Result<(), SessionFailure> {
    let kept = storage::put(&Owner::Plugin, &key(&row.jid), row.write().as_bytes());
    kept.map_err(|_| SessionFailure::Unavailable)
}

fn forget(jid: &str) -> Result<(), SessionFailure> {
    storage::delete(&Owner::Plugin, &key(jid)).map_err(|_| SessionFailure::Unavailable)
}

impl SessionProvider for Stored {
    fn bind(&self, session: &BoundSession) -> Result<Claim, SessionFailure> {
        if row(&session.jid)?.is_some() {
            return Ok(Claim::InUse);
        }
        let account = waxwing_plugin::jid::bare(&session.jid);
        if rows(&format!("{account}/"))?.len() >= self.most {
            return Ok(ErrorCondition::ResourceConstraint.into());
        }
        keep(&Row {
            jid: session.jid.clone(),
            id: session.id,
            priority: None,
        })?;
        Ok(Claim::Bound)
    }

    fn unbind(&self, session: &BoundSession) {
        // Who took the address over keeps it.
        let is_own = row(&session.jid).is_ok_and(|row| row.is_some_and(|row| row.id == session.id));
        if is_own && forget(&session.jid).is_err() {
            log::write(log::Level::Warn, "a session is not forgotten");
        }
    }

    fn release(&self, jid: &str) -> Result<(), SessionFailure> {
        forget(jid)
    }

    fn set_presence(
        &self,
        session: &BoundSession,
        priority: Option<i8>,
        _: Option<&str>,
    ) -> Result<(), SessionFailure> {
        match row(&session.jid)? {
            Some(row) if row.id == session.id => keep(&Row { priority, ..row }),
            _ => Ok(()),
        }
    }

    fn resources(&self, account: &str) -> Result<Vec<SessionEntry>, SessionFailure> {
        let rows = rows(&format!("{account}/"))?.into_iter();
        Ok(rows
            .map(|row| SessionEntry {
                name: waxwing_plugin::jid::resource(&row.jid)
                    .unwrap_or_default()
                    .to_owned(),
                priority: row.priority,
            })
            .collect())
    }
}

waxwing_plugin::plugin!(Stored: SessionProvider);

#[cfg(test)]
mod tests;
