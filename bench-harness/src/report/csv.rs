//! Tables as CSV (RFC 4180, but with `\n` between lines, as tools on Linux expect).

/// The header and one line a row.
pub fn csv<C: AsRef<str>>(columns: &[C], rows: &[Vec<String>]) -> String {
    let header = columns.iter().map(|column| quoted(column.as_ref()));
    let mut out = header.collect::<Vec<_>>().join(",");
    out.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted() {
        let rows = [vec!["100:80,1KiB:20".to_owned(), "say \"no\"".to_owned()]];
        assert_eq!(
            csv(&["size", "errors, count"], &rows),
            "size,\"errors, count\"\n\"100:80,1KiB:20\",\"say \"\"no\"\"\"\n"
        );
    }
}
