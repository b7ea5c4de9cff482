//! Graphs of calls: whom a recorded call has chained, whom those have, and how each ended.
//!
//! # Protocol
//!
//! 1. A call from outside is recorded if whoever asks for it says so; then it is the root of a graph, and every call
//!    below it is in that graph.
//! 2. A call is in the graph from when it is asked for; its end is noted before anybody who waits for it goes on. What
//!    was asked for after the root's end, or ends after it, is in the graph as well, as long as that is kept.
//!
//! # Invariants
//!
//! A graph has at most [`NODES`] calls and all graphs [`ALL_NODES`] together: of one that grows over that the rest is
//! counted, and the oldest graphs go when there are more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use ulid::Ulid;

use crate::call::{CallError, CallInfo, Entry, Finished};
use crate::name::FunctionName;
use crate::problem::Problem as _;

/// Calls of one graph.
const NODES: usize = 10_000;
/// Calls of all graphs.
const ALL_NODES: usize = 100_000;

/// The graphs of one host.
#[derive(Debug, Default)]
pub(crate) struct Graphs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    graphs: HashMap<Ulid, Graph>,
    /// Their roots, the oldest first.
    order: VecDeque<Ulid>,
    /// Calls in all of them.
    nodes: usize,
}

/// What a recorded call has led to.
#[derive(Clone, Debug, Serialize)]
pub struct Graph {
    /// The tenant's.
    #[serde(skip)]
    namespace: String,
    /// The calls as they were asked for; the root is the first.
    pub calls: Vec<Node>,
    /// How many more there were than are kept.
    pub left_out: u64,
    /// Where each call is.
    #[serde(skip)]
    index: HashMap<Ulid, usize>,
}

/// A call in a graph.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its identifier.
    pub id: String,
    /// The call that chained it; the root has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// `NAMESPACE/FUNCTION`.
    pub function: String,
    /// The table index of the function that a call by pointer ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<u32>,
    /// `running`, `returned`, or the code of the problem that it ended with.
    pub outcome: &'static str,
    /// What it returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_code: Option<i32>,
    /// Where its time went, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<Milliseconds>,
}

/// Where the time of a call went.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Milliseconds {
    /// Until an executor took it.
    pub queue: f64,
    /// Until its Faaslet was there.
    pub init: f64,
    /// Until it ended, waits included.
    pub run: f64,
}

impl Graphs {
    /// Notes a call that is asked for, if it is recorded.
    pub(crate) fn begun(&self, info: &CallInfo, function: &FunctionName) {
        let Some(root) = info.graph else { return };
        let node = Node::new(info, function);
        let mut kept = self.lock();
        if info.id == root {
            let graph = Graph::new(function.namespace().to_owned());
            kept.graphs.insert(root, graph);
            kept.order.push_back(root);
        }
        let Some(graph) = kept.graphs.get_mut(&root) else { return };
        if graph.calls.len() == NODES {
            graph.left_out += 1;
            return;
        }
        graph.index.insert(info.id, graph.calls.len());
        graph.calls.push(node);
        kept.nodes += 1;
        kept.shrink();
    }

    /// Notes how a call has ended.
    pub(crate) fn ended(&self, info: &CallInfo, finished: &Finished) {
        let Some(root) = info.graph else { return };
        let mut kept = self.lock();
        let Some(graph) = kept.graphs.get_mut(&root) else { return };
        if let Some(&at) = graph.index.get(&info.id) {
            graph.calls[at].end(finished);
        }
    }

    /// The graph of a recorded call, if it is this namespace's and still kept.
    pub(crate) fn get(&self, namespace: &str, root: Ulid) -> Option<Graph> {
        let kept = self.lock();
        kept.graphs.get(&root).filter(|graph| graph.namespace == namespace).cloned()
    }

