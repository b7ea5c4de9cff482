//! Pages of a key's list.
//!
//! Tiers read lists from the front, so a page is the end of all that is read up to it: what is before it and itself must
//! have no more bytes together than are answered at once.

use std::ops::Range;

use axum::Json;
use axum::response::{IntoResponse, Response};
use faasm_state::{CallId, Stamps};
use serde_json::{Value, json};

use super::{Failure, Place, Query, begin, number};
use crate::problem::ProblemType;

/// Elements of one page, unless the request says how many; and at most.
const PAGE: usize = 1000;
const MOST: usize = 100_000;

/// The elements from `after` on, as many as the `limit` of the query says: those that are text as such, others in
/// hexadecimal digits. Also how many there are in all, and where the next page begins.
pub(super) async fn page(
    place: &Place,
    call: CallId,
    query: &Query,
    most_bytes: usize,
) -> Result<Response, Failure> {
    let after = number(query, "after")?.unwrap_or(0);
    let limit = number(query, "limit")?.unwrap_or(PAGE).clamp(1, MOST);
    let wanted = after..after.saturating_add(limit);
    let mut read = front(place, call, wanted.clone(), most_bytes).await?;
    if read.stops_before(after) {
        // Or it was shorter, and has grown before it was counted.
        read = front(place, call, wanted, most_bytes).await?;
    }
    if read.stops_before(after) {
        let detail = format!(
            "The first {} elements of the list have more than {most_bytes} bytes together, which is the most that is \
             read at once.",
            after.saturating_add(1)
        );
        return Err(Failure::new(ProblemType::PayloadTooLarge, detail).with("total", read.total));
    }
    let elements: Vec<_> = read.elements.iter().skip(after).map(|bytes| element(bytes)).collect();
    let next = Some(read.elements.len()).filter(|read_up_to| *read_up_to < read.total);
    Ok(Json(json!({"elements": elements, "total": read.total, "next": next})).into_response())
}

/// What was read of a list.
struct Front {
    elements: Vec<Vec<u8>>,
    /// How many there are.
    total: usize,
}

impl Front {
    /// Whether there are elements from `after` on, and none of them was read.
    fn stops_before(&self, after: usize) -> bool {
        self.elements.len() <= after && after < self.total
    }
}

async fn front(
    place: &Place,
    call: CallId,
    wanted: Range<usize>,
    most_bytes: usize,
) -> Result<Front, Failure> {
    let view = place.namespace.view(call, Stamps::default());
    let (key, from) = (place.key.clone(), view.clone());
    let elements = begin(move || from.read_appended(&key, wanted.end, most_bytes)).await?;
    let key = place.key.clone();
    let total = begin(move || view.count_appended(&key)).await?;
    Ok(Front { elements, total })
}

fn element(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"text": text}),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"hex": digits})
        }
    }
}
