//! The manifest of a function: what its upload says about it beside the code.
//!
//! It is a JSON object. Sections and fields that are not there have their defaults, which allow nothing; a field that
//! is not known is an error, so that a misspelt permission is not a silent refusal. It has no version: fields are only
//! added. A function whose record has no manifest has an empty one.
//!
//! `docs/http-api.md` has its fields; `docs/network.md` says what the network's rules mean.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use faasm_hostif::{EgressRule, ListenRule, NetworkRules};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

use crate::size;

/// Bytes that a manifest may have.
pub const MAX_BYTES: usize = 16 << 10;

/// What an upload says about a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// The program's arguments, behind its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Variables of its environment, in place of the host's own of the same name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<Variable, Argument>,
    /// Flags that it asks for (`__faasm_conf_flag`): those that are here are set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Argument>,
    /// Whom it may talk to.
    #[serde(skip_serializing_if = "NetworkSection::is_empty", deserialize_with = "object")]
    pub network: NetworkSection,
}

/// A text for a guest: it has no NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Argument(String);

/// The name of a variable of the environment: it has no NUL and no `=`, and is not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Variable(String);

/// Why a text is none for a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitText {
    /// Guests' texts end with the first one.
    #[error("a text for a function cannot have a NUL")]
    Nul,
    /// It would begin the value.
    #[error("the name of a variable cannot have a `=`, or be empty")]
    Name,
}

impl Argument {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Variable {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Argument {
    type Error = UnfitText;

    fn try_from(text: String) -> Result<Self, UnfitText> {
        if text.contains('\0') { Err(UnfitText::Nul) } else { Ok(Self(text)) }
    }
}

impl TryFrom<String> for Variable {
    type Error = UnfitText;

    fn try_from(text: String) -> Result<Self, UnfitText> {
        let Argument(text) = text.try_into()?;
        if text.is_empty() || text.contains('=') { Err(UnfitText::Name) } else { Ok(Self(text)) }
    }
}

impl FromStr for Argument {
    type Err = UnfitText;

    fn from_str(text: &str) -> Result<Self, UnfitText> {
        text.to_owned().try_into()
    }
}

impl From<Argument> for String {
    fn from(argument: Argument) -> Self {
        argument.0
    }
}

impl From<Variable> for String {
    fn from(variable: Variable) -> Self {
        variable.0
    }
}

/// The section `network`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// Where it may connect and send to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Text<EgressRule>>,
    /// Where it may listen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Text<ListenRule>>,
    /// Bytes a second that all its calls on a host send together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_rate: Option<Rate>,
    /// Bytes a second that they receive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_rate: Option<Rate>,
}

impl NetworkSection {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rules, as the host interface takes them.
    #[must_use]
    pub fn rules(&self) -> NetworkRules {
        NetworkRules {
            allow: self.allow.iter().map(|rule| rule.0.clone()).collect(),
            listen: self.listen.iter().map(|rule| rule.0.clone()).collect(),
            bytes_out: self.send_rate.map(|rate| rate.0),
            bytes_in: self.receive_rate.map(|rate| rate.0),
        }
    }
}

/// A value that is a text in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

/// Bytes a second: a number, or a size as in `"1MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub NonZeroU64);

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than [`MAX_BYTES`].
    #[error("the manifest has {bytes} bytes, over the limit of {MAX_BYTES}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is not JSON, or not a manifest's.
    #[error("{}{source}", at(field))]
    Field {
        /// Which field, as in `network.allow[1]`; empty for the whole.
        field: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A section, which is an object: serde would take a list of its fields' values, too.
fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(std::marker::PhantomData))
}

fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

