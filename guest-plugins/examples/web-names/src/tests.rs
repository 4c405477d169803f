//! Who is who, and who is let in.

use waxwing_plugin::harness::{Harness, auth_stream};

use super::*;

fn names() -> Harness<WebNames> {
    let users = ["jcapulet juliet r0m30 and more", "rmontague romeo w00f"];
    Harness::new().config("users", users).start().unwrap()
}

#[test]
fn the_name_of_the_address_logs_in_with_the_password_of_the_site() {
    let mut names = names();
    let on = auth_stream("1", "localhost");
    let mut log_in = |username: &str, password: &str| {
        let mut stream = names.connect(&on);
        names.log_in(&mut stream, username, password)
    };
    let juliet = || Login::Allow("juliet@localhost".to_owned());
    assert_eq!(log_in("juliet", "r0m30 and more"), juliet());
    assert_eq!(log_in("Juliet", "r0m30 and more"), juliet());
    for (username, password) in [
        ("jcapulet", "r0m30 and more"),
        ("juliet", "r0m30 and mor"),
        ("juliet", "w00f"),
        ("juliet", ""),
        ("nobody", "r0m30 and more"),
    ] {
        assert_eq!(
            log_in(username, password),
            Login::WRONG,
            "{username} {password}"
        );
    }
}

#[test]
fn names_are_mapped_in_both_directions() {
    let mut names = names();
    let juliet = Some("juliet@localhost".to_owned());
    assert_eq!(names.account_of("localhost", "jcapulet").unwrap(), juliet);
    assert_eq!(names.account_of("localhost", "juliet").unwrap(), None);
    assert_eq!(
        names.user_of("romeo@localhost").unwrap().as_deref(),
        Some("rmontague")
    );
    assert_eq!(names.user_of("rmontague@localhost").unwrap(), None);
}

#[test]
fn only_users_are_contacts_and_accounts_are_made_on_the_site() {
    let mut names = names();
    let mut stream = names.connect(&auth_stream("1", "localhost"));
    assert!(names.valid_contact(&mut stream, "romeo@localhost").unwrap());
    assert!(
        !names
            .valid_contact(&mut stream, "rmontague@localhost")
            .unwrap()
    );
    let refused = names
        .create_user("localhost", "tybalt", "secret")
        .unwrap_err();
    let ChangeFailure::Refused(error) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.condition, ErrorCondition::NotAllowed);
}

#[test]
fn refuses_a_line_that_is_no_user() {
    let started = Harness::<WebNames>::new()
        .config("users", ["juliet secret"])
        .start();
    let why = started.err().unwrap();
    assert!(why.contains("users number 0"), "{why}");
}
