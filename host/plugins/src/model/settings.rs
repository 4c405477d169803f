//! A plugin's configuration: the operator's TOML checked against the settings of the manifest, defaults filled in.

use std::collections::HashMap;

use toml::{Table, Value};

use crate::wit::bindings::waxwing::plugin::manifest::SettingKind;

/// A setting that a manifest lists.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) default: Option<Scalar>,
}

/// The kind of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Text,
    Texts,
}

/// A value of one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Boolean(bool),
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}

/// A checked configuration, by dotted key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(HashMap<String, Scalar>);

/// What is wrong with a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The plugin has no such setting.
    #[error("unknown key `{key}` in the configuration of plugin `{plugin}`{}", hint.as_deref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    Unknown {
        /// The plugin.
        plugin: String,
        /// The dotted key.
        key: String,
        /// The most similar setting.
        hint: Option<String>,
    },
    /// The value is of another kind.
    #[error("`{key}` in the configuration of plugin `{plugin}` must be {wanted}")]
    Kind {
        /// The plugin.
        plugin: String,
        /// The dotted key.
        key: String,
        /// What it takes.
        wanted: &'static str,
    },
}

impl From<SettingKind> for Kind {
    fn from(kind: SettingKind) -> Self {
        match kind {
            SettingKind::Boolean => Self::Boolean,
            SettingKind::Integer => Self::Integer,
            SettingKind::Text => Self::Text,
            SettingKind::Texts => Self::Texts,
        }
    }
}

impl Kind {
    const fn wanted(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Text => "a string",
            Self::Texts => "a list of strings",
        }
    }

    fn convert(self, value: &Value) -> Option<Scalar> {
        Some(match (self, value) {
            (Self::Boolean, Value::Boolean(value)) => Scalar::Boolean(*value),
            (Self::Integer, Value::Integer(value)) => Scalar::Integer(*value),
            (Self::Text, Value::String(value)) => Scalar::Text(value.clone()),
            (Self::Texts, Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                Scalar::Texts(texts.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Reads a default that a manifest gives as TOML.
    pub(crate) fn parse_default(self, text: &str) -> Result<Scalar, ()> {
        let table: Table = format!("value = {text}").parse().map_err(|_| ())?;
        match (table.len(), table.get("value")) {
            (1, Some(value)) => self.convert(value).ok_or(()),
            _ => Err(()),
        }
    }
}

impl Values {
    /// Checks a plugin's `config` table against its settings.
    pub(crate) fn check(
        plugin: &str,
        settings: &[Setting],
        table: &Table,
    ) -> Result<Self, ConfigError> {
        let mut values = HashMap::new();
        for setting in settings {
            if let Some(default) = &setting.default {
                values.insert(setting.key.clone(), default.clone());
            }
        }
        let mut checker = Checker {
            plugin,
            settings,
            values,
        };
        checker.table("", table)?;
        Ok(Self(checker.values))
    }

    /// The value at a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Scalar> {
        self.0.get(key)
    }
}

struct Checker<'a> {
    plugin: &'a str,
    settings: &'a [Setting],
    values: HashMap<String, Scalar>,
}

impl Checker<'_> {
    fn table(&mut self, prefix: &str, table: &Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            let inner = format!("{key}.");
            match value {
                Value::Table(table)
                    if self
                        .settings
                        .iter()
                        .any(|setting| setting.key.starts_with(&inner)) =>
                {
                    self.table(&inner, table)?;
                }
                value => self.value(key, value)?,
            }
        }
        Ok(())
    }

    fn value(&mut self, key: String, value: &Value) -> Result<(), ConfigError> {
        let plugin = self.plugin.to_owned();
        let Some(setting) = self.settings.iter().find(|setting| setting.key == key) else {
            let hint = self.similar(&key);
            return Err(ConfigError::Unknown { plugin, key, hint });
        };
        match setting.kind.convert(value) {
            Some(value) => {
                self.values.insert(key, value);
                Ok(())
            }
            None => Err(ConfigError::Kind {
                plugin,
                key,
                wanted: setting.kind.wanted(),
            }),
        }
    }

    fn similar(&self, key: &str) -> Option<String> {
        let similarity =
            |setting: &Setting| (strsim::jaro_winkler(&setting.key, key) * 1_000.0).round();
        let best = self
            .settings
            .iter()
            .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
        (similarity(best) > 750.0).then(|| best.key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        let setting = |key: &str, kind, default| Setting {
            key: key.to_owned(),
            kind,
            default,
        };
        vec![
            setting("open", Kind::Boolean, Some(Scalar::Boolean(false))),
            setting("rate_limit", Kind::Boolean, Some(Scalar::Boolean(true))),
            setting(
                "rate_limit.seconds",
                Kind::Integer,
                Some(Scalar::Integer(60)),
            ),
            setting("words", Kind::Texts, None),
        ]
    }

    fn check(text: &str) -> Result<Values, String> {
        Values::check("p", &settings(), &text.parse().unwrap()).map_err(|error| error.to_string())
    }

    // seeds: P3
    #[test]
    fn fills_in_defaults() {
        let values = check("open = true").unwrap();
        assert_eq!(values.get("open"), Some(&Scalar::Boolean(true)));
        assert_eq!(values.get("rate_limit.seconds"), Some(&Scalar::Integer(60)));
        assert_eq!(values.get("words"), None);
    }

    #[test]
    fn takes_a_value_or_a_table_where_both_are_listed() {
        assert_eq!(
            check("rate_limit = false").unwrap().get("rate_limit"),
            Some(&Scalar::Boolean(false))
        );
        let values = check("[rate_limit]\nseconds = 5").unwrap();
        assert_eq!(values.get("rate_limit"), Some(&Scalar::Boolean(true)));
        assert_eq!(values.get("rate_limit.seconds"), Some(&Scalar::Integer(5)));
    }

    // seeds: P3
    #[test]
    fn names_the_key_and_the_mend() {
        let unknown = "unknown key `opne` in the configuration of plugin `p`; did you mean `open`?";
        assert_eq!(check("opne = true").unwrap_err(), unknown);
        let unknown = "unknown key `rate_limit.x` in the configuration of plugin `p`; did you mean `rate_limit`?";
        assert_eq!(check("rate_limit.x = 1").unwrap_err(), unknown);
        let kind = "`words` in the configuration of plugin `p` must be a list of strings";
        assert_eq!(check("words = ['a', 1]").unwrap_err(), kind);
        assert_eq!(check("words.x = 1").unwrap_err(), kind);
    }
}
