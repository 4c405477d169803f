//! The changes, each undone.

/// A guest from before a change, or from after one that is still to come.
pub(super) struct Old {
    /// Its name, which says how the interfaces were.
    pub(super) name: &'static str,
    /// What makes today's interfaces those of then.
    pub(super) undo: &'static [Undo],
    /// What it exports besides `lifecycle`.
    pub(super) exports: &'static [&'static str],
    /// The functions that it uses.
    pub(super) uses: &'static [&'static str],
}

/// One step back.
pub(super) enum Undo {
    /// In a file, the one place that reads so read otherwise.
    In(&'static str, &'static str, &'static str),
    /// In all files.
    Everywhere(&'static str, &'static str),
    /// There was a file more.
    Add(&'static str, &'static str),
    /// There was no such file.
    Remove(&'static str),
}

use Undo::{Add, Everywhere, In, Remove};

/// An interface that is gone.
const WEATHER: Undo = Add(
    "weather.wit",
    "package waxwing:plugin@0.2.0;\n\ninterface weather {\n    today: func() -> bool;\n}\n",
);

/// Every guest.
pub(super) const ALL: &[Old] = &[
    Old {
        name: "nothing-was-other",
        undo: &[],
        exports: &["inbound", "iq-handler", "reply-handler", "session-events"],
        uses: &[
            "memory.put",
            "memory.add",
            "sessions.of-account",
            "clock.monotonic",
        ],
    },
    Old {
        name: "import-had-fewer-functions",
        undo: &[In(
            "memory.wit",
            "@since(version = 0.2.0)\n    delete: func(key: string);",
            "",
        )],
        exports: &[],
        uses: &["memory.get", "memory.put"],
    },
    Old {
        name: "there-were-fewer-interfaces",
        undo: &[
            Everywhere("    import timers;\n", ""),
            Everywhere("    export timer-handler;\n", ""),
            Remove("timers.wit"),
            Remove("timer-handler.wit"),
        ],
        exports: &["iq-handler"],
        uses: &["memory.get"],
    },
    Old {
        name: "unused-interface-was-other",
        undo: &[In("sessions.wit", "        priority: option<s8>,\n", "")],
        exports: &[],
        uses: &["memory.get"],
    },
    Old {
        name: "unused-error-had-fewer-cases",
        undo: &[In("memory.wit", "        not-a-counter,\n", "")],
        exports: &[],
        uses: &["memory.get"],
    },
    Old {
        name: "docs-order-and-names-were-other",
        undo: &[
            Everywhere("///", "//"),
            In("clock.wit", "now: func()", "then: func()"),
            In("clock.wit", "monotonic: func()", "now: func()"),
            In("clock.wit", "then: func()", "monotonic: func()"),
            In(
                "memory.wit",
                "get: func(key: string)",
                "get: func(name: string)",
            ),
            In(
                "iq-handler.wit",
                "handle: func(request: borrow<stanza>",
                "handle: func(asked: borrow<stanza>",
            ),
        ],
        exports: &["iq-handler"],
        uses: &["memory.get", "clock.now", "clock.monotonic"],
    },
    Old {
        name: "export-had-fewer-functions",
        undo: &[In(
            "reply-handler.wit",
            "@since(version = 0.2.0)\n    timed-out: func(token: u64);",
            "",
        )],
        exports: &["reply-handler"],
        uses: &[],
    },
    Old {
        name: "verdict-had-fewer-cases",
        undo: &[In("inbound.wit", "        answer(option<string>),\n", "")],
        exports: &["inbound"],
        uses: &[],
    },
    Old {
        name: "verdict-had-another-order",
        undo: &[
            In("inbound.wit", "        pass,\n", "        then,\n"),
            In("inbound.wit", "        drop,\n", "        pass,\n"),
            In("inbound.wit", "        then,\n", "        drop,\n"),
        ],
        exports: &["inbound"],
        uses: &[],
    },
    Old {
        name: "case-had-another-name",
        undo: &[In("inbound.wit", "        drop,\n", "        discard,\n")],
        exports: &["inbound"],
        uses: &[],
    },
    Old {
        name: "error-had-fewer-cases",
        undo: &[In("memory.wit", "        not-a-counter,\n", "")],
        exports: &[],
        uses: &["memory.put"],
    },
    Old {
        name: "given-record-had-fewer-fields",
        undo: &[In("session-events.wit", "        id: u64,\n", "")],
        exports: &["session-events"],
        uses: &[],
    },
    Old {
        name: "taken-record-had-fewer-fields",
        undo: &[In("sessions.wit", "        priority: option<s8>,\n", "")],
        exports: &[],
        uses: &["sessions.of-account"],
    },
    Old {
        name: "manifest-had-fewer-fields",
        undo: &[In("manifest.wit", "        limits: limits,\n", "")],
        exports: &[],
        uses: &[],
    },
    Old {
        name: "there-were-fewer-flags",
        undo: &[In(
            "types.wit",
            "        remote,\n        /// Anything at a domain that a plugin serves as a component.\n        component,\n    }\n\n    /// Classes of sender",
            "        remote,\n    }\n\n    /// Classes of sender",
        )],
        exports: &[],
        uses: &[],
    },
    Old {
        name: "function-had-fewer-parameters",
        undo: &[In(
            "memory.wit",
            "add: func(key: string, delta: s64, seconds: option<u32>)",
            "add: func(key: string, delta: s64)",
        )],
        exports: &[],
        uses: &["memory.add"],
    },
    Old {
        name: "result-had-another-type",
        undo: &[In(
            "clock.wit",
            "monotonic: func() -> u64",
            "monotonic: func() -> u32",
        )],
        exports: &[],
        uses: &["clock.monotonic"],
    },
    Old {
        name: "used-function-is-gone",
        undo: &[In(
            "memory.wit",
            "    /// Forgets a key.",
            "    clear: func();\n\n    /// Forgets a key.",
        )],
        exports: &[],
        uses: &["memory.clear"],
    },
    Old {
        name: "used-interface-is-gone",
        undo: &[
            WEATHER,
            Everywhere(
                "    import timers;\n",
                "    import timers;\n    import weather;\n",
            ),
        ],
        exports: &[],
        uses: &["weather.today"],
    },
    Old {
        name: "exported-interface-is-gone",
        undo: &[WEATHER],
        exports: &["weather"],
        uses: &[],
    },
    Old {
        name: "manifest-has-more-fields",
        undo: &[In(
            "manifest.wit",
            "        limits: limits,\n",
            "        limits: limits,\n        homepage: option<string>,\n",
        )],
        exports: &[],
        uses: &["memory.get"],
    },
    Old {
        name: "filter-has-more-fields",
        undo: &[In(
            "manifest.wit",
            "        recipients: recipients,\n    }\n}",
            "        recipients: recipients,\n        weekday: option<string>,\n    }\n}",
        )],
        exports: &["iq-handler"],
        uses: &["memory.get"],
    },
    Old {
        name: "subscription-has-more-cases",
        undo: &[In(
            "manifest.wit",
            "        session-provider(s32),\n",
            "        session-provider(s32),\n        weather(string),\n",
        )],
        exports: &[],
        uses: &["memory.get"],
    },
    Old {
        name: "version-was-0-1-0",
        undo: &[Everywhere("0.2.0", "0.1.0")],
        exports: &[],
        uses: &["memory.get"],
    },
    Old {
        name: "version-was-0-3-0",
        undo: &[Everywhere("waxwing:plugin@0.2.0;", "waxwing:plugin@0.3.0;")],
        exports: &[],
        uses: &["memory.get"],
    },
];

/// What the manifests of some of them say besides their names, as JSON.
pub(super) const MANIFESTS: &[(&str, &str)] = &[
    (
        "manifest-has-more-fields",
        "{\"homepage\": \"https://weather.example\"}",
    ),
    (
        "filter-has-more-fields",
        "{\"subscriptions\": [{\"iq\": {\"payload\": {\"namespace\": \"urn:x\", \"local\": \"x\"}, \"weekday\": \"monday\"}}]}",
    ),
    (
        "subscription-has-more-cases",
        "{\"subscriptions\": [{\"weather\": \"rain\"}]}",
    ),
];
