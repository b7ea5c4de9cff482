//! A report as aligned text.

use std::fmt::Write as _;

use super::report::{Item, Report};

/// Rows of cells; columns are as wide as their widest cell.
type Rows = Vec<Vec<String>>;

/// The report, ending with a line's end.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    section(&mut text, "", &head(report));
    if let Some(object) = &report.object {
        section(
            &mut text,
            "object",
            &vec![
                vec!["format".into(), object.format.to_string()],
                vec!["compiler".into(), object.compiler.clone()],
                vec!["target".into(), object.target.clone()],
                vec!["features".into(), list(&object.features)],
            ],
        );
        section(&mut text, "notes", &object.notes.iter().map(|note| vec![note.clone()]).collect());
    }
    if let Some(linking) = &report.linking {
        let aligned =
            |count: u32, what: &str, log2: u32| format!("{count} {what}, aligned to 2^{log2}");
        let mut rows = vec![
            vec![
                "memory".into(),
                aligned(linking.memory_bytes, "bytes", linking.memory_align_log2),
            ],
            vec![
                "table".into(),
                aligned(linking.table_elements, "elements", linking.table_align_log2),
            ],
            vec!["needs".into(), list(&linking.needed)],
        ];
        rows.extend(linking.weak.iter().map(|name| vec!["weak".into(), name.clone()]));
        section(&mut text, "dynamic linking", &rows);
    }
    let imports = report.imports.iter().map(|import| {
        let name = format!("{}.{}", import.module, import.name);
        let remark = match (&import.refused, import.touches) {
            (Some(why), _) => format!("REFUSED: {why}"),
            (None, touches) => touches.unwrap_or_default().to_owned(),
        };
        vec![import.kind.into(), name, import.ty.clone(), remark]
    });
    section(&mut text, "imports", &imports.collect());
    let exports = report.exports.iter().map(|export| {
        vec![format!("{} {}", export.kind, export.index), export.name.clone(), export.ty.clone()]
    });
    section(&mut text, "exports", &exports.collect());
    section(&mut text, "memories", &items(&report.memories));
    section(&mut text, "tables", &items(&report.tables));
    section(&mut text, "globals", &items(&report.globals));
    section(&mut text, "tags", &items(&report.tags));
    let sizes = report.sections.iter();
    let sizes = sizes.map(|section| vec![section.name.clone(), format!("{} bytes", section.bytes)]);
    section(&mut text, "sections", &sizes.collect());
    text
}

fn head(report: &Report) -> Rows {
    let functions = &report.functions;
    let mut rows = vec![
        vec!["kind".to_owned(), report.kind.to_owned()],
        vec!["bytes".to_owned(), report.bytes.to_string()],
        vec!["name".to_owned(), report.name.clone().unwrap_or_else(|| "-".to_owned())],
        vec!["code shape".to_owned(), report.shape.clone()],
    ];
    if let Some(proposals) = &report.proposals {
        rows.push(vec!["proposals".to_owned(), list(proposals)]);
    }
    rows.push(vec![
        "functions".to_owned(),
        format!(
            "{} imported, {} defined, {} named",
            functions.imported, functions.defined, functions.named
        ),
    ]);
    if let Some(start) = &report.start {
        let name = start.name.as_deref().unwrap_or("-");
        rows.push(vec!["start".to_owned(), format!("function {} {name}", start.index)]);
    }
    rows
}

fn items(items: &[Item]) -> Rows {
    let row = |item: &Item| {
        let origin = if item.imported { "imported" } else { "defined" };
        vec![item.index.to_string(), origin.to_owned(), item.ty.clone()]
    };
    items.iter().map(row).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// Adds rows under a title; nothing if there are none.
fn section(text: &mut String, title: &str, rows: &Rows) {
    if rows.is_empty() {
        return;
    }
    let margin = if title.is_empty() { "" } else { "  " };
    if !title.is_empty() {
        let _ = write!(text, "\n{title}\n");
    }
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = margin.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut text = String::new();
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        section(&mut text, "some", &vec![row(["a", "1"]), row(["long", "2"])]);
        section(&mut text, "none", &Vec::new());
        assert_eq!(text, "\nsome\n  a     1\n  long  2\n");
    }
}
