//! Checking a submission against its form. That is the receiver's duty (XEP-0004 §4).

use super::{FORM_TYPE, Field, FieldKind, Form, FormError, Values, validation};
use crate::jid;

pub(super) fn submission(form: &Form, submission: &Form) -> Result<Values, FormError> {
    match (form.form_type(), submission.form_type()) {
        (Some(own), Some(other)) if own != other => return Err(FormError::OtherForm),
        _ => {}
    }
    let mut values = Values::default();
    for field in &form.fields {
        let Some(var) = field.var.as_deref() else {
            continue;
        };
        if field.kind() == FieldKind::Fixed || var == FORM_TYPE {
            continue;
        }
        match find(submission, var)? {
            Some(given) => {
                let accepted = accept(field, var, &given.values)?;
                validation::check(field, var, &accepted)?;
                values.insert(var, accepted);
            }
            None if field.kind() == FieldKind::Hidden => values.insert(var, field.values.clone()),
            None if field.is_required => return Err(FormError::Missing(var.to_owned())),
            None => {}
        }
    }
    Ok(values)
}

fn find<'a>(submission: &'a Form, var: &str) -> Result<Option<&'a Field>, FormError> {
    let named = |field: &&Field| field.var.as_deref() == Some(var);
    let mut found = submission.fields.iter().filter(named);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(FormError::Repeated(var.to_owned())),
        (field, None) => Ok(field),
    }
}

fn accept(field: &Field, var: &str, given: &[String]) -> Result<Vec<String>, FormError> {
    let kind = field.kind();
    let var = || var.to_owned();
    if !kind.is_multi() && given.len() > 1 {
        return Err(FormError::TooMany(var()));
    }
    // An empty value is no value, except for a line of a text.
    let mut values: Vec<String> = match kind {
        FieldKind::TextMulti if given.iter().any(|line| !line.is_empty()) => given.to_vec(),
        _ => given
            .iter()
            .filter(|value| !value.is_empty())
            .cloned()
            .collect(),
    };
    if values.is_empty() && field.is_required {
        return Err(FormError::Missing(var()));
    }
    let all = |is_valid: &dyn Fn(&str) -> bool| values.iter().all(|value| is_valid(value));
    match kind {
        FieldKind::Boolean if !all(&is_boolean) => return Err(FormError::NotBoolean(var())),
        FieldKind::JidSingle | FieldKind::JidMulti if !all(&jid::is_valid) => {
            return Err(FormError::NotJid(var()));
        }
        FieldKind::ListSingle | FieldKind::ListMulti if !all(&|value| is_option(field, value)) => {
            return Err(FormError::NotAnOption(var()));
        }
        // Duplicate JIDs must be ignored (XEP-0004 §3.3), and choosing an option twice is choosing it.
        FieldKind::JidMulti => remove_duplicates(&mut values, |jid| {
            let resource = jid::resource(jid).unwrap_or_default();
            [&jid::bare(jid).to_lowercase(), "/", resource].concat()
        }),
        FieldKind::ListMulti => remove_duplicates(&mut values, str::to_owned),
        _ => {}
    }
    Ok(values)
}

fn is_boolean(value: &str) -> bool {
    matches!(value, "0" | "1" | "false" | "true")
}

fn is_option(field: &Field, value: &str) -> bool {
    field.options.iter().any(|option| option.value == value)
}

fn remove_duplicates(values: &mut Vec<String>, key: impl Fn(&str) -> String) {
    let mut seen = std::collections::BTreeSet::new();
    values.retain(|value| seen.insert(key(value)));
}
