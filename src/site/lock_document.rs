//! JSON whose objects keep their order, so that what is not changed in a lock file stays as the release wrote it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Json {
    Object(Object),
    Array(Vec<Json>),
    /// A text, a number, a truth value or nothing.
    Scalar(Value),
}

impl Json {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Scalar(Value::String(text.into()))
    }

    pub(super) fn texts(texts: &[String]) -> Self {
        Self::Array(texts.iter().map(Self::text).collect())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Scalar(value) = self { value.as_str() } else { None }
    }
}

/// A JSON object in the order of its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Object(pub(super) Vec<(String, Json)>);

impl Object {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        self.0.iter_mut().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Changes the value of a key, or adds it at the end.
    pub(super) fn set(&mut self, key: &str, value: Json) {
        match self.get_mut(key) {
            Some(known) => *known = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectReader)
    }
}

struct ObjectReader;

impl<'de> Visitor<'de> for ObjectReader {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}
