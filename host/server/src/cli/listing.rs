//! Listings, for people and for programs.

use serde_json::{Map, Value};

use super::say;

/// Prints a list of objects: as JSON, or as a table with a column for each key, sorted by key unless named in `columns`,
/// which are first.
pub(super) fn print(list: &Value, json: bool, columns: &[&str]) -> anyhow::Result<()> {
    if json {
        return Ok(say(&serde_json::to_string_pretty(list)?)?);
    }
    for line in table(list, columns) {
        say(&line)?;
    }
    Ok(())
}

fn table(list: &Value, first: &[&str]) -> Vec<String> {
    let objects: Vec<&Map<String, Value>> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let Some(sample) = objects.first() else {
        return Vec::new();
    };
    let mut columns: Vec<&str> = first.to_vec();
    columns.extend(
        sample
            .keys()
            .map(String::as_str)
            .filter(|key| !first.contains(key)),
    );
    let heading = columns.iter().map(|column| column.to_uppercase()).collect();
    let cells =
        |object: &&Map<String, Value>| columns.iter().map(|key| cell(object.get(*key))).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heading)
        .chain(objects.iter().map(cells))
        .collect();
    align(&rows)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.chars().map(printable).collect(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Names come from outside: none may move the terminal's cursor.
fn printable(character: char) -> char {
    if character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

fn align(rows: &[Vec<String>]) -> Vec<String> {
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
            { "disabled": false, "jid": "al\u{1b}ice@localhost" },
            { "disabled": true, "jid": "bob@localhost" },
        ]);
        let wanted = [
            "JID               DISABLED",
            "al\u{fffd}ice@localhost  no",
            "bob@localhost     yes",
        ];
        assert_eq!(table(&list, &["jid"]), wanted);
        assert!(table(&json!([]), &["jid"]).is_empty());
    }
}
