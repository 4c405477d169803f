//! What the application is asked, and what its answers mean.

use http_client::Response;
use waxwing_plugin::harness::{Harness, auth_stream};

use super::*;

/// An application that knows Juliet by her password and by her session.
fn application(request: &Request) -> Result<Response, HttpError> {
    assert_eq!(request.url, "https://site.example/xmpp");
    let body = str::from_utf8(&request.body).unwrap();
    let cookie = request
        .headers
        .iter()
        .find(|header| header.name == "cookie");
    let status = match (body, cookie.map(|header| header.value.as_str())) {
        ("username=juliet&host=localhost&password=r%2B%26%3D", None) | (_, Some("session=abc")) => {
            200
        }
        (body, _) if body.contains("username=broken") => 500,
        (_, Some(cookie)) if cookie.contains('\n') => {
            return Err(HttpError::Invalid(String::new()));
        }
        _ => 401,
    };
    Ok(Response {
        status,
        headers: Vec::new(),
        body: b"juliet\n".to_vec(),
    })
}

fn log_in(username: &str, password: &str) -> Login {
    let harness = Harness::<WebAuth>::new().config("url", "https://site.example/xmpp");
    let mut harness = harness.http(application).start().unwrap();
    let mut stream = harness.connect(&auth_stream("1", "localhost"));
    harness.log_in(&mut stream, username, password)
}

#[test]
fn passwords_and_cookies_are_judged_by_the_application() {
    let juliet = || Login::Allow("juliet@localhost".to_owned());
    assert_eq!(log_in("juliet", "r+&="), juliet());
    assert_eq!(log_in("juliet", "//cookie/session=abc"), juliet());
    for (username, password) in [
        ("juliet", "wrong"),
        ("juliet", ""),
        ("juliet", "//cookie/session=xyz"),
        ("juliet", "//cookie/a\nb"),
        ("romeo", "//cookie/session=abc"),
    ] {
        assert_eq!(
            log_in(username, password),
            Login::WRONG,
            "{username} {password}"
        );
    }
}

#[test]
fn an_application_that_cannot_tell_refuses_for_now() {
    assert_eq!(log_in("broken", "r+&="), Login::Unavailable);
    let silent = Harness::<WebAuth>::new().config("url", "https://site.example/xmpp");
    let mut silent = silent.start().unwrap();
    let mut stream = silent.connect(&auth_stream("1", "localhost"));
    assert_eq!(
        silent.log_in(&mut stream, "juliet", "r+&="),
        Login::Unavailable
    );
}

#[test]
fn without_the_grant_nobody_is_let_in() {
    let harness = Harness::<WebAuth>::new().config("url", "https://site.example/xmpp");
    let mut harness = harness
        .http(application)
        .refuse("http-client")
        .start()
        .unwrap();
    let mut stream = harness.connect(&auth_stream("1", "localhost"));
    assert_eq!(
        harness.log_in(&mut stream, "juliet", "r+&="),
        Login::Unavailable
    );
}
