//! [`TopicChoice`]: a topic, or some of its partitions, as `orders` or `orders:0,2`.

use std::str::FromStr;

use naru_client::Partition;

use crate::failure::Failure;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicChoice {
    pub topic: String,
    /// Empty for all of them.
    pub partitions: Vec<i32>,
}

impl FromStr for TopicChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No topic has a colon in its name.
        let (topic, partitions) = match text.split_once(':') {
            None => (text, Vec::new()),
            Some((topic, numbers)) => {
                let numbers: Result<Vec<i32>, _> = numbers.split(',').map(str::parse).collect();
                let wrong = |_| "write TOPIC, or TOPIC:0,2 for some partitions".to_owned();
                (topic, numbers.map_err(wrong)?)
            }
        };
        Ok(Self {
            topic: topic.to_owned(),
            partitions,
        })
    }
}

/// All partitions that are meant.
pub fn partitions_of(
    session: &mut Session,
    choices: &[TopicChoice],
) -> Result<Vec<Partition>, Failure> {
    let mut partitions = Vec::new();
    for choice in choices {
        partitions.extend(session.partitions_of(&choice.topic, &choice.partitions)?);
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_may_be_followed_by_partitions() {
        let choice = |topic: &str, partitions: &[i32]| TopicChoice {
            topic: topic.to_owned(),
            partitions: partitions.to_vec(),
        };
        assert_eq!("orders".parse(), Ok(choice("orders", &[])));
        assert_eq!("orders:0,2".parse(), Ok(choice("orders", &[0, 2])));
        assert!("orders:a".parse::<TopicChoice>().is_err());
    }
}
