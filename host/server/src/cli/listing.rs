//! Listings, for people and for programs.

use serde_json::{Map, Value};

use super::say;

/// Prints a list of objects: whole, as JSON, or as a table of those `columns` that any of them has.
pub(super) fn print(list: &Value, json: bool, columns: &[&str]) -> anyhow::Result<()> {
    if json {
        return Ok(say(&serde_json::to_string_pretty(list)?)?);
    }
    for line in table(list, columns) {
        say(&line)?;
    }
    Ok(())
}

fn table(list: &Value, columns: &[&str]) -> Vec<String> {
    let objects = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    let objects: Vec<&Map<String, Value>> = objects.collect();
    if objects.is_empty() {
        return Vec::new();
    }
    let present = |column: &&str| objects.iter().any(|object| object.contains_key(*column));
    let columns: Vec<&str> = columns.iter().copied().filter(present).collect();
    let heading = columns.iter().map(|column| column.to_uppercase()).collect();
    let row =
        |object: &&Map<String, Value>| columns.iter().map(|key| cell(object.get(*key))).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heading)
        .chain(objects.iter().map(row))
        .collect();
    align(&rows)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.chars().map(printable).collect(),
        Some(Value::Array(values)) if values.is_empty() => "-".to_owned(),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| cell(Some(value)))
            .collect::<Vec<_>>()
            .join(","),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Names come from outside: none may move the terminal's cursor.
pub(super) fn printable(character: char) -> char {
    if character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

pub(super) fn align(rows: &[Vec<String>]) -> Vec<String> {
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(length)
            .max()
    };
    let pad = |(column, cell): (usize, &String)| format!("{cell:0$}", width(column).unwrap_or(0));
    let line = |row: &Vec<String>| {
        row.iter()
            .enumerate()
            .map(pad)
            .collect::<Vec<_>>()
            .join("  ")
    };
    rows.iter()
        .map(|row| line(row).trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;

    #[test]
    fn aligns_columns_and_defuses_control_characters() {
        let list = json!([
            { "disabled": false, "id": 1, "jid": "al\u{1b}ice@localhost" },
            { "disabled": true, "jid": "bob@localhost" },
        ]);
        let wanted = [
            "JID               DISABLED",
            "al\u{fffd}ice@localhost  no",
            "bob@localhost     yes",
        ];
        assert_eq!(table(&list, &["jid", "disabled", "absent"]), wanted);
        assert!(table(&json!([]), &["jid"]).is_empty());
    }
}
