//! Validation of values (XEP-0122): whole numbers, so far; what else a form asks for is kept and not looked at.

use std::ops::RangeInclusive;

use super::{Field, FieldKind, FormError};
use crate::{Element, Payload};

/// What the values of a field must be.
#[derive(Clone, Debug, PartialEq, Payload)]
#[payload(name = "validate", ns = "http://jabber.org/protocol/xdata-validate")]
pub struct Validation {
    /// The type, for instance `xs:integer`.
    #[payload(attr, default = "xs:string".to_owned())]
    pub datatype: String,
    /// The least and the greatest value.
    #[payload(nested)]
    pub range: Option<Range>,
    /// Other methods.
    #[payload(other)]
    pub others: Vec<Element>,
}

/// The least and the greatest value, as the type writes them.
#[derive(Clone, Debug, PartialEq, Eq, Payload)]
#[payload(name = "range", ns = "http://jabber.org/protocol/xdata-validate")]
pub struct Range {
    /// The least.
    #[payload(attr)]
    pub min: Option<String>,
    /// The greatest.
    #[payload(attr)]
    pub max: Option<String>,
}

impl Field {
    /// A whole number in that range.
    pub fn integer(var: &str, label: &str, range: RangeInclusive<i64>) -> Self {
        let validation = Validation {
            datatype: "xs:integer".to_owned(),
            range: Some(Range {
                min: Some(range.start().to_string()),
                max: Some(range.end().to_string()),
            }),
            others: Vec::new(),
        };
        Self {
            validation: Some(validation),
            ..Self::of(FieldKind::TextSingle, var, label)
        }
    }
}

/// Checks values that are not empty.
pub(super) fn check(field: &Field, var: &str, values: &[String]) -> Result<(), FormError> {
    let Some(validation) = &field.validation else {
        return Ok(());
    };
    let Some(limits) = limits(validation) else {
        return Ok(());
    };
    for value in values {
        let number: i64 = value
            .trim()
            .parse()
            .map_err(|_| FormError::NotInteger(var.to_owned()))?;
        if !limits.contains(&number) {
            return Err(FormError::OutOfRange(var.to_owned()));
        }
    }
    Ok(())
}

/// The range of a type of whole numbers, narrowed by the field's own.
fn limits(validation: &Validation) -> Option<RangeInclusive<i64>> {
    let (least, greatest) = match validation.datatype.as_str() {
        "xs:integer" | "xs:long" => (i64::MIN, i64::MAX),
        "xs:int" => (i32::MIN.into(), i32::MAX.into()),
        "xs:short" => (i16::MIN.into(), i16::MAX.into()),
        "xs:byte" => (i8::MIN.into(), i8::MAX.into()),
        _ => return None,
    };
    let own = validation.range.as_ref();
    let bound = |text: Option<&String>| text.and_then(|text| text.trim().parse::<i64>().ok());
    let min = bound(own.and_then(|range| range.min.as_ref()));
    let max = bound(own.and_then(|range| range.max.as_ref()));
    Some(min.unwrap_or(least).max(least)..=max.unwrap_or(greatest).min(greatest))
}
