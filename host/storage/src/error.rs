//! What can go wrong, and whose matter it is.

use std::error::Error;

/// The reason from the database engine. For the log, not for peers.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// A failed call. A `database` is the file or the address of one, without what may be a password.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operator asked for an engine that this version does not have.
    #[error(
        "storage url `{url}` is not served by this version; use `sqlite:FILE` or `postgres://USER@HOST/DATABASE`"
    )]
    Unsupported {
        /// As configured, without what may be a password.
        url: String,
    },
    /// The database cannot be opened or made.
    #[error("cannot open the database {database}: {reason}; is the folder there, and writable?")]
    Open {
        /// The database.
        database: String,
        /// What the engine or the system says.
        reason: Cause,
    },
    /// The database's server does not let us in, or does not answer. It may later.
    #[error("cannot reach the database {database}: {reason}")]
    Unreachable {
        /// The database.
        database: String,
        /// What the engine or the system says.
        reason: String,
    },
    /// Another process uses the database: what each remembers of it would not hold.
    #[error(
        "the database {database} is in use by another waxwing; a database belongs to one server"
    )]
    InUse {
        /// The database.
        database: String,
    },
    /// The file is something else, or damaged.
    #[error("{database} is damaged or not a database; restore it from a backup")]
    NotADatabase {
        /// The database.
        database: String,
    },
    /// The database keeps text in another encoding than UTF-8.
    #[error(
        "the database {database} has the encoding {found}; make one with ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// The database.
        database: String,
        /// Its encoding.
        found: String,
    },
    /// A copy into the database was begun and never finished.
    #[error(
        "the database {database} holds part of a copy that was not finished; remove it, and copy again"
    )]
    Incomplete {
        /// The database.
        database: String,
    },
    /// A newer version has been here, and this one would not know what it does.
    #[error(
        "the database {database} has schema {found}, but this version knows schemas up to {known}; run the newer version"
    )]
    NewerSchema {
        /// The database.
        database: String,
        /// The newest schema in the database that this version does not know.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// Bringing the schema up to date failed; the database is as it was.
    #[error("cannot bring the database {database} up to date: {reason}")]
    Migration {
        /// The database.
        database: String,
        /// What the engine says.
        reason: Cause,
    },
    /// A statement failed: the disk is full or broken, or it is a mistake of ours. Nothing was changed.
    #[error("the database failed: {0}")]
    Failed(Cause),
    /// The database has more to do than it can; nothing was changed. Worth another try later.
    #[error("the database is overloaded")]
    Overloaded,
    /// No answer came in time. What was asked for may still have been done.
    #[error("the database does not answer")]
    Late,
    /// The database has been closed, or its writer is gone.
    #[error("the database is closed")]
    Closed,
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Overloaded,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            other => Self::Failed(Box::new(other)),
        }
    }
}

/// A database's url without user and password, which are nobody's business in a log.
pub(crate) fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // Parameters can hold a password too.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}://…@{rest}"),
        None => format!("{scheme}://{rest}"),
    }
}

/// A database's url with `…` for what may be a password.
pub(crate) fn without_password(url: &str) -> String {
    let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut shown = match (base.split_once("://"), base.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let login = rest.strip_suffix(host).unwrap_or(rest);
            let user = login.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        _ => base.to_owned(),
    };
    for (number, parameter) in parameters.split('&').filter(|p| !p.is_empty()).enumerate() {
        shown.push(if number == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if name.contains("pass") => shown.extend([name, "=…"]),
            _ => shown.push_str(parameter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_password() {
        for (url, shown, name) in [
            (
                "sqlite:waxwing.db",
                "sqlite:waxwing.db",
                "sqlite:waxwing.db",
            ),
            (
                "postgres://me:s3@cret/@db:5432/x?sslmode=require",
                "postgres://me:…@db:5432/x?sslmode=require",
                "postgres://…@db:5432/x",
            ),
            (
                "postgres://me@db/x?password=s3&host=/run",
                "postgres://me:…@db/x?password=…&host=/run",
                "postgres://…@db/x",
            ),
            ("postgres://db/x", "postgres://db/x", "postgres://db/x"),
        ] {
            assert_eq!(without_password(url), shown);
            assert_eq!(without_login(url), name);
        }
    }
}
