//! Values as the canonical ABI stores them in a linear memory, laid out from the WIT, so that a field more in a record
//! breaks no fixture.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wit_parser::{Int, Resolve, SizeAlign, Type, TypeDefKind};

/// A piece of memory that is filled from its beginning.
pub(super) struct Memory<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    base: usize,
    bytes: Vec<u8>,
}

impl<'a> Memory<'a> {
    /// Memory that begins at an address.
    pub(super) fn new(resolve: &'a Resolve, base: usize) -> Result<Self> {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve)?;
        Ok(Self {
            resolve,
            sizes,
            base,
            bytes: Vec::new(),
        })
    }

    /// What it holds.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Stores a value; absent fields are empty. Returns its address.
    pub(super) fn value(&mut self, of: &Type, value: &Value) -> Result<usize> {
        let size = self.size(of);
        let at = self.space(size, self.align(of));
        self.store(of, value, at)?;
        Ok(self.base.saturating_add(at))
    }

    /// Zeroed bytes, aligned for anything. Returns their address.
    pub(super) fn zeroes(&mut self, size: usize) -> usize {
        let at = self.space(size, 8);
        self.base.saturating_add(at)
    }

    /// The size of a value of that type.
    pub(super) fn size(&self, of: &Type) -> usize {
        self.sizes.size(of).size_wasm32()
    }

    fn align(&self, of: &Type) -> usize {
        self.sizes.align(of).align_wasm32()
    }

    fn space(&mut self, size: usize, align: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(align.max(1));
        self.bytes.resize(at.saturating_add(size), 0);
        at
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let end = at.saturating_add(bytes.len());
        let place = self.bytes.get_mut(at..end).context("no room for a value")?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn number(&mut self, at: usize, number: usize) -> Result<()> {
        self.put(at, &u32::try_from(number)?.to_le_bytes())
    }

    /// Stores a value where there is room for it. Null is the empty value of every type, which is all zeroes.
    fn store(&mut self, of: &Type, value: &Value, at: usize) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        match of {
            Type::Bool => self.put(at, &[u8::from(value.as_bool().context("a boolean")?)]),
            Type::String => {
                let text = value.as_str().context("a text")?.to_owned();
                let to = self.space(text.len(), 1);
                self.put(to, text.as_bytes())?;
                self.slice(at, to, text.len())
            }
            Type::Id(id) => {
                let kind = self
                    .resolve
                    .types
                    .get(*id)
                    .context("an unknown type")?
                    .kind
                    .clone();
                self.store_defined(&kind, value, at)
            }
            _ => {
                let number = value.as_i64().context("a whole number")?.to_le_bytes();
                let size = self.size(of);
                let number = number.get(..size).context("a number of at most 8 bytes")?;
                self.put(at, number)
            }
        }
    }

    /// A pointer into this memory, and a length.
    fn slice(&mut self, at: usize, to: usize, length: usize) -> Result<()> {
        self.number(at, self.base.saturating_add(to))?;
        self.number(at.saturating_add(4), length)
    }

    fn store_defined(&mut self, kind: &TypeDefKind, value: &Value, at: usize) -> Result<()> {
        match kind {
            TypeDefKind::Type(inner) => self.store(inner, value, at),
            TypeDefKind::Record(record) => {
                let types: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                let offsets = self.sizes.field_offsets(&types);
                let offsets: Vec<usize> = offsets
                    .iter()
                    .map(|(offset, _)| offset.size_wasm32())
                    .collect();
                for ((field, of), offset) in record.fields.iter().zip(&types).zip(offsets) {
                    let value = value.get(&field.name).unwrap_or(&Value::Null);
                    self.store(of, value, at.saturating_add(offset))
                        .with_context(|| format!("field {}", field.name))?;
                }
                Ok(())
            }
            TypeDefKind::List(of) => {
                let values = value.as_array().context("a list")?;
                let size = self.size(of);
                let to = self.space(size.saturating_mul(values.len()), self.align(of));
                for (index, value) in values.iter().enumerate() {
                    self.store(of, value, to.saturating_add(index.saturating_mul(size)))?;
                }
                self.slice(at, to, values.len())
            }
            TypeDefKind::Option(of) => {
                self.put(at, &[1])?;
                let align = self.align(of);
                self.store(of, value, at.saturating_add(align))
            }
            TypeDefKind::Variant(variant) => {
                let (name, payload) = case(value)?;
                let position = variant.cases.iter().position(|case| case.name == name);
                let index = position.with_context(|| format!("no case `{name}`"))?;
                self.put(at, &[u8::try_from(index)?])?;
                let types = variant.cases.iter().map(|case| case.ty.as_ref());
                let offset = self.sizes.payload_offset(Int::U8, types).size_wasm32();
                match variant.cases.get(index).and_then(|case| case.ty) {
                    Some(of) => self.store(&of, payload, at.saturating_add(offset)),
                    None => Ok(()),
                }
            }
            TypeDefKind::Enum(cases) => {
                let name = value.as_str().context("a case's name")?;
                let index = cases.cases.iter().position(|case| case.name == name);
                let index = index.with_context(|| format!("no case `{name}`"))?;
                self.put(at, &[u8::try_from(index)?])
            }
            TypeDefKind::Flags(flags) => {
                let mut bits = 0_u32;
                for name in value.as_array().context("a list of flags")? {
                    let index = flags
                        .flags
                        .iter()
                        .position(|flag| Some(&*flag.name) == name.as_str());
                    let index = index.with_context(|| format!("no flag {name}"))?;
                    bits |= 1_u32.checked_shl(u32::try_from(index)?).unwrap_or(0);
                }
                let size = flags.flags.len().div_ceil(8);
                self.put(at, bits.to_le_bytes().get(..size).unwrap_or_default())
            }
            other => bail!("a fixture cannot hold a {}", other.as_str()),
        }
    }
}

/// A case of a variant: its name, or an object with its payload under its name.
fn case(value: &Value) -> Result<(&str, &Value)> {
    if let Some(name) = value.as_str() {
        return Ok((name, &Value::Null));
    }
    let only = value.as_object().and_then(|object| object.iter().next());
    let (name, payload) = only.context("a case's name, or an object with its payload")?;
    Ok((name, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lays_values_out_as_the_canonical_abi_does() {
        let mut resolve = Resolve::default();
        let wit = "package a:b; interface i { enum e { x, y } flags f { p, q } \
                   variant v { none, some(u64) } \
                   record r { name: string, n: u16, e: e, f: f, v: v, o: option<string>, l: list<u16> } }";
        resolve.push_str("i.wit", wit).unwrap();
        let (id, _) = resolve
            .types
            .iter()
            .find(|(_, of)| of.name.as_deref() == Some("r"))
            .unwrap();
        let mut memory = Memory::new(&resolve, 100).unwrap();
        let value =
            json!({"name": "ab", "n": 258, "e": "y", "f": ["q"], "v": {"some": 7}, "l": [1, 2]});
        assert_eq!(memory.value(&Type::Id(id), &value).unwrap(), 100);
        let bytes = memory.into_bytes();
        // name at 0, n at 8, e at 10, f at 11, v at 16 (its payload at 24), o at 32 (none), l at 44; size 56.
        assert_eq!(bytes[..8], [156, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[8..12], [2, 1, 1, 2]);
        assert_eq!((bytes[16], bytes[24], bytes[32]), (1, 7, 0));
        assert_eq!(bytes[44..52], [158, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(&bytes[56..58], b"ab");
        assert_eq!(bytes[58..62], [1, 0, 2, 0]);
    }
}
