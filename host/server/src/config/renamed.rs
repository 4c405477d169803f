//! Keys that were renamed. The old name of a key still works for one version, with a warning that names the new one.

use super::{
    ConfigError,
    tree::{Node, Source, Value},
};

/// The table of a key, its old name, and its new one.
const RENAMED: [(&str, &str, &str); 4] = [
    ("limits", "silence_seconds", "idle_probe_seconds"),
    (
        "limits",
        "sleeping_sessions_per_account",
        "hibernated_sessions_per_account",
    ),
    ("limits", "sleeping_sessions", "hibernated_sessions"),
    ("limits", "sleeping_bytes", "hibernated_bytes"),
];

/// Gives the keys of a whole file their new names. An error: the file has a key under both names.
pub(super) fn rename_keys(root: &mut Node, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    let Value::Table(root) = &mut root.value else {
        return Ok(());
    };
    for (table, old, new) in RENAMED {
        let Some(Value::Table(keys)) = root.get_mut(table).map(|node| &mut node.value) else {
            continue;
        };
        let Some(node) = keys.remove(old) else {
            continue;
        };
        if keys.contains_key(new) {
            return Err(ConfigError::new(format!(
                "{}: `{table}.{old}` is the old name of `{table}.{new}`, which is there too; remove the old one",
                node.source
            )));
        }
        warnings.push(warning(&node.source, table, old, new));
        keys.insert(new.to_owned(), node);
    }
    Ok(())
}

/// Gives a key from the environment or the command line its new name.
pub(super) fn rename_path(path: &mut [String], source: &Source, warnings: &mut Vec<String>) {
    let [table, key] = path else { return };
    let renamed = RENAMED
        .iter()
        .find(|(of, old, _)| table == of && key == old);
    if let Some((_, old, new)) = renamed {
        warnings.push(warning(source, table, old, new));
        (*new).clone_into(key);
    }
}

fn warning(source: &Source, table: &str, old: &str, new: &str) -> String {
    format!(
        "{source}: `{table}.{old}` is now `{table}.{new}`; the next version will not know the old name"
    )
}