    /// Nothing under the lock panics half way through a change, so a poisoned lock is a sound one.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Lets the oldest graphs go, but never the last one.
    fn shrink(&mut self) {
        while self.nodes > ALL_NODES && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|root| self.graphs.remove(&root));
            self.nodes -= oldest.map_or(0, |graph| graph.calls.len());
        }
    }
}

impl Graph {
    fn new(namespace: String) -> Self {
        Self { namespace, calls: Vec::new(), left_out: 0, index: HashMap::new() }
    }
}

impl Node {
    fn new(info: &CallInfo, function: &FunctionName) -> Self {
        Self {
            id: info.id.to_string(),
            parent: info.parent.map(|parent| parent.to_string()),
            function: function.to_string(),
            pointer: match info.entry {
                Entry::Main => None,
                Entry::Pointer(index) => Some(index),
            },
            outcome: "running",
            return_code: None,
            ms: None,
        }
    }

    fn end(&mut self, finished: &Finished) {
        let error_code = |error: &CallError| error.problem_type().slug();
        (self.outcome, self.return_code) = match &finished.result {
            Ok(outcome) => ("returned", Some(outcome.return_code)),
            Err(error) => (error_code(error), None),
        };
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let timings = finished.timings;
        self.ms = Some(Milliseconds {
            queue: ms(timings.queue),
            init: ms(timings.init),
            run: ms(timings.run),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::call::{Outcome, Timings};

    fn info(number: u64, parent: Option<Ulid>, graph: Option<Ulid>) -> CallInfo {
        let (id, begun) = (Ulid::from_parts(number, 1), Instant::now());
        CallInfo { id, number, parent, graph, entry: Entry::Main, begun, deadline: begun }
    }

    fn root(number: u64) -> CallInfo {
        info(number, None, Some(Ulid::from_parts(number, 1)))
    }

    fn name() -> FunctionName {
        FunctionName::new("demo", "f").unwrap()
    }

    #[test]
    fn a_graph_has_the_calls_below_its_root_and_their_ends() {
        let graphs = Graphs::default();
        let first = root(1);
        let child = info(2, Some(first.id), first.graph);
        for info in [&first, &child, &info(3, None, None)] {
            graphs.begun(info, &name());
        }
        let end = |result| Finished { result, timings: Timings::default(), stamps: None };
        graphs.ended(&child, &end(Ok(Outcome { return_code: 7, output: vec![] })));
        let graph = graphs.get("demo", first.id).unwrap();
        assert_eq!(graph.calls.len(), 2);
        assert_eq!((graph.calls[0].outcome, graph.calls[0].parent.is_none()), ("running", true));
        assert_eq!((graph.calls[1].outcome, graph.calls[1].return_code), ("returned", Some(7)));
        assert_eq!(graph.calls[1].parent, Some(first.id.to_string()));
        graphs.ended(&first, &end(Err(CallError::Draining)));
        assert_eq!(graphs.get("demo", first.id).unwrap().calls[0].outcome, "draining");
        // Another tenant's, and calls that are no roots, are not to be had.
        assert!(graphs.get("other", first.id).is_none() && graphs.get("demo", child.id).is_none());
    }

    #[test]
    fn graphs_are_bounded() {
        let graphs = Graphs::default();
        let first = root(1);
        graphs.begun(&first, &name());
        for number in 2..NODES as u64 + 12 {
            graphs.begun(&info(number, Some(first.id), first.graph), &name());
        }
        let graph = graphs.get("demo", first.id).unwrap();
        assert_eq!((graph.calls.len(), graph.left_out), (NODES, 11));
        // As many other roots as are kept: the large graph goes, the others stay.
        for number in 0..(ALL_NODES - NODES) as u64 + 1 {
            graphs.begun(&root(1_000_000 + number), &name());
        }
        assert!(graphs.get("demo", first.id).is_none());
        assert!(graphs.get("demo", root(1_000_000).id).is_some());
        assert!(graphs.lock().nodes <= ALL_NODES);
    }
}
