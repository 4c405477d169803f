//! How a plugin's source becomes a component, for `waxwing plugin build` and for `cargo xtask`: [`toolchain`] compiles Rust to a
//! core module, [`encode`] makes a component of it. Nothing is run, and nothing is installed.

pub mod toolchain;
pub mod variables;

use anyhow::{Context, Result, bail};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

/// How the names of custom sections begin in which bindings leave the WIT that a module was written against.
const WIT_SECTION: &str = "component-type";

/// What [`component`] was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A component, and a valid one.
    Component,
    /// A core module; this is the component that it makes.
    Module(Vec<u8>),
}

/// Looks at the bytes of a WebAssembly file and makes a component of a core module.
///
/// Fails if the bytes are neither, are not valid, or are a module without WIT in it. The text form is not taken.
pub fn component(bytes: &[u8]) -> Result<Input> {
    if Parser::is_component(bytes) {
        validate(bytes).context("not a valid component")?;
        return Ok(Input::Component);
    }
    if Parser::is_core_wasm(bytes) {
        return encode(bytes).map(Input::Module);
    }
    bail!("neither a core module nor a component of WebAssembly")
}

/// Makes a component of a core module that has its WIT in a custom section, as wit-bindgen leaves it in every language.
///
/// Fails if the module is not valid, has no WIT in it, or does not import and export what its WIT says.
pub fn encode(module: &[u8]) -> Result<Vec<u8>> {
    if !has_wit(module).context("not a valid core module")? {
        bail!(
            "the module has no WIT in it (no custom section `{WIT_SECTION}`); build it with bindings of wit-bindgen, \
             or put the WIT there with `wasm-tools component embed`"
        );
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(ComponentEncoder::encode)
        .context("no component can be made of the module")
}

fn validate(bytes: &[u8]) -> Result<()> {
    Validator::new_with_features(WasmFeatures::all()).validate_all(bytes)?;
    Ok(())
}

/// Whether there is WIT in a core module. What is a component's inner module does not count.
fn has_wit(module: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::Version { encoding, .. } if encoding != Encoding::Module => {
                bail!("it is a component already")
            }
            Payload::CustomSection(section) if section.name().starts_with(WIT_SECTION) => {
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use wit_component::{StringEncoding, embed_component_metadata};
    use wit_parser::Resolve;

    use super::*;

    const WIT: &str = "package t:t; world w { export answer: func() -> u32; }";

    /// A module that exports `answer`, with [`WIT`] in it.
    fn module(text: &str) -> Vec<u8> {
        let mut module = wat::parse_str(text).unwrap();
        let mut resolve = Resolve::default();
        let package = resolve.push_str("t.wit", WIT).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .unwrap();
        module
    }

    #[test]
    fn a_module_with_wit_becomes_a_component_and_a_component_stays_one() {
        let module = module("(module (func (export \"answer\") (result i32) (i32.const 42)))");
        let Input::Module(encoded) = component(&module).unwrap() else {
            panic!("a module was taken for a component");
        };
        assert_eq!(component(&encoded).unwrap(), Input::Component);
        assert!(encode(&encoded).is_err());
    }

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", component(bytes).unwrap_err())
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        let bare = wat::parse_str("(module)").unwrap();
        assert!(
            refusal(&bare).contains("no WIT in it"),
            "{}",
            refusal(&bare)
        );
        let lacking = module("(module)");
        assert!(
            refusal(&lacking).contains("answer"),
            "{}",
            refusal(&lacking)
        );
        for bytes in [b"".as_slice(), b"(module)", b"\x7fELF", b"\0asm"] {
            assert!(refusal(bytes).contains("neither"), "{}", refusal(bytes));
        }
        let cut = b"\0asm\x0d\0\x01\0\x01\xff\xff";
        assert!(
            refusal(cut).contains("not a valid component"),
            "{}",
            refusal(cut)
        );
        let cut = b"\0asm\x01\0\0\0\x01\xff\xff";
        assert!(
            refusal(cut).contains("not a valid core module"),
            "{}",
            refusal(cut)
        );
    }
}
