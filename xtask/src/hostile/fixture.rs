//! The file format of a hostile guest as text: a core module in WAT with lines `;;! KEY VALUE` in it.
//!
//! - `;;! exports NAMES`: the interfaces that it exports besides `lifecycle`.
//! - `;;! manifest JSON`: what `describe` returns; name and version are filled in, and what is absent is empty.
//! - `;;! wit TEXT`: a line for the fixture's own world.
//! - `;;! variant NAME`: what follows, up to the next variant, stands in for `%variant` in the text above. A file with
//!   variants makes one component for each.
//!
//! `%name` is the component's name everywhere.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One component to make.
#[derive(Debug)]
pub(crate) struct Variant {
    /// The plugin's name, and the file's.
    pub(crate) name: String,
    pub(crate) exports: Vec<String>,
    pub(crate) manifest: Value,
    pub(crate) wit: String,
    /// The core module.
    pub(crate) wat: String,
}

/// Reads a file; `stem` is its name without `.wat`.
pub(crate) fn variants(stem: &str, text: &str) -> Result<Vec<Variant>> {
    let mut parts = text.split("\n;;! variant ");
    let template = parts.next().unwrap_or_default();
    let variants: Vec<(&str, &str)> = parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .collect();
    ensure!(
        template.contains("%variant") != variants.is_empty(),
        "a text with `%variant` has variants, and one without has none"
    );
    if variants.is_empty() {
        return Ok(vec![variant(stem, template)?]);
    }
    variants
        .into_iter()
        .map(|(name, body)| {
            let name = name.trim();
            variant(
                &format!("{stem}-{name}"),
                &template.replace("%variant", body),
            )
            .with_context(|| format!("variant {name}"))
        })
        .collect()
}

fn variant(name: &str, text: &str) -> Result<Variant> {
    let text = text.replace("%name", name);
    let values = |key: &str| {
        let start = format!(";;! {key} ");
        text.lines()
            .filter_map(move |line| Some(line.trim().strip_prefix(&start)?.to_owned()))
            .collect::<Vec<_>>()
    };
    let manifest = values("manifest").join("\n");
    let manifest = if manifest.is_empty() { "{}" } else { &manifest };
    let mut manifest: Value =
        serde_json::from_str(manifest).context("the manifest is no JSON object")?;
    let fields = manifest
        .as_object_mut()
        .context("the manifest is no JSON object")?;
    let mut default = |key: &str, value: &str| {
        fields.entry(key).or_insert_with(|| value.into());
    };
    default("name", name);
    default("version", "1.0.0");
    default("summary", "misbehaves");
    let exports = values("exports").join(" ");
    Ok(Variant {
        name: name.to_owned(),
        exports: exports.split_whitespace().map(str::to_owned).collect(),
        manifest,
        wit: values("wit").join("\n"),
        wat: text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_component_of_each_variant() {
        let text = ";;! exports inbound\n;;! manifest {\"features\": [\"%name\"]}\n(module %variant)\n\
                    ;;! variant one\n(func)\n;;! variant two\n(memory 1)\n";
        let made = variants("row0", text).unwrap();
        assert_eq!(made.len(), 2);
        assert_eq!(made[1].name, "row0-two");
        assert_eq!(made[1].exports, ["inbound"]);
        assert_eq!(made[1].manifest["features"][0], "row0-two");
        assert!(made[1].wat.contains("(memory 1)") && !made[1].wat.contains("(func)"));
    }

    #[test]
    fn a_text_without_variants_is_one_component() {
        let made = variants("row0", "(module)").unwrap();
        assert_eq!(made[0].name, "row0");
        assert_eq!(made[0].manifest["version"], "1.0.0");
        assert!(variants("row0", "(module %variant)").is_err());
    }
}
