//! Keeps the accounts of a host in the plugin's own storage: who registers in-band, changes a password or leaves does so here. Of a
//! password only the keys of SCRAM-SHA-256 are kept, from which it cannot be had.
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use storage::Owner;
use waxwing_plugin::prelude::*;
use waxwing_plugin::{ScramHash, ScramKeys};

/// Rounds of PBKDF2, as the server has them for its own accounts.
const ROUNDS: u32 = 10_000;
/// Bytes of a salt, and of a key.
const SALT: usize = 16;
const KEY: usize = 32;

struct StoredAccounts;

/// What is kept of an account.
struct Record {
    salt: [u8; SALT],
    stored_key: [u8; KEY],
    server_key: [u8; KEY],
}

impl Plugin for StoredAccounts {
    fn manifest() -> Manifest {
        let offer = AuthOffer::new().passwords().scram_sha256();
        manifest!("keeps accounts in its own storage")
            .ask("storage")
            .auth(offer.looks_like(ROUNDS, 16))
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl AuthProvider for StoredAccounts {
    /// The host.
    type Stream = String;

    fn stream(&self, on: AuthStream) -> String {
        on.host
    }

    fn check_password(&self, host: &mut String, username: &str, password: &str) -> Login {
        let Some(account) = account(host, username) else {
            return Login::WRONG;
        };
        match find(&account) {
            Ok(Some(record)) if fits(&record, password) => Login::Allow(account),
            Ok(_) => Login::WRONG,
            Err(AuthFailure::Unavailable) => Login::Unavailable,
        }
    }

    fn scram(
        &self,
        host: &mut String,
        username: &str,
        _: ScramHash,
    ) -> Result<Option<ScramKeys>, AuthFailure> {
        let Some(account) = account(host, username) else {
            return Ok(None);
        };
        Ok(find(&account)?.map(|record| ScramKeys {
            account,
            salt: record.salt.to_vec(),
            iterations: ROUNDS,
            stored_key: record.stored_key.to_vec(),
            server_key: record.server_key.to_vec(),
        }))
    }

    /// Whether somebody has that name: who has not logged in yet may be asked for presence all the same.
    fn valid_contact(&self, _: &mut String, contact: &str) -> Result<bool, AuthFailure> {
        Ok(find(contact)?.is_some())
    }

    fn create_user(&self, host: &str, username: &str, password: &str) -> Result<(), ChangeFailure> {
        let malformed = ChangeFailure::from(ErrorCondition::JidMalformed);
        let account = account(host, username).ok_or(malformed)?;
        if known(&account)? {
            return Err(ChangeFailure::Taken);
        }
        keep(&account, password)
    }

    fn change_password(&self, account: &str, password: &str) -> Result<(), ChangeFailure> {
        if !known(account)? {
            return Err(ChangeFailure::NoSuchAccount);
        }
        keep(account, password)
    }

    fn delete_user(&self, account: &str) -> Result<(), ChangeFailure> {
        if !known(account)? {
            return Err(ChangeFailure::NoSuchAccount);
        }
        let removed = storage::delete(&Owner::Plugin, &key(account));
        removed.map_err(|_| ChangeFailure::Unavailable)
    }
}

/// The bare JID of a user name as typed. A text that cannot be a user name is no account's.
fn account(host: &str, username: &str) -> Option<String> {
    let prepared = prepare::localpart(username)?;
    Some(format!("{prepared}@{host}"))
}

/// Whether the password, as typed, is the record's.
fn fits(record: &Record, password: &str) -> bool {
    prepare::password(password).is_some_and(|password| record.is_of(&password))
}

fn key(account: &str) -> String {
    format!("account/{account}")
}

fn find(account: &str) -> Result<Option<Record>, AuthFailure> {
    let kept = storage::get(&Owner::Plugin, &key(account));
    let kept = kept.map_err(|_| AuthFailure::Unavailable)?;
    // What is there and cannot be read is no reason to take somebody for unknown.
    kept.map(|bytes| Record::read(&bytes).ok_or(AuthFailure::Unavailable))
        .transpose()
}

fn known(account: &str) -> Result<bool, ChangeFailure> {
    let found = find(account).map_err(|AuthFailure::Unavailable| ChangeFailure::Unavailable)?;
    Ok(found.is_some())
}

fn keep(account: &str, password: &str) -> Result<(), ChangeFailure> {
    let salt = random::bytes(16);
    let salt = salt.try_into().map_err(|_| ChangeFailure::Unavailable)?;
    let refused = ChangeFailure::from(ErrorCondition::NotAcceptable);
    let password = prepare::password(password).ok_or(refused)?;
    let record = Record::of(&password, salt);
    let kept = storage::put(&Owner::Plugin, &key(account), &record.write());
    kept.map_err(|_| ChangeFailure::Unavailable)
}

impl Record {
    /// What SCRAM-SHA-256 needs of a password (RFC 5802 §3).
    fn of(password: &str, salt: [u8; SALT]) -> Self {
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, KEY>(password.as_bytes(), &salt, ROUNDS);
        let client_key = tied(&salted, "Client Key");
        Self {
            salt,
            stored_key: Sha256::digest(client_key).into(),
            server_key: tied(&salted, "Server Key"),
        }
    }

    /// Whether it is of that password, without telling by the time it takes how much of it is right.
    fn is_of(&self, password: &str) -> bool {
        let tried = Self::of(password, self.salt).stored_key;
        let pairs = tried.iter().zip(&self.stored_key);
        pairs.fold(0, |apart, (one, other)| apart | (one ^ other)) == 0
    }

    fn write(&self) -> Vec<u8> {
        [&self.salt[..], &self.stored_key, &self.server_key].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (salt, keys) = bytes.split_first_chunk()?;
        let (stored_key, rest) = keys.split_first_chunk()?;
        Some(Self {
            salt: *salt,
            stored_key: *stored_key,
            server_key: rest.try_into().ok()?,
        })
    }
}

fn tied(salted: &[u8; KEY], purpose: &str) -> [u8; KEY] {
    Hmac::<Sha256>::new_from_slice(salted).map_or([0; KEY], |mac| {
        mac.chain_update(purpose).finalize().into_bytes().into()
    })
}

waxwing_plugin::plugin!(StoredAccounts: AuthProvider);

#[cfg(test)]
mod tests;
