//! [`Table`]: columns with heads, as wide as what stands in them.
//!
//! Two blanks between columns and no lines: `awk` and `sort` can work on it, too.

use std::fmt;

const GAP: &str = "  ";

/// What stands where there is nothing to say.
pub const NONE: &str = "-";

#[derive(Debug, Default)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// # Panics
    /// When there are not as many cells as heads.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.heads.len(), "{cells:?}");
        // Control characters would break the table, or the terminal.
        let cells = cells.into_iter().map(|cell| match cell.as_str() {
            "" => NONE.to_owned(),
            _ => cell.replace(char::is_control, "?"),
        });
        self.rows.push(cells.collect());
    }

    fn column(&self, index: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(index).map(String::as_str))
    }

    /// Numbers stand at the right of their column.
    fn is_numeric(&self, index: usize) -> bool {
        let is_number = |cell: &str| cell == NONE || cell.parse::<f64>().is_ok();
        !self.rows.is_empty() && self.column(index).all(is_number)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<(usize, bool)> = (0..self.heads.len())
            .map(|index| {
                let cells = self.column(index).chain([self.heads[index]]);
                let width = cells.map(|cell| cell.chars().count()).max();
                (width.unwrap_or_default(), self.is_numeric(index))
            })
            .collect();
        let heads: Vec<String> = self.heads.iter().map(|&head| head.to_owned()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, (width, is_numeric)) in row.iter().zip(&columns) {
                let padded = match is_numeric {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                };
                line.push_str(&padded);
                line.push_str(GAP);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number that may be missing.
pub fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// Several numbers in one cell.
pub fn joined<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_numbers_stand_at_the_right() {
        let mut table = Table::new(&["TOPIC", "PARTITIONS", "NOTE"]);
        table.row(vec!["a".into(), "1".into(), String::new()]);
        table.row(vec!["a\u{1b}-long-name".into(), "12".into(), "x y".into()]);
        let expected = "TOPIC         PARTITIONS  NOTE\n\
                        a                      1  -\n\
                        a?-long-name          12  x y\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn without_rows_the_heads_stand_alone() {
        assert_eq!(Table::new(&["A", "B"]).to_string(), "A  B\n");
    }
}
