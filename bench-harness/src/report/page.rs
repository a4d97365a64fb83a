//! A page: headings, text, tables and plots, one below the other, in one file that loads nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::plot::Plot;

const STYLE: &str = include_str!("style.css");

/// One field of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    pub text: String,
    /// In small type after the text.
    pub note: String,
    /// May not hold; shown as such.
    pub is_doubtful: bool,
}

/// What it is given appears on it in that order; plots that follow each other form a grid.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Markup(Markup),
    Plots(Vec<Plot>),
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Page {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            parts: Vec::new(),
        }
    }

    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.push(html! { h2 { (text) } })
    }

    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.push(html! { p { (text) } })
    }

    /// Columns of numbers are aligned to the right; without any name for a column there is no head.
    pub fn table<C: AsRef<str>>(&mut self, columns: &[C], rows: Vec<Vec<Cell>>) -> &mut Self {
        let is_number: Vec<bool> = (0..columns.len())
            .map(|column| {
                rows.iter()
                    .all(|row| row.get(column).is_some_and(is_number))
            })
            .collect();
        let is_number = |column: usize| is_number.get(column).copied().unwrap_or(false);
        self.push(html! {
            div.table {
                table {
                    @if columns.iter().any(|column| !column.as_ref().is_empty()) {
                        thead {
                            tr {
                                @for (index, column) in columns.iter().enumerate() {
                                    th.number[is_number(index)] scope="col" { (column.as_ref()) }
                                }
                            }
                        }
                    }
                    tbody {
                        @for row in &rows {
                            tr {
                                @for (index, cell) in row.iter().enumerate() {
                                    td.number[is_number(index)].doubtful[cell.is_doubtful] {
                                        (cell.text)
                                        @if !cell.note.is_empty() { small { (cell.note) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        })
    }

    pub fn plot(&mut self, plot: Plot) -> &mut Self {
        if let Some(Part::Plots(plots)) = self.parts.last_mut() {
            plots.push(plot);
        } else {
            self.parts.push(Part::Plots(vec![plot]));
        }
        self
    }

    pub fn code(&mut self, text: &str) -> &mut Self {
        self.push(html! { pre { code { (text) } } })
    }

    pub fn render(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (self.title) }
                        @for part in &self.parts {
                            @match part {
                                Part::Markup(markup) => (markup),
                                Part::Plots(plots) => div.plots {
                                    @for plot in plots { (plot.markup()) }
                                },
                            }
                        }
                    }
                }
            }
        };
        page.into_string()
    }

    fn push(&mut self, markup: Markup) -> &mut Self {
        self.parts.push(Part::Markup(markup));
        self
    }
}

fn is_number(cell: &Cell) -> bool {
    let text = cell.text.trim_start_matches(['(', '-', '–', '<', '>', ' ']);
    text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::assert_balanced;
    use crate::report::{Axis, Scale, Series};

    fn plot() -> Plot {
        let mut series = Series::new("acks <all>", vec![(100.0, 1e6), (1000.0, 4e5), (0.0, 5.0)]);
        series.low_high = Some(vec![(9e5, 2e6), (3e5, 5e5), (5.0, 5.0)]);
        series.doubtful = vec![1];
        Plot {
            title: "Records".into(),
            x: Axis::log("record size, B"),
            y: Axis::fitting("records/s", [1e6, 4e5]),
            series: vec![series.clone(), series],
        }
    }

    #[test]
    fn a_page_is_well_formed_and_loads_nothing() {
        let mut page = Page::new("A & B");
        let doubtful = Cell {
            is_doubtful: true,
            note: "5 to 7".into(),
            ..Cell::from("6")
        };
        page.heading("<h>").paragraph("p").code("a < b");
        page.table(&["what", "how much"], vec![vec!["x".into(), doubtful]]);
        page.plot(plot()).plot(Plot::default());
        let html = page.render();
        assert_balanced(&html);
        assert!(html.contains("A &amp; B") && html.contains("acks &lt;all&gt;"));
        for outside in [
            "http:", "https:", "src=", "<script", "<link", "url(", "@import",
        ] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("prefers-color-scheme: dark"));
        assert!(html.contains("Nothing was measured."));
        assert!(html.contains("td class=\"number doubtful\""), "{html}");
    }

    #[test]
    fn points_without_a_place_are_not_drawn_and_doubtful_ones_are_hollow() {
        let html = plot().markup().into_string();
        let drawn = html.matches("<polygon class=\"marker").count();
        assert_eq!(drawn, 2 * 2 + 2, "two points of two series, two keys");
        assert_eq!(html.matches("marker hollow").count(), 2);
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        assert!(html.contains("records/s: 1,000,000 (900,000 to 2,000,000)"));
    }

    #[test]
    fn names_are_not_joined_by_a_line() {
        let names = Scale::Names(vec!["none".into(), "zstd".into()]);
        let plot = Plot {
            x: Axis::new("compression", names),
            series: vec![Series::new("a", vec![(0.0, 1.0), (1.0, 2.0)])],
            ..Plot::default()
        };
        let html = plot.markup().into_string();
        assert!(html.contains(">zstd</text>"));
        assert!(!html.contains("class=\"line"), "{html}");
    }
}
