//! `[cluster]`: several nodes as one server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The engines that nodes share. Not served by this version: naming it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Address of the NATS server, `nats://host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<String>,
}
