//! All tables, as every engine has them.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// 0 or 1 in SQLite.
    Flag,
    Text,
    /// Text that strangers choose: its octets in PostgreSQL.
    Name,
    Octets,
}

/// What a row holds in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// Also a flag.
    Number(i64),
    /// Also text.
    Octets(Vec<u8>),
}

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The columns that tell its rows apart, by number, and by which they are read in order.
    pub(super) key: &'static [usize],
}

impl Table {
    /// The columns' names with commas between.
    pub(super) fn list(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    }

    /// The key's columns.
    pub(super) fn key_columns(&self) -> Vec<(&'static str, Kind)> {
        let columns = self.key.iter();
        columns
            .filter_map(|number| self.columns.get(*number).copied())
            .collect()
    }

    pub(super) fn key_list(&self) -> String {
        let names = self.key_columns().into_iter().map(|(name, _)| name);
        names.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        let cells = self.key.iter();
        cells
            .filter_map(|number| row.get(*number).cloned())
            .collect()
    }
}

/// Tables whose ids go on where they were, all but requests' also beyond the greatest that is there.
pub(super) const SEQUENCES: [&str; 4] =
    ["account", "plugin_namespace", "roster_request", "spooled"];

use Kind::{Flag, Name, Number, Octets, Text};

/// In the order in which they are written: what an account is given with it, and what counts stanzas, comes after those.
pub(super) const TABLES: [Table; 12] = [
    Table {
        name: "account",
        columns: &[
            ("id", Number),
            ("localpart", Text),
            ("domain", Text),
            ("disabled", Flag),
            ("created_at", Number),
        ],
        key: &[0],
    },
    Table {
        name: "scram_key",
        columns: &[
            ("account", Number),
            ("hash", Text),
            ("salt", Octets),
            ("iterations", Number),
            ("stored_key", Octets),
            ("server_key", Octets),
        ],
        key: &[0, 1],
    },
    Table {
        name: "plugin_namespace",
        columns: &[
            ("id", Number),
            ("name", Text),
            ("last_sequence", Number),
            ("bytes", Number),
            ("keys", Number),
            ("entries", Number),
        ],
        key: &[0],
    },
    Table {
        name: "plugin_value",
        columns: &[
            ("account", Number),
            ("namespace", Number),
            ("key", Name),
            ("value", Octets),
        ],
        key: &[0, 1, 2],
    },
    Table {
        name: "plugin_log",
        columns: &[
            ("account", Number),
            ("namespace", Number),
            ("log", Name),
            ("sequence", Number),
            ("value", Octets),
        ],
        key: &[0, 1, 2, 3],
    },
    Table {
        name: "roster",
        columns: &[
            ("account", Number),
            ("version", Number),
            ("forgotten", Number),
            ("items", Number),
            ("requests", Number),
        ],
        key: &[0],
    },
    Table {
        name: "roster_item",
        columns: &[
            ("account", Number),
            ("contact", Name),
            ("version", Number),
            ("name", Name),
            ("groups", Text),
            ("subscription", Text),
            ("pending_out", Flag),
            ("approved", Flag),
        ],
        key: &[0, 1],
    },
    Table {
        name: "roster_removal",
        columns: &[("account", Number), ("contact", Name), ("version", Number)],
        key: &[0, 1],
    },
    Table {
        name: "roster_request",
        columns: &[
            ("id", Number),
            ("account", Number),
            ("contact", Name),
            ("stanza", Octets),
        ],
        key: &[0],
    },
    Table {
        name: "spooled",
        columns: &[
            ("id", Number),
            ("account", Number),
            ("at", Number),
            ("stanza", Octets),
        ],
        key: &[0],
    },
    Table {
        name: "spool",
        columns: &[("account", Number), ("stanzas", Number), ("bytes", Number)],
        key: &[0],
    },
    Table {
        name: "stream",
        columns: &[
            ("id", Text),
            ("account", Number),
            ("handled", Number),
            ("at", Number),
        ],
        key: &[0],
    },
];
