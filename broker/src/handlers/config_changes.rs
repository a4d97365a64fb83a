//! What an alteration of configs says of each key, and what it makes of lists.

use std::collections::BTreeSet;

use naru_wire::Str;

use super::config_resources::{Refused, invalid_request};

/// `AlterConfigOp.OpType` with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    Set(&'a str),
    /// Back to the default.
    Delete,
    /// Items for a list.
    Append(&'a str),
    /// Items off a list.
    Subtract(&'a str),
}

impl Operation<'_> {
    pub const SET: i8 = 0;
    const DELETE: i8 = 1;
    const APPEND: i8 = 2;
    const SUBTRACT: i8 = 3;
}

/// One key, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    pub key: &'a str,
    pub operation: Operation<'a>,
}

impl<'a> Change<'a> {
    /// Reads what one resource asks for: each key once, with a value where one is needed.
    pub fn read(configs: &[(&'a Str, i8, Option<&'a Str>)]) -> Result<Vec<Self>, Refused> {
        let mut named = BTreeSet::new();
        let mut changes = Vec::with_capacity(configs.len());
        for (key, operation, value) in configs {
            let key: &'a str = key;
            if !named.insert(key) {
                return invalid_request(format!("{key} is named more than once"));
            }
            let value: Option<&'a str> = value.map(|value| &**value);
            let operation = match (*operation, value) {
                (Operation::DELETE, _) => Operation::Delete,
                (Operation::SET, Some(value)) => Operation::Set(value),
                (Operation::APPEND, Some(items)) => Operation::Append(items),
                (Operation::SUBTRACT, Some(items)) => Operation::Subtract(items),
                (Operation::SET | Operation::APPEND | Operation::SUBTRACT, None) => {
                    return invalid_request(format!("Null value not supported for : {key}"));
                }
                (other, _) => {
                    return invalid_request(format!("there is no operation {other} on configs"));
                }
            };
            changes.push(Self { key, operation });
        }
        Ok(changes)
    }
}

/// The value of a list with items added, or taken away.
pub fn changed_list(present: &str, items: &str, append: bool) -> String {
    fn split(text: &str) -> impl Iterator<Item = &str> {
        let items = text.split(',').map(str::trim);
        items.filter(|item| !item.is_empty())
    }
    let mut list: Vec<&str> = split(present).collect();
    for item in split(items) {
        let at = list.iter().position(|known| *known == item);
        match (append, at) {
            // What is there already keeps its place, as in Kafka.
            (true, None) => list.push(item),
            (false, Some(at)) => drop(list.remove(at)),
            _ => {}
        }
    }
    list.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_and_has_no_item_twice() {
        assert_eq!(
            changed_list("delete", "compact, delete", true),
            "delete,compact"
        );
        assert_eq!(changed_list("", "a,,b", true), "a,b");
        assert_eq!(changed_list("a,b,c", "b,x", false), "a,c");
        assert_eq!(changed_list("a", "a", false), "");
    }

    #[test]
    fn each_key_is_named_once_and_has_its_value() {
        let (a, b, value) = (Str::from("a"), Str::from("b"), Str::from("1"));
        let read = Change::read(&[(&a, 0, Some(&value)), (&b, 1, None)]).unwrap();
        assert_eq!(read[0].operation, Operation::Set("1"));
        assert_eq!(read[1].operation, Operation::Delete);
        let wrong: [&[(&Str, i8, Option<&Str>)]; 4] = [
            &[(&a, 0, Some(&value)), (&a, 1, None)],
            &[(&a, 0, None)],
            &[(&a, 2, None)],
            &[(&a, 4, Some(&value))],
        ];
        for configs in wrong {
            assert!(Change::read(configs).is_err(), "{configs:?}");
        }
    }
}
