//! A part of a list, and where it goes on.

use schemars::JsonSchema;
use serde::Serialize;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// What to give as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// The first `limit` of `items`, which is all of what is left, or one more than the page.
    pub fn of(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(key);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_something_follows_says_where_to_go_on() {
        let page = |items: &[i32]| Paged::of(items.to_vec(), 2, i32::to_string);
        assert_eq!(page(&[]).next, None);
        assert_eq!(page(&[7, 8]).next, None);
        let first = page(&[7, 8, 9]);
        assert_eq!(
            (first.items, first.next.as_deref()),
            (vec![7, 8], Some("8"))
        );
    }
}
