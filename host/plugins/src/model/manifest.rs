//! A plugin's manifest, checked and turned into types that hold only valid values.

use std::collections::HashSet;
use std::time::Duration;

use semver::{Version, VersionReq};

use crate::model::asked_limits::AskedLimits;
use crate::model::manifest_error::{ManifestError, wrong};
use crate::model::names::is_plugin_name;
use crate::model::settings::{Kind, Setting};
use crate::model::subscriptions::Subscriptions;
use crate::wit::bindings::waxwing::plugin::manifest::{self as wit, DiscoNode};

const MAX_FEATURES: usize = 64;
const MAX_SETTINGS: usize = 256;
const MAX_SUMMARY: usize = 200;
const MAX_FEATURE: usize = 1_023;
const MAX_DEPENDENCIES: usize = 64;
const MAX_VERSION: usize = 64;
const MAX_RANGE: usize = 128;
const MAX_CPU_MILLIS: u32 = 1_000;
const MAX_MEMORY_MIB: u32 = 512;

/// Grants that a plugin can ask for besides those for the interfaces that it exports.
pub(crate) const ASKABLE: [&str; 11] = [
    "accounts",
    "address",
    "http-client",
    "storage",
    "router",
    "router-as-accounts",
    "roster",
    "reserved-elements",
    "events",
    "sessions",
    "limits",
];

/// A checked manifest.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The version again, to compare.
    pub(crate) release: Version,
    pub(crate) summary: String,
    pub(crate) implements: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) account_features: Vec<String>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) asks: Vec<String>,
    /// What it is called for.
    pub(crate) subscriptions: Subscriptions,
    /// Nodes of service discovery.
    pub(crate) nodes: Vec<DiscoNode>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) placement: wit::Placement,
    pub(crate) limits: AskedLimits,
}

/// Another plugin that must serve.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) versions: VersionReq,
}

impl Manifest {
    /// Stands for a component that has not been described.
    pub(crate) fn nobody() -> Self {
        Self {
            name: "undescribed".to_owned(),
            version: String::new(),
            release: Version::new(0, 0, 0),
            summary: String::new(),
            implements: Vec::new(),
            features: Vec::new(),
            account_features: Vec::new(),
            settings: Vec::new(),
            asks: Vec::new(),
            subscriptions: Subscriptions::default(),
            nodes: Vec::new(),
            dependencies: Vec::new(),
            placement: wit::Placement::Isolated,
            limits: AskedLimits::default(),
        }
    }

    /// What it depends on, for people.
    pub(crate) fn needs(&self) -> Vec<String> {
        let needs = self.dependencies.iter();
        needs
            .map(|needed| format!("{} {}", needed.name, needed.versions))
            .collect()
    }

    /// Checks what `describe` returned.
    pub(crate) fn check(manifest: wit::PluginManifest) -> Result<Self, ManifestError> {
        if !is_plugin_name(&manifest.name) {
            return wrong(
                format!(
                    "name `{}`",
                    manifest.name.escape_debug().take(80).collect::<String>()
                ),
                "must be 1 to 64 lower-case letters, digits and hyphens, and begin with a letter",
            );
        }
        let Some(release) = version(&manifest.version) else {
            return wrong("version", "must be of the form 1.2.3");
        };
        if manifest.summary.len() > MAX_SUMMARY || manifest.summary.chars().any(char::is_control) {
            return wrong("summary", "must be one line of at most 200 bytes");
        }
        check_features("feature", &manifest.features)?;
        check_features("account feature", &manifest.account_features)?;
        if let Some(unknown) = manifest
            .asks
            .iter()
            .find(|ask| !ASKABLE.contains(&ask.as_str()))
        {
            let unknown: String = unknown.escape_debug().take(80).collect();
            return wrong(
                format!("ask `{unknown}`"),
                "is not a grant that this server knows; see the guide's list of grants",
            );
        }
        let settings = check_settings(manifest.settings)?;
        let nodes = check_nodes(manifest.nodes)?;
        let dependencies = check_dependencies(manifest.dependencies)?;
        let limits = check_limits(manifest.limits)?;
        let mut asks = manifest.asks;
        if limits.exceed() && !asks.iter().any(|ask| ask == "limits") {
            asks.push("limits".to_owned());
        }
        let subscriptions = Subscriptions::check(manifest.subscriptions)?;
        let implements = manifest
            .implements
            .iter()
            .map(|xep| format!("XEP-{:04}", xep.number))
            .collect();
        Ok(Self {
            name: manifest.name,
            version: manifest.version,
            release,
            summary: manifest.summary,
            implements,
            features: manifest.features,
            account_features: manifest.account_features,
            settings,
            asks,
            subscriptions,
            nodes,
            dependencies,
            placement: manifest.placement,
            limits,
        })
    }
}

