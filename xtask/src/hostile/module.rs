//! A component of a core module as text: whatever its world exports and the text does not is filled in with functions that
//! answer with nothing (a verdict `pass`, an empty list), `describe` with the manifest, and an allocator that only takes.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Handle, Interface, Resolve, Type, TypeDefKind, WorldId, WorldItem};

use super::fixture::Variant;
use super::lower::Memory;

/// Where what is filled in begins, below which texts keep their own data, and where the allocator begins.
const DATA: usize = 4 << 10;
const HEAP: usize = 60 << 10;
/// Room for the empty answer of any function.
const NOTHING: usize = 256;

/// What is lent has to be given back before a call returns: `$drop-stanza`, for texts and for what is filled in.
const DROP_STANZA: &str = "(import \"waxwing:plugin/stanzas@0.2.0\" \"[resource-drop]stanza\" (func $drop-stanza (param i32)))";

/// The version of the interfaces as texts write it; they are made for the one that the WIT has.
const VERSION: &str = "@0.2.0";

/// The component.
pub(crate) fn component(variant: &Variant, wit: &Path) -> Result<Vec<u8>> {
    let (resolve, world, version) = world(variant, wit)?;
    let text = complete(variant, &resolve, world)?.replace(VERSION, &version);
    let mut module = wat::parse_str(&text)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .encode()
}

/// The world of the fixture: all imports, and what it exports.
fn world(variant: &Variant, wit: &Path) -> Result<(Resolve, WorldId, String)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let package = resolve.packages.get(package).context("no package")?;
    let version = package.name.version.as_ref();
    let version = format!("@{}", version.context("the package has no version")?);
    let mut exports = String::new();
    for name in std::iter::once("lifecycle").chain(variant.exports.iter().map(String::as_str)) {
        write!(exports, "export waxwing:plugin/{name}{version}; ")?;
    }
    let text = format!(
        "package waxwing:hostile; world fixture {{ include waxwing:plugin/imports{version}; {exports} {} }}",
        variant.wit
    );
    let package = resolve.push_str("fixture.wit", &text)?;
    let world = resolve.select_world(&[package], Some("fixture"))?;
    Ok((resolve, world, version))
}

/// A text's import of a function, `memory.get`: its signature is the WIT's.
pub(crate) fn import(wit: &Path, function: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let found = function.split_once('.').and_then(|(interface, name)| {
        let package = resolve.packages.get(package)?;
        let interface_id = package.interfaces.get(interface)?;
        let item = resolve.interfaces.get(*interface_id)?.functions.get(name)?;
        Some((interface, item))
    });
    let (interface, item) = found.with_context(|| format!("the WIT has no `{function}`"))?;
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, item);
    let types = |types: &[WasmType]| types.iter().map(|of| core_type(*of)).collect::<String>();
    Ok(format!(
        "(import \"waxwing:plugin/{interface}{VERSION}\" \"{}\" (func (param{}) (result{})))",
        item.name,
        types(&signature.params),
        types(&signature.results)
    ))
}

/// The text with what it lacks.
fn complete(variant: &Variant, resolve: &Resolve, world: WorldId) -> Result<String> {
    let mut memory = Memory::new(resolve, DATA)?;
    let nothing = memory.zeroes(NOTHING);
    let mut added = String::new();
    for (interface, function) in exported(resolve, world)? {
        let name = export_name(resolve, interface, function)?;
        if variant.wat.contains(&format!("\"{name}\"")) {
            continue;
        }
        let answer = match (&*function.name, &function.result) {
            ("describe", Some(manifest)) => memory.value(manifest, &variant.manifest)?,
            _ => nothing,
        };
        writeln!(added, "{}", stub(resolve, function, &name, answer))?;
    }
    if !variant.wat.contains("\"cabi_realloc\"") {
        added.push_str(&allocator());
    }
    if !variant.wat.contains("(export \"memory\")") {
        added.push_str("(memory (export \"memory\") 2)\n");
    }
    let mut data = String::new();
    for byte in memory.into_bytes() {
        write!(data, "\\{byte:02x}")?;
    }
    writeln!(added, "(data (i32.const {DATA}) \"{data}\")")?;
    let text = variant
        .wat
        .replacen("(module", &format!("(module {DROP_STANZA}"), 1);
    let text = text.trim_end().strip_suffix(')');
    let text = text.context("the text does not end in `)`")?;
    Ok(format!("{text}\n{added})"))
}

