//! The manifest, read from what `describe` returned by the names of its fields and cases, not by their places: a plugin built
//! before a field was added says nothing of it, and one built after may say more than this server knows.
//!
//! Unknown fields of the manifest itself are noted and left aside. Unknown cases, and unknown fields of a subscription, refuse the
//! plugin: without them it would be called for other things than it asked for.

use wasmtime::component::Val;

use crate::wit::bindings::waxwing::plugin::manifest as wit;
use crate::wit::bindings::waxwing::plugin::types;

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// A field without default is not there.
    #[error("the manifest has no `{0}`; build the plugin against waxwing:plugin 0.2.0")]
    Missing(String),
    /// A value has another type.
    #[error(
        "the manifest's `{0}` has another type than in waxwing:plugin 0.2.0; build the plugin against that version"
    )]
    Type(String),
    /// A case, or a field of a subscription, that this server does not know.
    #[error(
        "the manifest's `{0}` is not known to this server, which serves waxwing:plugin 0.2.0: build the plugin against that version, or update the server"
    )]
    Unknown(String),
}

/// Reads what `describe` returned. Also returns the paths of what this server does not know and leaves aside.
pub(crate) fn read(value: Val) -> Result<(wit::PluginManifest, Vec<String>), ReadError> {
    let mut unknown = Unknown::default();
    let manifest = Value::read(value, "manifest", &mut unknown)?;
    Ok((manifest, unknown.left_aside))
}

/// What was met that this server does not know.
#[derive(Default)]
struct Unknown {
    left_aside: Vec<String>,
    /// A subscription is read.
    is_strict: bool,
}

impl Unknown {
    fn field(&mut self, path: String) -> Result<(), ReadError> {
        if self.is_strict {
            return Err(ReadError::Unknown(path));
        }
        self.left_aside.push(path);
        Ok(())
    }
}

/// A type of the manifest.
trait Value: Sized {
    /// Reads a value; the path is for errors.
    fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError>;

    /// What it is where an older plugin has no such field.
    fn absent() -> Option<Self> {
        None
    }
}

/// The fields of a record that have not been read.
struct Fields<'a> {
    path: &'a str,
    values: Vec<(String, Val)>,
}

impl<'a> Fields<'a> {
    fn of(value: Val, path: &'a str) -> Result<Self, ReadError> {
        match value {
            Val::Record(values) => Ok(Self { path, values }),
            _ => Err(ReadError::Type(path.to_owned())),
        }
    }

    fn read<V: Value>(&mut self, name: &str, unknown: &mut Unknown) -> Result<V, ReadError> {
        let path = format!("{}.{name}", self.path);
        match self.values.iter().position(|(found, _)| found == name) {
            Some(place) => V::read(self.values.swap_remove(place).1, &path, unknown),
            None => V::absent().ok_or(ReadError::Missing(path)),
        }
    }

    /// Notes the fields that are left and say something.
    fn finish(self, unknown: &mut Unknown) -> Result<(), ReadError> {
        let left = self.values.iter().filter(|(_, value)| !is_empty(value));
        for (name, _) in left {
            unknown.field(format!("{}.{name}", self.path))?;
        }
        Ok(())
    }
}

/// Whether a value says nothing.
fn is_empty(value: &Val) -> bool {
    match value {
        Val::Bool(value) => !value,
        Val::Option(value) => value.is_none(),
        Val::List(values) => values.is_empty(),
        Val::Flags(names) => names.is_empty(),
        Val::String(text) => text.is_empty(),
        Val::Record(fields) => fields.iter().all(|(_, value)| is_empty(value)),
        _ => false,
    }
}

macro_rules! scalar {
    ($($of:ty = $case:ident),+) => {
        $(impl Value for $of {
            fn read(value: Val, path: &str, _: &mut Unknown) -> Result<Self, ReadError> {
                match value {
                    Val::$case(value) => Ok(value),
                    _ => Err(ReadError::Type(path.to_owned())),
                }
            }
        })+
    };
}

