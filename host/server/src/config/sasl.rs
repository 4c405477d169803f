//! `[sasl]`: how clients log in.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
pub use waxwing_xmpp::sasl::Mechanism;

/// How clients log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sasl {
    /// The mechanisms offered, in this order. PLAIN is offered over TLS only. SCRAM-SHA-1-PLUS is not offered by default: some
    /// clients (gloox, Smack) take it, fail and give up.
    #[schemars(schema_with = "mechanisms")]
    pub mechanisms: Vec<Mechanism>,
    /// Offers PLAIN without TLS as well. Takes effect for clients on loopback only.
    pub allow_plain_without_tls: bool,
}

/// What the schema says of `mechanisms`: the registered names.
fn mechanisms(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "enum": Mechanism::ALL.map(Mechanism::name) },
    })
}

impl Default for Sasl {
    fn default() -> Self {
        Self {
            mechanisms: Mechanism::DEFAULT.to_vec(),
            allow_plain_without_tls: false,
        }
    }
}