fn exported(resolve: &Resolve, world: WorldId) -> Result<Vec<(&Interface, &Function)>> {
    let world = resolve.worlds.get(world).context("no world")?;
    let mut found = Vec::new();
    for item in world.exports.values() {
        if let WorldItem::Interface { id, .. } = item {
            let interface = resolve.interfaces.get(*id).context("no interface")?;
            let functions = interface.functions.values();
            found.extend(functions.map(|function| (interface, function)));
        }
    }
    Ok(found)
}

fn export_name(resolve: &Resolve, interface: &Interface, function: &Function) -> Result<String> {
    let package = interface.package.and_then(|id| resolve.packages.get(id));
    let package = &package.context("an interface without a package")?.name;
    let interface = interface
        .name
        .as_deref()
        .context("an interface without a name")?;
    let version = package.version.as_ref();
    let version = version
        .map(|version| format!("@{version}"))
        .unwrap_or_default();
    Ok(format!(
        "{}:{}/{interface}{version}#{}",
        package.namespace, package.name, function.name
    ))
}

/// A function that gives back what it is lent, and answers with what lies at an address, or with zero.
fn stub(resolve: &Resolve, function: &Function, name: &str, answer: usize) -> String {
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
    let types = |types: &[WasmType]| types.iter().map(|of| core_type(*of)).collect::<String>();
    let result = if signature.retptr {
        format!("(i32.const {answer})")
    } else {
        let zeroes = signature.results.iter();
        let zeroes = zeroes.map(|of| format!("({}.const 0)", core_type(*of).trim()));
        zeroes.collect::<Vec<_>>().concat()
    };
    let drops = lent(resolve, function)
        .map(|position| format!("(call $drop-stanza (local.get {position}))"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "(func (export \"{name}\") (param{}) (result{}) {drops} {result})",
        types(&signature.params),
        types(&signature.results)
    )
}

/// The positions of the stanzas among a function's parameters.
fn lent<'a>(resolve: &'a Resolve, function: &'a Function) -> impl Iterator<Item = usize> + 'a {
    let is_lent = |of: &Type| {
        let Type::Id(id) = of else { return false };
        let kind = resolve.types.get(*id).map(|of| &of.kind);
        matches!(kind, Some(TypeDefKind::Handle(Handle::Borrow(_))))
    };
    let params = function.params.iter().enumerate();
    params
        .filter(move |(_, param)| is_lent(&param.ty))
        .map(|(index, _)| {
            let mut before = function.clone();
            before.params.truncate(index);
            before.result = None;
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, &before);
            signature.params.len()
        })
}

const fn core_type(of: WasmType) -> &'static str {
    match of {
        WasmType::I64 | WasmType::PointerOrI64 => " i64",
        WasmType::F32 => " f32",
        WasmType::F64 => " f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
    }
}

/// Takes memory and never gives it back; grows it where there is none left.
fn allocator() -> String {
    format!(
        "(global $heap (mut i32) (i32.const {HEAP}))
(func (export \"cabi_realloc\") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and
    (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
  (global.set $heap (i32.add (local.get $at) (local.get $new)))
  (block $fits
    (loop $grow
      (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    unreachable)
  (local.get $at))
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::variants;
    use super::*;

    #[test]
    fn fills_in_what_a_text_lacks() {
        let text = ";;! exports inbound iq-handler\n\
                    ;;! manifest {\"subscriptions\": [{\"iq\": {\"payload\": {\"namespace\": \"urn:example:x\", \"local\": \"x\"}, \
                    \"types\": [\"get\"], \"recipients\": [\"own-server\"]}}]}\n\
                    (module (func (export \"waxwing:plugin/inbound@0.2.0#filter\") (param i32) (result i32) unreachable))";
        let variant = &variants("fills-in", text).unwrap()[0];
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let component = component(variant, &wit).unwrap();
        let found = |text: &str| {
            component
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(found("urn:example:x") && found("fills-in"));
        assert!(found("waxwing:plugin/iq-handler@0.2.0"));
    }

    #[test]
    fn a_text_that_is_no_module_says_so() {
        let variant = &variants("bad", "(module (func $f (result i32)))").unwrap()[0];
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        assert!(component(variant, &wit).is_err());
    }
}
