//! What must hold of a value for a request to be done (RFC 9110, 13): `if-match`, `if-none-match`, `if-range`. The entity
//! tag of a value is its version in quotes.

use axum::http::{HeaderMap, HeaderName, header};
use faasm_state::Version;

use super::{Failure, conflict, invalid};

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    matches: Option<Tags>,
    matches_none: Option<Tags>,
}

/// What a write is tried over at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Whatever is there.
    Anything,
    /// This version: no other one will do.
    Only(Version),
    /// The version that is found, if it fulfils the conditions.
    Found,
}

impl Conditions {
    /// Those of a request that reads.
    pub(super) fn of_read(headers: &HeaderMap) -> Result<Self, Failure> {
        Ok(Self {
            matches: Tags::of(headers, &header::IF_MATCH)?,
            matches_none: Tags::of(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// Those of a request that writes: one of the two.
    pub(super) fn of_write(headers: &HeaderMap) -> Result<Self, Failure> {
        let conditions = Self::of_read(headers)?;
        if conditions.matches.is_some() && conditions.matches_none.is_some() {
            let detail = "A write takes `if-match` or `if-none-match`, and not both.";
            return Err(invalid(detail.to_owned()));
        }
        Ok(conditions)
    }

    /// Refuses a request that has conditions, where they would say nothing of what it does.
    pub(super) fn refuse(headers: &HeaderMap, what: &str) -> Result<(), Failure> {
        if Self::of_read(headers)? == Self::default() {
            return Ok(());
        }
        let detail = format!("{what} takes no `if-match` and no `if-none-match`.");
        Err(invalid(detail))
    }

    /// What a write is tried over at first.
    pub(super) fn over(&self) -> Over {
        match (&self.matches, &self.matches_none) {
            (None, None) => Over::Anything,
            (None, Some(Tags::Any)) => Over::Only(Version::ABSENT),
            (Some(Tags::These(tags)), None) => match tags[..] {
                [Tag { weak: false, version: Some(version) }] => Over::Only(version),
                _ => Over::Found,
            },
            _ => Over::Found,
        }
    }

    /// Says whether a write may happen over this version, which is there.
    pub(super) fn hold(&self, found: Version) -> Result<(), Failure> {
        self.match_holds(found)?;
        if self.is_unchanged(found) { Err(conflict(found)) } else { Ok(()) }
    }

    /// `if-match` alone.
    pub(super) fn match_holds(&self, found: Version) -> Result<(), Failure> {
        let holds = self.matches.as_ref().is_none_or(|tags| tags.have(found, Compare::Strong));
        if holds { Ok(()) } else { Err(conflict(found)) }
    }

    /// Whether the client has this version already, as `if-none-match` says.
    pub(super) fn is_unchanged(&self, found: Version) -> bool {
        self.matches_none.as_ref().is_some_and(|tags| tags.have(found, Compare::Weak))
    }
}

/// Whether a request for a part is one for the whole where the value is at this version: `if-range`. A date never
/// holds, as values have none.
pub(super) fn range_holds(headers: &HeaderMap, found: Version) -> bool {
    match Tags::of(headers, &header::IF_RANGE) {
        Ok(None) => true,
        Ok(Some(Tags::These(tags))) => {
            matches!(tags[..], [tag] if tag.is(found, Compare::Strong))
        }
        Ok(Some(Tags::Any)) | Err(_) => false,
    }
}

/// How tags are compared (RFC 9110, 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Strong,
    Weak,
}

/// Entity tags, as a header lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: any, but there must be one.
    Any,
    These(Vec<Tag>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    /// `None`: it is no tag that a value ever has.
    version: Option<Version>,
}

impl Tags {
    /// The tags of all headers of this name.
    fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Failure> {
        let lines =
            headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
        let text = lines.collect::<Vec<_>>().join(",");
        if !headers.contains_key(name) {
            return Ok(None);
        }
        if text.trim() == "*" {
            return Ok(Some(Self::Any));
        }
        let tags = parse(&text).filter(|tags| !tags.is_empty());
        let detail = || {
            invalid(format!("{name} is `{text}`: it is `*`, or versions in quotes, as in `\"7\"`"))
        };
        tags.map(|tags| Some(Self::These(tags))).ok_or_else(detail)
    }

    fn have(&self, found: Version, how: Compare) -> bool {
        match self {
            Self::Any => found != Version::ABSENT,
            Self::These(tags) => tags.iter().any(|tag| tag.is(found, how)),
        }
    }
}

impl Tag {
    fn is(self, found: Version, how: Compare) -> bool {
        let strong = how == Compare::Weak || !self.weak;
        strong && found != Version::ABSENT && self.version == Some(found)
    }
}

/// `"7", W/"8"`; a number alone is taken as its tag. `None`: it is no list of tags.
fn parse(text: &str) -> Option<Vec<Tag>> {
    let (mut tags, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (weak, bare) = rest.strip_prefix("W/").map_or((false, rest), |bare| (true, bare));
        let version = match bare.strip_prefix('"') {
            Some(quoted) => {
                let (tag, behind) = quoted.split_once('"')?;
                rest = behind;
                number(tag)
            }
            None => {
                let end = bare.find(',').unwrap_or(bare.len());
                rest = &bare[end..];
                Some(number(bare[..end].trim()).filter(|_| !weak)?)
            }
        };
        tags.push(Tag { weak, version });
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// A version as tags have it: its digits alone, so that no two texts are the same one.
fn number(text: &str) -> Option<Version> {
    let version = Version(text.parse().ok()?);
    (version.0.to_string() == text).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let lines = lines.iter();
        lines.map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn versions(text: &str) -> Option<Vec<(bool, Option<u64>)>> {
        let tags = parse(text)?.into_iter();
        Some(tags.map(|tag| (tag.weak, tag.version.map(|version| version.0))).collect())
    }

    #[test]
    fn tags_are_listed_in_quotes() {
        assert_eq!(versions("\"7\""), Some(vec![(false, Some(7))]));
        assert_eq!(versions("7"), Some(vec![(false, Some(7))]));
        assert_eq!(
            versions("\"7\", W/\"8\" ,,\"a,b\",\"07\""),
            Some(vec![(false, Some(7)), (true, Some(8)), (false, None), (false, None)])
        );
        for bad in ["new", "\"7", "\"7\" \"8\"", "W/7", "*, \"7\"", "\"7\", *"] {
            assert_eq!(versions(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_write_is_over_what_fulfils_its_conditions() {
        let of =
            |name: HeaderName, tags: &str| Conditions::of_write(&headers(&[(name, tags)])).unwrap();
        let (yes, no) = (header::IF_MATCH, header::IF_NONE_MATCH);
        let cases = [
            (of(yes.clone(), "\"7\""), Over::Only(Version(7)), vec![7]),
            (of(yes.clone(), "\"7\", \"9\""), Over::Found, vec![7, 9]),
            (of(yes.clone(), "W/\"7\""), Over::Found, vec![]),
            (of(yes.clone(), "\"a\""), Over::Found, vec![]),
            (of(yes.clone(), "*"), Over::Found, vec![7, 8, 9]),
            (of(no.clone(), "*"), Over::Only(Version::ABSENT), vec![0]),
            (of(no.clone(), "\"7\", W/\"8\""), Over::Found, vec![0, 9]),
            (Conditions::default(), Over::Anything, vec![0, 7, 8, 9]),
        ];
        for (conditions, over, held) in cases {
            assert_eq!(conditions.over(), over, "{conditions:?}");
            let all = [0, 7, 8, 9].into_iter();
            let holding = all.filter(|version| conditions.hold(Version(*version)).is_ok());
            assert_eq!(holding.collect::<Vec<_>>(), held, "{conditions:?}");
        }
        assert!(Conditions::of_write(&headers(&[(yes.clone(), "*"), (no, "\"7\"")])).is_err());
        let lines = headers(&[(yes.clone(), "\"7\""), (yes, "\"9\"")]);
        assert!(Conditions::of_write(&lines).unwrap().hold(Version(9)).is_ok());
    }

    #[test]
    fn a_range_holds_for_one_strong_tag() {
        let holds = |tag| range_holds(&headers(&[(header::IF_RANGE, tag)]), Version(7));
        assert!(range_holds(&HeaderMap::new(), Version(7)) && holds("\"7\""));
        for other in ["\"8\"", "W/\"7\"", "\"7\", \"8\"", "*", "Sat, 29 Oct 1994 19:43:31 GMT"] {
            assert!(!holds(other), "{other}");
        }
    }
}
