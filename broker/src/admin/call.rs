//! A request as a handler sees it: the values in its path and query.

use std::rc::Rc;

use percent_encoding::percent_decode_str;

use super::answer::Problem;
use super::broker::Broker;

/// Items of a page when the caller does not say, and at most.
const PAGE_ITEMS: usize = 100;
const PAGE_ITEMS_MAX: usize = 1000;

/// What a handler is given.
pub struct Call {
    pub broker: Rc<Broker>,
    /// The values of the `{names}` of the route's path, in their order.
    pub path: Vec<String>,
    /// Names and values of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The `Accept` header, empty if there is none.
    pub accept: String,
}

/// Which part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    /// The key after which the page begins; `None` is the beginning.
    pub after: Option<String>,
}

impl Page {
    /// `after`, where keys are numbers.
    pub fn number_after(&self) -> Result<Option<i64>, Problem> {
        let number = self.after.as_deref().map(|text| {
            let wrong = |_| Problem::bad_request(format!("after={text} must be a number"));
            text.parse().map_err(wrong)
        });
        number.transpose()
    }
}

impl Call {
    /// The value of one of the path's names, by its place.
    pub fn segment(&self, at: usize) -> &str {
        self.path.get(at).map_or("", String::as_str)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `limit` and `after`.
    pub fn page(&self) -> Result<Page, Problem> {
        let limit = match self.parameter("limit") {
            None => PAGE_ITEMS,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=PAGE_ITEMS_MAX) => limit,
                _ => {
                    let detail = format!("limit={text} must be from 1 to {PAGE_ITEMS_MAX}");
                    return Err(Problem::bad_request(detail));
                }
            },
        };
        let after = self.parameter("after").map(str::to_owned);
        Ok(Page { limit, after })
    }
}

/// Decodes a segment of a path; `None` if it is not UTF-8.
pub fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Takes a query apart.
pub fn query(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let decode = |part: &str| decoded(&part.replace('+', " "));
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let taken = query("a=1&b=x%2Fy+z&&c").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(taken, [pair("a", "1"), pair("b", "x/y z"), pair("c", "")]);
        assert_eq!(decoded("gr%C3%BCn").unwrap(), "grün");
        assert_eq!(decoded("%ff"), None);
    }
}