fn check_features(what: &str, features: &[String]) -> Result<(), ManifestError> {
    if features.len() > MAX_FEATURES {
        return wrong(format!("{what}s"), "are more than 64");
    }
    match features.iter().position(|feature| !is_feature(feature)) {
        Some(bad) => wrong(
            format!("{what} number {bad}"),
            "must be 1 to 1,023 bytes without control characters",
        ),
        None => Ok(()),
    }
}

fn check_nodes(nodes: Vec<DiscoNode>) -> Result<Vec<DiscoNode>, ManifestError> {
    let is_valid = |node: &DiscoNode| {
        let texts = [Some(&node.node), Some(&node.category), Some(&node.kind)];
        let texts = texts
            .into_iter()
            .chain([node.parent.as_ref(), node.label.as_ref()]);
        node.features.len() <= MAX_FEATURES
            && texts
                .flatten()
                .chain(&node.features)
                .all(|text| is_feature(text))
    };
    if nodes.len() > MAX_FEATURES {
        return wrong("nodes", "are more than 64");
    }
    match nodes.iter().position(|node| !is_valid(node)) {
        Some(bad) => wrong(
            format!("node number {bad}"),
            "has a text that is not 1 to 1,023 bytes without control characters, or more than 64 features",
        ),
        None => Ok(nodes),
    }
}

fn check_dependencies(asked: Vec<wit::Dependency>) -> Result<Vec<Dependency>, ManifestError> {
    if asked.len() > MAX_DEPENDENCIES {
        return wrong("dependencies", "are more than 64");
    }
    let mut names = HashSet::new();
    let check = |asked: wit::Dependency| {
        if !is_plugin_name(&asked.name) {
            return wrong("dependencies", "have one that is no plugin's name");
        }
        let what = format!("dependency `{}`", asked.name);
        if !names.insert(asked.name.clone()) {
            return wrong(what, "is there twice");
        }
        let versions = Some(&asked.versions).filter(|versions| versions.len() <= MAX_RANGE);
        match versions.and_then(|versions| VersionReq::parse(versions).ok()) {
            Some(versions) => Ok(Dependency {
                name: asked.name,
                versions,
            }),
            None => wrong(
                what,
                "has no range of versions, such as `1.2` or `>=1.2, <1.5`",
            ),
        }
    };
    asked.into_iter().map(check).collect()
}

fn check_limits(asked: wit::Limits) -> Result<AskedLimits, ManifestError> {
    let within = |value: Option<u32>, most, what: &str, problem| match value {
        Some(value) if value == 0 || value > most => wrong(format!("limit `{what}`"), problem),
        value => Ok(value),
    };
    let cpu = "must be 1 to 1,000 milliseconds";
    let hook = within(asked.hook_cpu, MAX_CPU_MILLIS, "hook-cpu", cpu)?;
    let request = within(asked.request_cpu, MAX_CPU_MILLIS, "request-cpu", cpu)?;
    let mib = "must be 1 to 512 MiB";
    let memory = within(asked.memory, MAX_MEMORY_MIB, "memory", mib)?;
    let millis = |millis: u32| Duration::from_millis(millis.into());
    Ok(AskedLimits {
        hook_cpu: hook.map(millis),
        request_cpu: request.map(millis),
        memory: memory.and_then(|mib| usize::try_from(mib).ok()?.checked_mul(1 << 20)),
    })
}

