//! A graph of calls, drawn as text.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

/// The tree of the calls of a graph as the server answers it.
pub(super) fn draw(graph: &Value) -> String {
    let calls = graph["calls"].as_array().map_or(&[][..], Vec::as_slice);
    let mut children: HashMap<&str, Vec<&Value>> = HashMap::new();
    for call in calls {
        children.entry(text(call, "parent")).or_default().push(call);
    }
    let mut drawn = String::new();
    // Depth first, by a list of our own: a graph may be as deep as it is large. The first call has no parent.
    let mut left: Vec<(&Value, String, &str, &str)> = children
        .get("")
        .into_iter()
        .flatten()
        .rev()
        .map(|call| (*call, String::new(), "", ""))
        .collect();
    while let Some((call, before, branch, below)) = left.pop() {
        // Writing to a string does not fail.
        let _ = writeln!(drawn, "{before}{branch}{}", line(call));
        let before = before + below;
        let of_call = children.get(text(call, "id")).map_or(&[][..], Vec::as_slice);
        for (index, child) in of_call.iter().enumerate().rev() {
            let (branch, below) =
                if index + 1 == of_call.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            left.push((child, before.clone(), branch, below));
        }
    }
    match graph["left_out"].as_u64() {
        Some(0) | None => {}
        Some(left_out) => {
            let _ = writeln!(drawn, "and {left_out} more calls");
        }
    }
    drawn
}

fn line(call: &Value) -> String {
    let mut line = text(call, "function").to_owned();
    if let Some(pointer) = call["pointer"].as_u64() {
        let _ = write!(line, " at {pointer}");
    }
    let _ = match call["return_code"].as_i64() {
        Some(code) => write!(line, "  returned {code}"),
        None => write!(line, "  {}", text(call, "outcome")),
    };
    if let Some(run) = call["ms"]["run"].as_f64() {
        let queue = call["ms"]["queue"].as_f64().unwrap_or_default();
        let _ = write!(line, "  {run:.2} ms");
        if queue >= 0.01 {
            let _ = write!(line, " after {queue:.2} ms");
        }
    }
    line
}

fn text<'a>(call: &'a Value, name: &str) -> &'a str {
    call[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_drawn() {
        let call = |id: &str, parent: Option<&str>, function: &str| {
            let mut call = json!({"id": id, "function": function, "outcome": "running"});
            if let Some(parent) = parent {
                call["parent"] = parent.into();
            }
            call
        };
        let mut root = call("a", None, "demo/top");
        root["return_code"] = 0.into();
        root["ms"] = json!({"queue": 0.001, "init": 0.2, "run": 3.256});
        let mut pointer = call("b", Some("a"), "demo/top");
        pointer["pointer"] = 7.into();
        let calls = [root, pointer, call("c", Some("b"), "demo/x"), call("d", Some("a"), "demo/y")];
        let drawn = draw(&json!({"calls": calls, "left_out": 3}));
        assert_eq!(
            drawn,
            "demo/top  returned 0  3.26 ms\n\
             ├─ demo/top at 7  running\n\
             │  └─ demo/x  running\n\
             └─ demo/y  running\n\
             and 3 more calls\n"
        );
    }

    #[test]
    fn what_is_no_graph_is_nothing() {
        assert_eq!(draw(&json!({})), "");
    }
}
