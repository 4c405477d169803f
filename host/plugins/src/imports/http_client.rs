//! The import `http-client`, for plugins granted it: what may be sent to whom. The waiting is the server's, and no
//! fault.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::instance::host_services::HostServices;
use crate::instance::plugin::Plugin;
use crate::instance::state::State;
use crate::model::http::{self, HttpRequest, MAX_HTTP_BODY};
use crate::wit::bindings::waxwing::plugin::http_client::{
    Header, Host, HttpError, Method, Request, Response,
};

/// From the request to the last byte of the response.
const WAIT: Duration = Duration::from_secs(10);

const MAX_URL: usize = 8_192;
const MAX_FIELDS: usize = 64;
const MAX_FIELD_BYTES: usize = 16 * 1024;

/// Fields that say how a request is carried, not what it is.
const OURS: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "keep-alive",
];

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        self.charge()?;
        if !self.is_granted("http-client") {
            return Ok(Err(HttpError::NotGranted));
        }
        let (plugin, services) = (Arc::clone(&self.plugin), Arc::clone(&self.services));
        Ok(exchange(&plugin, &services, request).await)
    }
}

async fn exchange(
    plugin: &Plugin,
    services: &HostServices,
    request: Request,
) -> Result<Response, HttpError> {
    let request = checked(plugin, request)?;
    let in_flight = plugin.http.in_flight.try_acquire();
    let _place = in_flight.map_err(|_| HttpError::TooMany)?;
    let answer = tokio::time::timeout(WAIT, services.server.http(request)).await;
    let response = answer.map_err(|_| HttpError::TimedOut)?.map_err(told)?;
    let header = |(name, value)| Header { name, value };
    Ok(Response {
        status: response.status,
        headers: response.headers.into_iter().map(header).collect(),
        body: response.body,
    })
}

fn checked(plugin: &Plugin, request: Request) -> Result<HttpRequest, HttpError> {
    let invalid = |what: &str| HttpError::Invalid(what.to_owned());
    if request.body.len() > MAX_HTTP_BODY {
        return Err(HttpError::TooLarge);
    }
    if request.url.len() > MAX_URL {
        return Err(invalid("the URL is longer than 8,192 bytes"));
    }
    let url = Url::parse(&request.url).map_err(|_| invalid("the URL is no absolute URL"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(invalid("the URL's scheme is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the URL has user information; use the field `authorization`",
        ));
    }
    plugin.http.allows(&url).map_err(HttpError::NotListed)?;
    Ok(HttpRequest {
        method: method(request.method),
        local: url.host_str() == Some("localhost"),
        url,
        headers: fields(request.headers)?,
        body: request.body,
    })
}

fn fields(headers: Vec<Header>) -> Result<Vec<(String, String)>, HttpError> {
    let sizes = headers
        .iter()
        .map(|field| field.name.len().saturating_add(field.value.len()));
    if headers.len() > MAX_FIELDS || sizes.fold(0, usize::saturating_add) > MAX_FIELD_BYTES {
        return Err(HttpError::TooLarge);
    }
    let pairs = headers.into_iter().map(|Header { name, value }| {
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) || lower.starts_with("proxy-") {
            return Err(HttpError::Invalid(format!(
                "the field `{lower}` is the host's"
            )));
        }
        Ok((lower, value))
    });
    pairs.collect()
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

fn told(error: http::HttpError) -> HttpError {
    match error {
        http::HttpError::LocalAddress => HttpError::LocalAddress,
        http::HttpError::TooLarge => HttpError::TooLarge,
        http::HttpError::Invalid => HttpError::Invalid("a field is no HTTP field".to_owned()),
        http::HttpError::Unreachable => HttpError::Unreachable,
    }
}