fn check_settings(settings: Vec<wit::Setting>) -> Result<Vec<Setting>, ManifestError> {
    if settings.len() > MAX_SETTINGS {
        return wrong("settings", "are more than 256");
    }
    let mut keys = HashSet::new();
    settings
        .into_iter()
        .map(|setting| {
            let key = setting.key;
            if !is_setting_key(&key) {
                return wrong("settings", "have a key that is no TOML bare key with dots");
            }
            if !keys.insert(key.clone()) {
                return wrong(format!("setting `{key}`"), "is there twice");
            }
            let kind = Kind::from(setting.kind);
            let Ok(default) = setting
                .default
                .as_deref()
                .map(|text| kind.parse_default(text))
                .transpose()
            else {
                return wrong(
                    format!("setting `{key}`"),
                    "has a default that is not of its kind",
                );
            };
            Ok(Setting { key, kind, default })
        })
        .collect()
}

fn version(text: &str) -> Option<Version> {
    Some(text)
        .filter(|text| text.len() <= MAX_VERSION)
        .and_then(|text| Version::parse(text).ok())
}

fn is_feature(feature: &str) -> bool {
    !feature.is_empty() && feature.len() <= MAX_FEATURE && !feature.chars().any(char::is_control)
}

fn is_setting_key(key: &str) -> bool {
    key.len() <= 128
        && key.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> wit::PluginManifest {
        wit::PluginManifest {
            name: "ping".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "answers pings".to_owned(),
            implements: vec![wit::Extension {
                number: 199,
                version: "2.0".to_owned(),
            }],
            features: vec!["urn:xmpp:ping".to_owned()],
            account_features: Vec::new(),
            settings: Vec::new(),
            asks: Vec::new(),
            subscriptions: Vec::new(),
            nodes: Vec::new(),
            dependencies: Vec::new(),
            placement: wit::Placement::Pooled,
            limits: wit::Limits {
                hook_cpu: None,
                request_cpu: None,
                memory: None,
            },
        }
    }

    fn depends(manifest: &mut wit::PluginManifest, name: &str, versions: &str) {
        manifest.dependencies.push(wit::Dependency {
            name: name.to_owned(),
            versions: versions.to_owned(),
        });
    }

    type Breaking = fn(&mut wit::PluginManifest);

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(Manifest::check(valid()).unwrap().implements, ["XEP-0199"]);
        let cases: [(&str, Breaking); 13] = [
            ("name `../ping`", |m| m.name = "../ping".to_owned()),
            ("name ``", |m| m.name = String::new()),
            ("version", |m| m.version = "one".to_owned()),
            ("version", |m| m.version = "1.2".to_owned()),
            ("dependencies", |m| depends(m, "../x", "1")),
            ("dependency `a`", |m| depends(m, "a", "newest")),
            ("dependency `b`", |m| {
                depends(m, "b", "1");
                depends(m, "b", "2");
            }),
            ("limit `memory`", |m| m.limits.memory = Some(513)),
            ("summary", |m| m.summary = "two\nlines".to_owned()),
            ("feature number 1", |m| m.features.push(String::new())),
            ("account feature number 0", |m| {
                m.account_features.push(String::new());
            }),
            ("ask `sockets`", |m| m.asks.push("sockets".to_owned())),
            ("setting `open`", |m| {
                m.settings.push(wit::Setting {
                    key: "open".to_owned(),
                    kind: wit::SettingKind::Boolean,
                    default: Some("'yes'".to_owned()),
                    summary: String::new(),
                });
            }),
        ];
        for (what, break_it) in cases {
            let mut manifest = valid();
            break_it(&mut manifest);
            assert_eq!(Manifest::check(manifest).unwrap_err().what, what);
        }
    }
}
