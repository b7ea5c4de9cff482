//! Reads of values: what is sent of them, and of which version it is.
//!
//! # Invariants
//!
//! Conditions and ranges are judged by the version of the bytes that are sent: should another one have been written
//! between looking and fetching, they are judged again.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use faasm_state::{Fetched, Stat};

use super::conditions::{Conditions, range_holds};
use super::{Failure, Place, begin, etag, invalid, not_found};
use crate::problem::ProblemType;

/// The size of the whole value, also in the answer about a part of it.
const SIZE: HeaderName = HeaderName::from_static("faas-state-size");

/// A request for a value, or a part of it.
struct Asked {
    headers: HeaderMap,
    conditions: Conditions,
    /// The most bytes that are answered at once.
    most: usize,
}

/// What is sent of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    /// That the client has it.
    Unchanged,
    Whole,
    Part(Range<usize>),
}

/// The value, or the range of it that the headers ask for.
pub(super) async fn value(
    place: Place,
    headers: HeaderMap,
    most: usize,
) -> Result<Response, Failure> {
    let asked = Asked { conditions: Conditions::of_read(&headers)?, headers, most };
    let Place { namespace, key } = place;
    let (from, at) = (namespace.clone(), key.clone());
    let mut known = begin(move || from.stat(&at)).await?.ok_or_else(|| not_found(&key))?;
    loop {
        let plan = asked.plan(known)?;
        let range = match &plan {
            Plan::Unchanged => {
                let tag = [(header::ETAG, etag(known.version))];
                return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
            }
            Plan::Whole => 0..most,
            Plan::Part(range) => range.clone(),
        };
        let (from, at) = (namespace.clone(), key.clone());
        let fetched = begin(move || from.get(&at, range)).await?.ok_or_else(|| not_found(&key))?;
        let found = Stat { version: fetched.version, size: fetched.patch.size() };
        if found == known || asked.plan(found)? == plan {
            return Ok(answer(plan, fetched));
        }
        known = found;
    }
}

impl Asked {
    /// What is sent of a value of which this is known.
    fn plan(&self, known: Stat) -> Result<Plan, Failure> {
        self.conditions.match_holds(known.version)?;
        if self.conditions.is_unchanged(known.version) {
            return Ok(Plan::Unchanged);
        }
        let most = self.most;
        let range = self.headers.get(header::RANGE);
        let Some(range) = range.filter(|_| range_holds(&self.headers, known.version)) else {
            if known.size <= most {
                return Ok(Plan::Whole);
            }
            let size = known.size;
            let detail = format!(
                "The value has {size} bytes, and {most} are answered at once: ask for a range."
            );
            return Err(Failure::new(ProblemType::PayloadTooLarge, detail).with("size_bytes", size));
        };
        let range = Wanted::parse(range)?.within(known.size)?;
        if range.len() > most {
            let detail = format!("A range of more than {most} bytes is not answered.");
            return Err(Failure::new(ProblemType::PayloadTooLarge, detail));
        }
        Ok(Plan::Part(range))
    }
}

fn answer(plan: Plan, fetched: Fetched) -> Response {
    let (tag, size) = (etag(fetched.version), fetched.patch.size());
    let bytes = fetched.patch.into_bytes();
    let part = match plan {
        Plan::Part(range) => Some(format!("bytes {}-{}/{size}", range.start, range.end - 1)),
        Plan::Whole | Plan::Unchanged => None,
    };
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, bytes).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::ETAG, tag);
    fields.insert(SIZE, HeaderValue::from(size));
    let part = part.and_then(|part| HeaderValue::from_str(&part).ok());
    fields.extend(part.map(|part| (header::CONTENT_RANGE, part)));
    response
}

/// A part of a value as a request asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    FromTo(usize, usize),
    From(usize),
    Last(usize),
}

impl Wanted {
    /// `bytes=FIRST-LAST`, `bytes=FIRST-`, `bytes=-COUNT` (RFC 9110, 14.1.2); one range.
    fn parse(given: &HeaderValue) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(given.as_bytes()).into_owned();
        let bad = || invalid(format!("range is `{text}`: one range is taken, as in `bytes=0-99`"));
        let (first, last) =
            text.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(bad)?;
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| bad());
        match (first.trim(), last.trim()) {
            ("", last) => Ok(Self::Last(number(last)?)),
            (first, "") => Ok(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if first <= last { Ok(Self::FromTo(first, last)) } else { Err(bad()) }
            }
        }
    }

    /// The bytes that a value of `size` has of it.
    fn within(self, size: usize) -> Result<Range<usize>, Failure> {
        let range = match self {
            Self::FromTo(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.is_empty() {
            let detail = format!("The value has {size} bytes, and none of the range.");
            let all = HeaderValue::from_str(&format!("bytes */{size}"));
            let failure = Failure::new(ProblemType::RangeNotSatisfiable, detail);
            return Err(match all {
                Ok(all) => failure.header(header::CONTENT_RANGE, all),
                Err(_) => failure,
            });
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faasm_state::Version;

    #[test]
    fn one_range_is_taken_and_clipped() {
        let parse = |text: &str| Wanted::parse(&HeaderValue::from_str(text).unwrap());
        let within = |text: &str, size| parse(text).unwrap().within(size).ok();
        assert_eq!(within("bytes=0-3", 10), Some(0..4));
        assert_eq!(within("bytes=8-99", 10), Some(8..10));
        assert_eq!(within("bytes=4-", 10), Some(4..10));
        assert_eq!(within("bytes=-3", 10), Some(7..10));
        assert_eq!(within("bytes=-30", 10), Some(0..10));
        assert_eq!(within("bytes=10-", 10), None);
        assert_eq!(within(&format!("bytes=0-{}", usize::MAX), 10), Some(0..10));
        for bad in ["bytes=3-1", "bytes=a-", "bits=0-1", "bytes=0-1,3-4", "bytes=-", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_sent_is_judged_by_the_version_that_is_sent() {
        let plan = |lines: &[(HeaderName, &'static str)], version, size| {
            let lines = lines.iter();
            let headers: HeaderMap =
                lines.map(|(name, text)| (name.clone(), HeaderValue::from_static(text))).collect();
            let asked =
                Asked { conditions: Conditions::of_read(&headers).unwrap(), headers, most: 100 };
            asked.plan(Stat { version: Version(version), size }).ok()
        };
        let range = (header::RANGE, "bytes=2-5");
        let held = [range.clone(), (header::IF_RANGE, "\"7\"")];
        assert_eq!(plan(&held, 7, 10), Some(Plan::Part(2..6)));
        assert_eq!(plan(&held, 8, 10), Some(Plan::Whole));
        assert_eq!(plan(&held, 7, 1), None);
        assert_eq!(plan(&held, 8, 1), Some(Plan::Whole));
        assert_eq!(plan(&held, 8, 101), None);
        let matched = [range, (header::IF_MATCH, "\"7\"")];
        assert_eq!(plan(&matched, 7, 10), Some(Plan::Part(2..6)));
        assert_eq!(plan(&matched, 8, 10), None);
        let known = [(header::IF_NONE_MATCH, "\"6\", W/\"7\"")];
        assert_eq!(plan(&known, 7, 10), Some(Plan::Unchanged));
        assert_eq!(plan(&known, 8, 10), Some(Plan::Whole));
    }
}
