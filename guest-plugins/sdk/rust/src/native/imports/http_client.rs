//! Requests to HTTP servers (interface `http-client`), answered by the script.

use crate::native::world;

pub use crate::bindings::lifecycle::waxwing::plugin::http_client::{
    Header, HttpError, Method, Request, Response,
};

/// Sends a request and waits for the whole response. Without a script for it nobody answers.
pub fn send(request: &Request) -> Result<Response, HttpError> {
    world::with(|world| {
        if !world.grants.contains("http-client") {
            return Err(HttpError::NotGranted);
        }
        match &mut world.http.0 {
            Some(answer) => answer(request),
            None => Err(HttpError::Unreachable),
        }
    })
}
