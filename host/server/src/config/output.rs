//! The configuration shown: as in effect, and as it may be.

use super::{Config, ConfigError};

/// The effective configuration in TOML; reading it gives the same configuration.
pub fn to_toml(config: &Config) -> Result<String, ConfigError> {
    toml::to_string(config).map_err(|error| ConfigError::new(error.to_string()))
}

/// The JSON Schema of the configuration file.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Config);
    schema.insert("title".to_owned(), "Configuration of Waxwing".into());
    schema.to_value()
}
