//! A listener, as its connections see it.

use std::sync::Arc;

use waxwing_xmpp::stream::Settings;

use crate::config::Kind;

/// What all connections of one listener have in common.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What is spoken there.
    pub(crate) kind: Kind,
    /// How streams are negotiated there.
    pub(crate) settings: Arc<Settings>,
}