impl Manifest {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`], which names the field.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.len() > MAX_BYTES {
            return Err(ManifestError::TooLong { bytes: text.len() });
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let field = |field: String, source| {
            // `serde_path_to_error` calls the whole `.`, and a place that has no name `?`.
            let known = field.trim_end_matches(['.', '?']);
            ManifestError::Field { field: known.to_owned(), source }
        };
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        let manifest = object(tracked);
        let manifest = manifest.map_err(|error| field(track.path().to_string(), error))?;
        json.end().map_err(|source| field(String::new(), source))?;
        Ok(manifest)
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.get())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number of bytes a second, or a size like \"1MiB\"")]
        enum Written {
            Number(u64),
            Size(String),
        }
        let bytes = match Written::deserialize(deserializer)? {
            Written::Number(bytes) => bytes,
            Written::Size(text) => size::parse(&text).map_err(D::Error::custom)?,
        };
        let rate = NonZeroU64::new(bytes);
        rate.map(Self).ok_or_else(|| D::Error::custom("a rate of 0 would never end a transfer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_and_written() {
        let text = r#"{"network": {
            "allow": ["api.example.org:443", "10.0.0.0/8:5432"],
            "listen": ["127.0.0.1:8000-8010"],
            "send_rate": "1MiB", "receive_rate": 5000}}"#;
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let rules = manifest.network.rules();
        assert_eq!((rules.allow.len(), rules.listen.len()), (2, 1));
        assert_eq!(rules.bytes_out, NonZeroU64::new(1 << 20));
        assert_eq!(rules.bytes_in, NonZeroU64::new(5000));
        let written = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&written).unwrap(), manifest);
    }

    #[test]
    fn nothing_said_is_nothing_allowed() {
        for text in ["{}", r#"{"network": {}}"#] {
            let manifest = Manifest::parse(text.as_bytes()).unwrap();
            assert!(manifest.is_empty() && manifest.network.rules().is_empty());
            assert_eq!(serde_json::to_string(&manifest).unwrap(), "{}");
        }
    }

    #[test]
    fn a_program_has_arguments_variables_and_flags() {
        let text = r#"{"args": ["-v", "a b"], "env": {"MODE": "fast", "EMPTY": ""}, "flags": ["ALWAYS_ON"]}"#;
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let args: Vec<&str> = manifest.args.iter().map(Argument::as_str).collect();
        assert_eq!(args, ["-v", "a b"]);
        let env: Vec<_> = manifest.env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(env, [("EMPTY", ""), ("MODE", "fast")]);
        assert_eq!(manifest.flags[0].as_str(), "ALWAYS_ON");
        let written = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&written).unwrap(), manifest);
    }

    #[test]
    fn errors_name_the_field() {
        let cases = [
            (r#"{"args": ["a\u0000"]}"#, "args[0]: a text for a function cannot have a NUL"),
            (r#"{"env": {"A=B": "c"}}"#, "env.A=B: the name of a variable cannot have a `=`"),
            (r#"{"env": {"": "c"}}"#, "env: the name of a variable cannot have a `=`"),
            (r#"{"env": {"A": "\u0000"}}"#, "env.A: a text for a function cannot have a NUL"),
            (r#"{"flags": "ALL"}"#, "flags: invalid type: string"),
            (r#"{"netwrok": {}}"#, "netwrok: unknown field `netwrok`"),
            (
                r#"{"network": {"alow": []}}"#,
                "network.alow: unknown field `alow`, expected one of `allow`",
            ),
            (r#"{"network": {"allow": "x"}}"#, "network.allow: invalid type: string"),
            (r#"{"network": {"allow": ["a:1", "b"]}}"#, "network.allow[1]: `b` names no port"),
            (r#"{"network": {"allow": [7]}}"#, "network.allow[0]: invalid type: integer"),
            (
                r#"{"network": {"listen": ["a:1"]}}"#,
                "network.listen[0]: `a` is no address to listen",
            ),
            (r#"{"network": {"send_rate": "fast"}}"#, "network.send_rate: `fast` is not a size"),
            (r#"{"network": {"send_rate": 0}}"#, "network.send_rate: a rate of 0"),
            (r#"{"network": {"send_rate": []}}"#, "network.send_rate: a number of bytes a second"),
            ("{", "EOF while parsing"),
            ("{} x", "trailing characters"),
            ("[]", "invalid type: sequence, expected an object"),
            (r#"{"network": []}"#, "network: invalid type: sequence, expected an object"),
            ("", "EOF while parsing"),
        ];
        for (text, expected) in cases {
            let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let long = vec![b' '; MAX_BYTES + 1];
        assert!(Manifest::parse(&long).unwrap_err().to_string().contains("over the limit"));
    }
}
