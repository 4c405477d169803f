//! The plugin's configuration, checked as the host does.

use std::collections::HashMap;

use crate::bindings::lifecycle::waxwing::plugin::manifest::{PluginManifest, SettingKind};
use crate::native::world::Setting;

/// A value for the configuration: from a boolean, a whole number, a text, or texts.
#[derive(Clone, Debug)]
pub struct Value(pub(super) Setting);

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(Setting::Boolean(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(Setting::Integer(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(Setting::Text(value.to_owned()))
    }
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(values: [&str; N]) -> Self {
        Self(Setting::Texts(values.map(str::to_owned).to_vec()))
    }
}

/// The configuration with the manifest's defaults; the error names the key.
pub(super) fn check(
    manifest: &PluginManifest,
    given: Vec<(String, Setting)>,
) -> Result<HashMap<String, Setting>, String> {
    let mut values = HashMap::new();
    for setting in &manifest.settings {
        if let Some(toml) = &setting.default {
            let value = parse(toml).filter(|value| is_of(value, setting.kind));
            let value =
                value.ok_or_else(|| format!("the default of `{}` is `{toml}`", setting.key))?;
            values.insert(setting.key.clone(), value);
        }
    }
    for (key, value) in given {
        let Some(setting) = manifest.settings.iter().find(|setting| setting.key == key) else {
            return Err(format!(
                "unknown key `{key}` in the configuration of plugin `{}`",
                manifest.name
            ));
        };
        if !is_of(&value, setting.kind) {
            return Err(format!(
                "`{key}` in the configuration of plugin `{}` is of another kind",
                manifest.name
            ));
        }
        values.insert(key, value);
    }
    Ok(values)
}

fn is_of(value: &Setting, kind: SettingKind) -> bool {
    matches!(
        (value, kind),
        (Setting::Boolean(_), SettingKind::Boolean)
            | (Setting::Integer(_), SettingKind::Integer)
            | (Setting::Text(_), SettingKind::Text)
            | (Setting::Texts(_), SettingKind::Texts)
    )
}

fn parse(text: &str) -> Option<Setting> {
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    Some(match table.get("value")? {
        toml::Value::Boolean(value) => Setting::Boolean(*value),
        toml::Value::Integer(value) => Setting::Integer(*value),
        toml::Value::String(value) => Setting::Text(value.clone()),
        toml::Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            Setting::Texts(texts.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