scalar!(String = String, u32 = U32, i32 = S32);

impl<V: Value> Value for Option<V> {
    fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError> {
        match value {
            Val::Option(value) => value
                .map(|value| V::read(*value, path, unknown))
                .transpose(),
            _ => Err(ReadError::Type(path.to_owned())),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<V: Value> Value for Vec<V> {
    fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError> {
        match value {
            Val::List(values) => values
                .into_iter()
                .map(|value| V::read(value, path, unknown))
                .collect(),
            _ => Err(ReadError::Type(path.to_owned())),
        }
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

macro_rules! record {
    ($of:path $(, absent = $absent:expr)? => $($field:ident = $name:literal),+ $(,)?) => {
        impl Value for $of {
            fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError> {
                let mut fields = Fields::of(value, path)?;
                $(let $field = fields.read($name, unknown)?;)+
                fields.finish(unknown)?;
                Ok(Self { $($field),+ })
            }

            $(fn absent() -> Option<Self> {
                Some($absent)
            })?
        }
    };
}

macro_rules! flags {
    ($of:path => $($name:literal = $flag:ident),+ $(,)?) => {
        impl Value for $of {
            fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError> {
                let Val::Flags(names) = value else {
                    return Err(ReadError::Type(path.to_owned()));
                };
                let mut flags = Self::empty();
                for name in names {
                    match name.as_str() {
                        $($name => flags |= Self::$flag,)+
                        // A class or kind that does not occur on this server: nothing is missed.
                        _ => unknown.left_aside.push(format!("{path}.{name}")),
                    }
                }
                Ok(flags)
            }

            fn absent() -> Option<Self> {
                Some(Self::empty())
            }
        }
    };
}

macro_rules! cases {
    ($of:path $(, absent = $absent:ident)? => $($name:literal = $case:ident),+ $(,)?) => {
        impl Value for $of {
            fn read(value: Val, path: &str, _: &mut Unknown) -> Result<Self, ReadError> {
                let Val::Enum(name) = value else {
                    return Err(ReadError::Type(path.to_owned()));
                };
                match name.as_str() {
                    $($name => Ok(Self::$case),)+
                    _ => Err(ReadError::Unknown(format!("{path}.{name}"))),
                }
            }

            $(fn absent() -> Option<Self> {
                Some(Self::$absent)
            })?
        }
    };
}

macro_rules! variant {
    ($of:path => $($name:literal = $case:ident),+ $(,)?) => {
        impl Value for $of {
            fn read(value: Val, path: &str, unknown: &mut Unknown) -> Result<Self, ReadError> {
                let Val::Variant(name, Some(value)) = value else {
                    return Err(ReadError::Type(path.to_owned()));
                };
                let path = format!("{path}.{name}");
                unknown.is_strict = true;
                let read = match name.as_str() {
                    $($name => Value::read(*value, &path, unknown).map(Self::$case),)+
                    _ => Err(ReadError::Unknown(path)),
                };
                unknown.is_strict = false;
                read
            }
        }
    };
}

record!(wit::PluginManifest =>
    name = "name", version = "version", summary = "summary", implements = "implements", features = "features",
    account_features = "account-features", settings = "settings", asks = "asks", subscriptions = "subscriptions",
    nodes = "nodes", dependencies = "dependencies", placement = "placement", limits = "limits",
);
record!(wit::Extension => number = "number", version = "version");
record!(wit::Setting => key = "key", kind = "kind", default = "default", summary = "summary");
record!(wit::DiscoNode =>
    node = "node", parent = "parent", category = "category", kind = "kind", label = "label", features = "features",
);
record!(wit::Dependency => name = "name", versions = "versions");
record!(wit::Limits, absent = wit::Limits { hook_cpu: None, request_cpu: None, memory: None } =>
    hook_cpu = "hook-cpu", request_cpu = "request-cpu", memory = "memory",
);
record!(types::Name => namespace = "namespace", local = "local");
record!(wit::InboundFilter =>
    kinds = "kinds", types = "types", payload = "payload", recipients = "recipients", priority = "priority",
    on_fault = "on-fault",
);
record!(wit::DeliverFilter =>
    kinds = "kinds", types = "types", payload = "payload", senders = "senders", priority = "priority",
    on_fault = "on-fault",
);
record!(wit::OfflineFilter =>
    types = "types", payload = "payload", senders = "senders", priority = "priority", on_fault = "on-fault",
);
record!(wit::PresenceFilter =>
    steps = "steps", payload = "payload", priority = "priority", on_fault = "on-fault",
);
record!(wit::RosterFilter =>
    points = "points", actions = "actions", contacts = "contacts", priority = "priority", on_fault = "on-fault",
);
record!(wit::IqFilter => payload = "payload", types = "types", node = "node", recipients = "recipients");
record!(wit::EventFilter => source = "source", name = "name");
record!(wit::AuthOffer =>
    credentials = "credentials", hashes = "hashes", iterations = "iterations", salt_bytes = "salt-bytes",
    priority = "priority",
);
flags!(types::Recipients =>
    "own-server" = OWN_SERVER, "other-server" = OTHER_SERVER, "own-account" = OWN_ACCOUNT,
    "other-account" = OTHER_ACCOUNT, "full" = FULL, "remote" = REMOTE, "component" = COMPONENT,
);
flags!(types::Senders =>
    "own-server" = OWN_SERVER, "other-server" = OTHER_SERVER, "own-account" = OWN_ACCOUNT,
    "other-account" = OTHER_ACCOUNT, "remote" = REMOTE, "component" = COMPONENT,
);
flags!(wit::StanzaKinds => "message" = MESSAGE, "presence" = PRESENCE, "iq" = IQ);
flags!(wit::RequestTypes => "get" = GET, "set" = SET);
flags!(wit::PresenceSteps =>
    "initial" = INITIAL, "update" = UPDATE, "unavailable" = UNAVAILABLE, "ended" = ENDED,
);
flags!(wit::RosterHookPoints =>
    "show" = SHOW, "update" = UPDATE, "remove" = REMOVE, "outbound" = OUTBOUND, "inbound" = INBOUND,
);
flags!(wit::SubscriptionActions =>
    "subscribe" = SUBSCRIBE, "subscribed" = SUBSCRIBED, "unsubscribe" = UNSUBSCRIBE, "unsubscribed" = UNSUBSCRIBED,
);
flags!(wit::CredentialKinds => "password" = PASSWORD, "token" = TOKEN, "cookie" = COOKIE);
flags!(wit::ScramHashes => "sha1" = SHA1, "sha256" = SHA256);
cases!(wit::FaultPolicy, absent = Closed => "closed" = Closed, "open" = Open);
cases!(wit::SettingKind => "boolean" = Boolean, "integer" = Integer, "text" = Text, "texts" = Texts);
cases!(wit::Placement, absent = Pooled =>
    "pooled" = Pooled, "per-shard" = PerShard, "keyed" = Keyed, "single" = Single, "isolated" = Isolated,
);
variant!(wit::Subscription =>
    "inbound" = Inbound, "deliver" = Deliver, "offline" = Offline, "presence" = Presence, "roster-hook" = RosterHook,
    "iq" = Iq, "pre-auth" = PreAuth, "component" = Component, "event" = Event, "auth-provider" = AuthProvider,
    "roster-provider" = RosterProvider, "session-provider" = SessionProvider,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Val {
        Val::String(text.to_owned())
    }

    fn record(fields: &[(&str, Val)]) -> Val {
        let fields = fields.iter();
        Val::Record(
            fields
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    /// A manifest of the first version, with so many fields more.
    fn manifest(more: &[(&str, Val)]) -> Val {
        let least = [
            ("name", text("ping")),
            ("version", text("1.0.0")),
            ("summary", text("pings")),
        ];
        record(&[&least, more].concat())
    }

    fn subscription(name: &str, filter: Val) -> Val {
        Val::List(vec![Val::Variant(name.to_owned(), Some(Box::new(filter)))])
    }

    fn flags(names: &[&str]) -> Val {
        Val::Flags(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn a_field_that_an_older_plugin_has_not_takes_its_default() {
        let (read, left_aside) = read(manifest(&[])).unwrap();
        assert_eq!(read.name, "ping");
        assert!(read.account_features.is_empty() && read.subscriptions.is_empty());
        assert_eq!(read.placement, wit::Placement::Pooled);
        assert!(left_aside.is_empty());
        let filter = record(&[
            ("kinds", flags(&["message"])),
            ("recipients", flags(&["full"])),
            ("priority", Val::S32(0)),
        ]);
        let more = [("subscriptions", subscription("inbound", filter))];
        let (read, _) = super::read(manifest(&more)).unwrap();
        let Some(wit::Subscription::Inbound(filter)) = read.subscriptions.first() else {
            panic!("{:?}", read.subscriptions)
        };
        assert_eq!(filter.on_fault, wit::FaultPolicy::Closed);
        assert_eq!(filter.recipients, types::Recipients::FULL);
    }

    #[test]
    fn a_field_that_a_newer_plugin_has_is_noted_and_left_aside() {
        let more = [
            (
                "homepage",
                Val::Option(Some(Box::new(text("https://ping.example")))),
            ),
            ("licences", Val::List(Vec::new())),
        ];
        let (read, left_aside) = read(manifest(&more)).unwrap();
        assert_eq!(read.name, "ping");
        assert_eq!(
            left_aside,
            ["manifest.homepage"],
            "an empty one says nothing"
        );
    }

    #[test]
    fn what_would_change_the_calls_is_refused_by_name() {
        let refused = |more: &[(&str, Val)]| read(manifest(more)).unwrap_err().to_string();
        let case = refused(&[("subscriptions", subscription("remote-in", record(&[])))]);
        assert!(
            case.contains("`manifest.subscriptions.remote-in`"),
            "{case}"
        );
        assert!(case.contains("waxwing:plugin 0.2.0"), "{case}");
        let filter = record(&[
            (
                "payload",
                record(&[("namespace", text("urn:x")), ("local", text("x"))]),
            ),
            ("only-at-night", Val::Bool(true)),
        ]);
        let field = refused(&[("subscriptions", subscription("iq", filter))]);
        assert!(
            field.contains("`manifest.subscriptions.iq.only-at-night`"),
            "{field}"
        );
        let placement = refused(&[("placement", Val::Enum("anywhere".to_owned()))]);
        assert!(
            placement.contains("`manifest.placement.anywhere`"),
            "{placement}"
        );
    }

    #[test]
    fn a_class_that_does_not_occur_here_is_left_aside() {
        let payload = record(&[("namespace", text("urn:x")), ("local", text("x"))]);
        let recipients = flags(&["full", "planet"]);
        let filter = record(&[("payload", payload), ("recipients", recipients)]);
        let more = [("subscriptions", subscription("iq", filter))];
        let (_, left_aside) = read(manifest(&more)).unwrap();
        assert_eq!(left_aside, ["manifest.subscriptions.iq.recipients.planet"]);
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let missing = read(record(&[("name", text("ping"))])).unwrap_err();
        assert!(
            missing.to_string().contains("`manifest.version`"),
            "{missing}"
        );
        let wrong = read(manifest(&[("features", text("urn:xmpp:ping"))])).unwrap_err();
        assert!(wrong.to_string().contains("`manifest.features`"), "{wrong}");
        assert!(read(text("ping")).is_err());
    }
}
