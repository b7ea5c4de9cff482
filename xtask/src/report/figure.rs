//! A benchmark's figure: a bar for each row, from the line at 1, which is the rival, to the ratio.
//!
//! Written out here, since it is a page of rectangles and texts whose colours follow the reader's theme: drawing
//! libraries set colours once and for all, and texts as wide as on the machine that drew them.

use std::fmt::Write;

use super::scale::Scale;
use super::{Measured, Row, human, three_digits};

const WIDTH: usize = 900;
const ROW: usize = 24;
const BAR: usize = 14;
const TOP: usize = 58;
const BOTTOM: usize = 34;
/// Of the figures behind the bars.
const FIGURES: usize = 205;
/// As wide as a character is at most, on average.
const CHARACTER: usize = 8;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}\
.title{font-weight:600;font-size:15px}\
.dim{fill:#656d76;font-size:12px}\
.grid{stroke:#d1d9e0}\
.one{stroke:#1f2328;stroke-width:1.5}\
.better{fill:#1a7f64}\
.worse{fill:#c4541d}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}\
.dim{fill:#9198a1}\
.grid{stroke:#30363d}\
.one{stroke:#e6edf3}\
.better{fill:#3fb68b}\
.worse{fill:#e8834a}}";

/// What is where in a figure.
struct Plot {
    /// Where the bars' part begins and how wide it is.
    left: usize,
    width: usize,
    height: usize,
    scale: Scale,
}

impl Plot {
    fn of(rows: &[Row]) -> Self {
        let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let left = (longest * CHARACTER + 24).min(WIDTH / 2);
        Self {
            left,
            width: WIDTH - left - FIGURES,
            height: TOP + rows.len() * ROW + BOTTOM,
            scale: Scale::of(rows.iter().filter_map(Row::ratio)),
        }
    }

    fn x(&self, ratio: f64) -> f64 {
        self.left as f64 + self.scale.place(ratio) * self.width as f64
    }

    fn bottom(&self) -> usize {
        self.height - BOTTOM
    }
}

/// The figure as SVG.
pub(super) fn draw(measured: &Measured) -> String {
    let plot = Plot::of(&measured.rows);
    let (height, name) = (plot.height, escaped(&measured.name));
    let about = measured.about.unwrap_or("ours / rival");
    let mut svg = String::new();
    put(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{name}: ours / rival, smaller is better</title>\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"8\" y=\"20\">{name}</text>\n\
         <text class=\"dim\" x=\"8\" y=\"38\">{}; ours / rival, smaller is better</text>\n",
            escaped(about)
        ),
    );
    grid(&mut svg, &plot);
    for (index, row) in measured.rows.iter().enumerate() {
        bar(&mut svg, &plot, index, row);
    }
    let (one, bottom) = (plot.x(1.0), plot.bottom());
    put(
        &mut svg,
        format_args!(
            "<line class=\"one\" x1=\"{one:.1}\" y1=\"{TOP}\" x2=\"{one:.1}\" y2=\"{bottom}\"/>\n</svg>\n"
        ),
    );
    svg
}

/// The lines of the scale, with their ratios below.
fn grid(svg: &mut String, plot: &Plot) {
    let (bottom, names) = (plot.bottom(), plot.bottom() + 18);
    for tick in &plot.scale.ticks {
        let x = plot.x(*tick);
        let name = format!("{tick}");
        put(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\n\
             <text class=\"dim\" x=\"{x:.1}\" y=\"{names}\" text-anchor=\"middle\">{name}</text>\n"
            ),
        );
    }
}

/// A row: its name, its bar, and what was measured.
fn bar(svg: &mut String, plot: &Plot, index: usize, row: &Row) {
    let top = TOP + index * ROW;
    let (baseline, bar_top) = (top + ROW / 2 + 4, top + (ROW - BAR) / 2);
    let (name, name_end) = (escaped(&row.name), plot.left - 10);
    let figures = match row.ratio() {
        Some(ratio) => three_digits(ratio),
        None => "no ratio".to_owned(),
    };
    let both = format!("{} / {}", human(row.ours, &row.unit), human(row.rival, &row.unit));
    put(
        svg,
        format_args!("<text x=\"{name_end}\" y=\"{baseline}\" text-anchor=\"end\">{name}</text>\n"),
    );
    if let Some(ratio) = row.ratio() {
        let (one, end) = (plot.x(1.0), plot.x(ratio));
        let (x, width) = (one.min(end), (one - end).abs().max(1.0));
        let class = if ratio <= 1.0 { "better" } else { "worse" };
        put(
            svg,
            format_args!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{bar_top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\">\
             <title>{name}: {both}, against {}</title></rect>\n",
                escaped(&row.rival_name)
            ),
        );
    }
    let figures_begin = plot.left + plot.width + 10;
    put(
        svg,
        format_args!(
            "<text x=\"{figures_begin}\" y=\"{baseline}\">{figures}<tspan class=\"dim\" dx=\"8\">{}</tspan></text>\n",
            escaped(&both)
        ),
    );
}

/// Writing to a string does not fail.
fn put(svg: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(what);
}

/// As text or an attribute of XML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other if other.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
