//! Asks a web application who somebody is, by password or by the cookie of its session, over granted HTTP.
//!
//! The plugin sends `POST url` with a form: `username`, `host`, and `password` where that is the proof; a cookie goes as the
//! header `cookie`. The application answers 200 with the name of the account as text, 401 or 403 if that is not who it
//! says, anything else if it cannot tell. Over TCP a client sends a cookie by SASL PLAIN as the password `//cookie/VALUE`.
use http_client::{Header, HttpError, Method, Request};
use waxwing_plugin::http_client;
use waxwing_plugin::prelude::*;

struct WebAuth {
    url: String,
}

impl Plugin for WebAuth {
    fn manifest() -> Manifest {
        manifest!("asks a web application who somebody is")
            .ask("http-client")
            .setting(Setting::text("url", "where the application is asked"))
            .auth(AuthOffer::new().passwords().cookies())
    }

    fn init(_: Scope) -> Result<Self, String> {
        let url =
            config::text("url").ok_or("url is missing; say where the application is asked")?;
        Ok(Self { url })
    }
}

impl AuthProvider for WebAuth {
    /// The host.
    type Stream = String;

    fn stream(&self, on: AuthStream) -> String {
        on.host
    }

    fn check_password(&self, host: &mut String, username: &str, password: &str) -> Login {
        let form = form(&[
            ("username", username),
            ("host", host),
            ("password", password),
        ]);
        self.ask(host, username, form, None)
    }

    fn check_cookie(&self, host: &mut String, username: &str, cookie: &str) -> Login {
        let form = form(&[("username", username), ("host", host)]);
        self.ask(host, username, form, Some(cookie))
    }

    fn valid_contact(&self, _: &mut String, _: &str) -> Result<bool, AuthFailure> {
        Ok(true)
    }
}

impl WebAuth {
    fn ask(&self, host: &str, username: &str, form: String, cookie: Option<&str>) -> Login {
        let header = |name: &str, value: &str| Header {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let mut headers = vec![header("content-type", "application/x-www-form-urlencoded")];
        headers.extend(cookie.map(|cookie| header("cookie", cookie)));
        let answer = http_client::send(&Request {
            method: Method::Post,
            url: self.url.clone(),
            headers,
            body: form.into_bytes(),
        });
        match answer {
            Ok(answer) if answer.status == 200 => judge(host, username, &answer.body),
            Ok(answer) if matches!(answer.status, 401 | 403) => Login::WRONG,
            Ok(answer) => later(&format!("the application answered {}", answer.status)),
            // What the client sent is no header: nobody's cookie.
            Err(HttpError::Invalid(_)) => Login::WRONG,
            Err(error) => later(&format!("the application cannot be asked: {error:?}")),
        }
    }
}

/// The application says who it is: that must be who the client says.
fn judge(host: &str, username: &str, body: &[u8]) -> Login {
    match str::from_utf8(body).map(str::trim) {
        Ok(name)
            if name.to_lowercase() == username.to_lowercase() && !name.contains(['@', '/']) =>
        {
            Login::Allow(format!("{name}@{host}"))
        }
        _ => Login::WRONG,
    }
}

fn later(why: &str) -> Login {
    log::write(log::Level::Warn, why);
    Login::Unavailable
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
    fields.iter().map(field).collect::<Vec<_>>().join("&")
}

fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

waxwing_plugin::plugin!(WebAuth: AuthProvider);

#[cfg(test)]
mod tests;
