//! Accounts that come, change and go.

use waxwing_plugin::harness::{Harness, auth_stream};

use super::*;

const HOST: &str = "localhost";
const JULIET: &str = "juliet@localhost";

fn accounts() -> Harness<StoredAccounts> {
    let mut accounts = Harness::new().start().unwrap();
    accounts.create_user(HOST, "juliet", "r0m30").unwrap();
    accounts
}

fn log_in(accounts: &mut Harness<StoredAccounts>, username: &str, password: &str) -> Login {
    let mut stream = accounts.connect(&auth_stream("1", HOST));
    accounts.log_in(&mut stream, username, password)
}

#[test]
fn who_was_made_logs_in_with_the_password_and_with_no_other() {
    let mut accounts = accounts();
    let juliet = Login::Allow(JULIET.to_owned());
    assert_eq!(log_in(&mut accounts, "Juliet", "r0m30"), juliet);
    assert_eq!(log_in(&mut accounts, "juliet", "paris"), Login::WRONG);
    assert_eq!(log_in(&mut accounts, "romeo", "r0m30"), Login::WRONG);
    accounts.forget_instance();
    assert_eq!(log_in(&mut accounts, "juliet", "r0m30"), juliet);
}

/// The host hands a new account's name prepared and a login's as typed: `Straße` registered and could not log in.
#[test]
fn a_login_is_found_by_the_name_and_the_password_as_typed() {
    let mut accounts = accounts();
    accounts.create_user(HOST, "strasse", "Ⅸ lives").unwrap();
    let made = Login::Allow("strasse@localhost".to_owned());
    for username in ["Straße", "strasse", "STRASSE"] {
        assert_eq!(
            log_in(&mut accounts, username, "IX lives"),
            made,
            "{username}"
        );
    }
    assert_eq!(log_in(&mut accounts, "two words", "x"), Login::WRONG);
    let mut stream = accounts.connect(&auth_stream("1", HOST));
    let keys = accounts.scram(&mut stream, "Straße", ScramHash::Sha256);
    assert_eq!(keys.unwrap().unwrap().account, "strasse@localhost");
}

#[test]
fn the_password_is_not_kept() {
    let accounts = accounts();
    let kept = accounts.stored(&key(JULIET)).unwrap();
    assert_eq!(kept.len(), SALT + 2 * KEY);
    assert!(kept.windows(5).all(|part| part != b"r0m30"));
}

#[test]
fn the_keys_are_those_of_the_password() {
    let mut accounts = accounts();
    let mut stream = accounts.connect(&auth_stream("1", HOST));
    let keys = accounts.scram(&mut stream, "juliet", ScramHash::Sha256);
    let keys = keys.unwrap().unwrap();
    let salt = keys.salt.as_slice().try_into().unwrap();
    let record = Record::of("r0m30", salt);
    assert_eq!(keys.account, JULIET);
    assert_eq!(keys.iterations, ROUNDS);
    assert_eq!(keys.stored_key, record.stored_key);
    assert_eq!(keys.server_key, record.server_key);
    let nobody = accounts.scram(&mut stream, "nobody", ScramHash::Sha256);
    assert!(nobody.unwrap().is_none());
}

#[test]
fn a_name_is_taken_once_a_password_changes_and_an_account_goes() {
    let mut accounts = accounts();
    let again = accounts.create_user(HOST, "juliet", "other");
    assert!(matches!(again, Err(ChangeFailure::Taken)));
    accounts.change_password(JULIET, "other").unwrap();
    assert_eq!(log_in(&mut accounts, "juliet", "r0m30"), Login::WRONG);
    accounts.delete_user(JULIET).unwrap();
    assert_eq!(log_in(&mut accounts, "juliet", "other"), Login::WRONG);
    for gone in [
        accounts.delete_user(JULIET),
        accounts.change_password(JULIET, "other"),
    ] {
        assert!(matches!(gone, Err(ChangeFailure::NoSuchAccount)));
    }
}
