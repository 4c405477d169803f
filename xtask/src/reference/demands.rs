//! What the WIT has to say of every item, so that the reference leaves nothing open.

use anyhow::{Result, bail};
use wit_parser::{Docs, Function, Stability, TypeDef, TypeDefKind};

use super::catalogue::{Catalogue, Entry, Way, since};
use super::words::Grant;

/// An error that lists everything that is missing.
pub(super) fn meet(catalogue: &Catalogue) -> Result<()> {
    let mut missing = Vec::new();
    for entry in catalogue.entries() {
        interface(catalogue, &entry, &mut missing);
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("`wit/` leaves something open:\n  {}", missing.join("\n  "))
}

fn interface(catalogue: &Catalogue, entry: &Entry<'_>, missing: &mut Vec<String>) {
    let name = entry.name;
    if !catalogue.is_listed(entry.id) {
        missing.push(format!(
            "`{name}` stands in no world: `world plugin` needs it"
        ));
    }
    versioned(name, &entry.interface.stability, missing);
    documented(name, &entry.interface.docs, missing);
    let expected = match entry.way {
        Way::Export => Some("Export"),
        Way::Import => Some("Import"),
        Way::Types => None,
    };
    if expected != entry.doc.way {
        let begin = expected.unwrap_or("neither `Export` nor `Import`");
        missing.push(format!("the doc of `{name}` does not begin with {begin}"));
    }
    if expected.is_some() {
        promises(entry, missing);
    }
    for function in entry.interface.functions.values() {
        of_function(name, function, missing);
    }
    for (ty, _, definition) in catalogue.types(entry.interface) {
        of_type(&format!("{name}.{ty}"), definition, missing);
    }
}

fn promises(entry: &Entry<'_>, missing: &mut Vec<String>) {
    let name = entry.name;
    match &entry.doc.grant {
        Grant::Unsaid => missing.push(format!(
            "the doc of `{name}` does not begin with its grant: `…, needs the grant `x`: …` or `…, needs no grant: …`"
        )),
        Grant::Named(grant) if entry.way == Way::Export && grant != name => missing.push(format!(
            "the doc of `{name}` names the grant `{grant}`, but an export's grant has its own name"
        )),
        _ => {}
    }
    if entry.doc.audience().is_none() {
        missing.push(format!(
            "the doc of `{name}` has no sentence that begins with `For `: who would use it"
        ));
    }
}

fn of_function(interface: &str, function: &Function, missing: &mut Vec<String>) {
    let name = format!("{interface}.{}", function.name);
    documented(&name, &function.docs, missing);
    versioned(&name, &function.stability, missing);
}

/// Cases of an enum and flags may speak for themselves.
fn of_type(name: &str, ty: &TypeDef, missing: &mut Vec<String>) {
    documented(name, &ty.docs, missing);
    versioned(name, &ty.stability, missing);
    let parts: Vec<(&str, &Docs)> = match &ty.kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            fields.map(|field| (&*field.name, &field.docs)).collect()
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            cases.map(|case| (&*case.name, &case.docs)).collect()
        }
        _ => Vec::new(),
    };
    for (part, docs) in parts {
        documented(&format!("{name}.{part}"), docs, missing);
    }
}

fn documented(name: &str, docs: &Docs, missing: &mut Vec<String>) {
    if docs
        .contents
        .as_deref()
        .unwrap_or_default()
        .trim()
        .is_empty()
    {
        missing.push(format!("`{name}` has no doc"));
    }
}

fn versioned(name: &str, stability: &Stability, missing: &mut Vec<String>) {
    if since(stability).is_none() {
        missing.push(format!("`{name}` has no `@since`"));
    }
}
