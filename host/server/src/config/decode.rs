//! From the tree to the types: a serde deserializer whose errors know the key and where it was written.

use std::{collections::btree_map, slice};

use serde::{
    de::{
        DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    error::Fault,
    tree::{Node, Value},
};

/// Reads one node.
pub(super) struct Reader<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Reader<'a> {
    /// Reads the whole tree.
    pub(super) fn new(node: &'a Node) -> Self {
        Self {
            node,
            path: String::new(),
        }
    }

    /// Reads, and adds the place to what the type itself complains of.
    fn with<T>(self, read: impl FnOnce(Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let (path, source) = (self.path.clone(), &self.node.source);
        read(self).map_err(|fault| fault.at(&path, source))
    }

    fn child(&self, key: &str, node: &'a Node) -> Self {
        Self {
            node,
            path: join(&self.path, key),
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Table(table) => visitor.visit_map(Entries::new(&self, table.iter())),
            Value::Array(items) => visitor.visit_seq(Items {
                parent: &self,
                rest: items.iter(),
                next: 0,
            }),
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
        };
        result.map_err(|fault| fault.at(&self.path, &self.node.source))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::String(text) = &self.node.value else {
            let fault = Fault::invalid_type(self.node.unexpected(), &"a string");
            return Err(fault.at(&self.path, &self.node.source));
        };
        let text: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
        text.deserialize_enum(name, variants, visitor)
            .map_err(|fault| fault.at(&self.path, &self.node.source))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list.
struct Items<'r, 'a> {
    parent: &'r Reader<'a>,
    rest: slice::Iter<'a, Node>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        let reader = self.parent.child(&self.next.to_string(), node);
        self.next = self.next.saturating_add(1);
        reader.with(|reader| seed.deserialize(reader)).map(Some)
    }
}

/// The entries of a table.
struct Entries<'r, 'a> {
    parent: &'r Reader<'a>,
    rest: btree_map::Iter<'a, String, Node>,
    value: Option<Reader<'a>>,
}

impl<'r, 'a> Entries<'r, 'a> {
    fn new(parent: &'r Reader<'a>, rest: btree_map::Iter<'a, String, Node>) -> Self {
        Self {
            parent,
            rest,
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((key, node)) = self.rest.next() else {
            return Ok(None);
        };
        let reader = self.parent.child(key, node);
        let name: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        let key = seed
            .deserialize(name)
            .map_err(|fault| fault.at(&reader.path, &node.source))?;
        self.value = Some(reader);
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        match self.value.take() {
            Some(reader) => reader.with(|reader| seed.deserialize(reader)),
            None => Err(Fault::of("", "a value was read before its key")),
        }
    }
}
