//! The bytes of values: how they travel when they are not in a script.
//!
//! # Protocol
//!
//! Reading: version and size, the chunks by plain commands, and the version again. Is it another one then, once more. Is it
//! another one again, because somebody writes all the time, the reader sets a pin: from then on whoever writes keeps each
//! chunk as it was for the reader.
//!
//! Writing: the parts are put down under names of this write's own, which end by themselves if nobody needs them. One
//! script then looks at the conditions, gives the value its new version, and says which parts are to become what; that is
//! the moment in which it is written. The parts are put into their places in small steps, by that script, then by the
//! writer, or by whoever uses the value next.
//!
//! Over a connection of our own ([`super::direct`]) all of a read is one stream of commands, and of a write all up to the
//! script; with that, if no part is put into memory that had something else. Large ones go over several connections. Where
//! there are no such connections (TLS, clusters) they are requests of the client's crate, side by side.

mod read;
mod write;

use std::ops::Range;
use std::sync::atomic::Ordering;

use ::redis::{Pipeline, Value};
use tokio::time::Instant;

use super::error::Fault;
use super::link::Lane;
use super::settings::Durability;
use super::store::{Request, Store, Via};

pub(super) use self::read::read;
pub(super) use self::write::{BORROWED, Parts, merge_parts, merged, patch_parts, stage, unstage};

/// How much one request of the client's crate moves.
const REQUEST: usize = 1 << 20;

/// How many commands it has.
const COMMANDS: usize = 256;

/// How much one command moves over a connection of our own.
pub(super) const MOVED: usize = 256 << 10;

/// A part of one chunk.
#[derive(Clone, Debug)]
struct Piece {
    chunk: usize,
    /// Where in the chunk.
    within: Range<usize>,
    /// Where in the value.
    offset: usize,
}

/// The pieces of runs, of at most so many bytes.
fn pieces(runs: impl IntoIterator<Item = Range<usize>>, chunk: usize, most: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for run in runs {
        let mut from = run.start;
        while from < run.end {
            let to = run.end.min((from / chunk + 1) * chunk).min(from.saturating_add(most));
            let start = from % chunk;
            let within = start..start + to - from;
            pieces.push(Piece { chunk: from / chunk, within, offset: from });
            from = to;
        }
    }
    pieces
}

/// Groups of what has these lengths, each for one request.
fn requests<T>(items: Vec<T>, len: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut requests: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let more = len(&item);
        match requests.last_mut() {
            Some(last) if bytes + more <= REQUEST && last.len() < COMMANDS => last.push(item),
            _ => {
                requests.push(vec![item]);
                bytes = 0;
            }
        }
        bytes += more;
    }
    requests
}

impl Store {
    /// Over how many connections so many bytes go.
    fn ways(&self, bytes: usize, each: usize) -> usize {
        bytes.div_ceil(each).clamp(1, self.settings.connections)
    }

    /// Whether a change is done when the server has answered it.
    pub(super) fn is_fast(&self) -> bool {
        self.settings.durability == Durability::Fast
    }

    /// The next of the connections for large values.
    fn bulk_lane(&self) -> &Lane {
        let next = self.next_bulk.fetch_add(1, Ordering::Relaxed);
        &self.bulk[next % self.bulk.len()]
    }
}

async fn send(
    store: &Store,
    lane: &Lane,
    pipeline: &Pipeline,
    deadline: Instant,
) -> Result<Vec<Value>, Fault> {
    store.insist(Via::Lane(lane), &Request::Pipeline(pipeline), deadline).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_where_chunks_end() {
        let shown = |found: Vec<Piece>| -> Vec<_> {
            found.into_iter().map(|piece| (piece.chunk, piece.within, piece.offset)).collect()
        };
        assert_eq!(
            shown(pieces([3..5, 7..25], 8, 8)),
            [(0, 3..5, 3), (0, 7..8, 7), (1, 0..8, 8), (2, 0..8, 16), (3, 0..1, 24)]
        );
        assert_eq!(
            shown(pieces(std::iter::once(6..13), 8, 4)),
            [(0, 6..8, 6), (1, 0..4, 8), (1, 4..5, 12)]
        );
    }

    #[test]
    fn requests_are_bounded() {
        let all = requests(vec![REQUEST; 3], |len| *len);
        assert_eq!(all.len(), 3);
        let all = requests(vec![1_usize; COMMANDS + 1], |len| *len);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [COMMANDS, 1]);
    }
}
