//! Results of several items (XEP-0004 §3.4).

use super::{Field, FieldKind, Form};
use crate::Payload;

/// What each item has.
#[derive(Clone, Debug, PartialEq, Payload)]
#[payload(name = "reported", ns = "jabber:x:data")]
pub struct Reported {
    /// One field for each column, without a value.
    #[payload(nested)]
    pub fields: Vec<Field>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Payload)]
#[payload(name = "item", ns = "jabber:x:data")]
pub struct Item {
    /// One field for each column.
    #[payload(nested)]
    pub fields: Vec<Field>,
}

impl Item {
    /// The value in a column.
    pub fn get(&self, var: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|field| field.var.as_deref() == Some(var))?
            .value()
    }
}

/// Builds a result of several items: first the columns, then the rows.
///
/// ```
/// use waxwing_plugin::Payload;
/// use waxwing_plugin::forms::Table;
///
/// let form = Table::new(&[("name", "Service"), ("state", "State")])
///     .row(&["httpd", "on"])
///     .row(&["postgresql", "off"])
///     .into_form();
/// assert_eq!(form.items.len(), 2);
/// assert_eq!(form.items[1].get("state"), Some("off"));
/// # let _ = form.to_element();
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Field>,
    items: Vec<Item>,
}

impl Table {
    /// Columns of text, by name and label.
    pub fn new(columns: &[(&str, &str)]) -> Self {
        let column = |&(var, label): &(&str, &str)| Field::of(FieldKind::TextSingle, var, label);
        Self {
            columns: columns.iter().map(column).collect(),
            items: Vec::new(),
        }
    }

    /// One more row, with a value for each column; what is missing is empty, what is too much is left out.
    #[must_use]
    pub fn row(mut self, values: &[&str]) -> Self {
        let values = values.iter().copied().chain(std::iter::repeat(""));
        let cell = |(column, value): (&Field, &str)| Field {
            var: column.var.clone(),
            values: vec![value.to_owned()],
            ..Field::default()
        };
        let fields = self.columns.iter().zip(values).map(cell).collect();
        self.items.push(Item { fields });
        self
    }

    /// The form.
    pub fn into_form(self) -> Form {
        Form {
            reported: Some(Reported {
                fields: self.columns,
            }),
            items: self.items,
            ..Form::result()
        }
    }
}
