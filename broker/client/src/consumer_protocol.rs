//! What consumers of the classic protocol tell each other through the group's coordinator:
//! ConsumerProtocolSubscription and ConsumerProtocolAssignment, and who gets what by range.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use naru_wire::Str;

use crate::{Partition, Topic};

fn put_string(out: &mut BytesMut, text: &str) {
    out.put_i16(text.len() as i16);
    out.put_slice(text.as_bytes());
}

/// `ConsumerProtocolSubscription` v0.
pub(crate) fn subscription<'a>(topics: impl ExactSizeIterator<Item = &'a Str>) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(topics.len() as i32);
    topics.for_each(|topic| put_string(&mut out, topic));
    out.put_i32(-1);
    out.freeze()
}

/// `ConsumerProtocolAssignment` v0 of the member at `at` of `members`: of each topic a range, the
/// first members one more.
pub(crate) fn range_assignment(topics: &[Topic], at: usize, members: usize) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(topics.len() as i32);
    for topic in topics {
        let (each, more) = (topic.leaders.len() / members, topic.leaders.len() % members);
        let from = each * at + at.min(more);
        let count = each + usize::from(at < more);
        put_string(&mut out, &topic.name);
        out.put_i32(count as i32);
        (from..from + count).for_each(|partition| out.put_i32(partition as i32));
    }
    out.put_i32(-1);
    out.freeze()
}

/// The partitions of a `ConsumerProtocolAssignment` of any version. What there is of it, if it is
/// cut short: it came from a member, through the broker.
pub fn read_assignment(bytes: &Bytes) -> Vec<Partition> {
    let mut assigned = Vec::new();
    // Cannot be written otherwise than with early ends.
    let mut read = || -> Option<()> {
        let mut rest = bytes.clone();
        rest.try_get_i16().ok()?;
        for _ in 0..rest.try_get_i32().ok()? {
            let length = usize::try_from(rest.try_get_i16().ok()?).ok()?;
            if rest.remaining() < length {
                return None;
            }
            let name = Str::from_utf8(rest.split_to(length)).ok()?;
            for _ in 0..rest.try_get_i32().ok()? {
                assigned.push((name.detach(), rest.try_get_i32().ok()?));
            }
        }
        Some(())
    };
    read();
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_goes_to_exactly_one_member() {
        let topic = |name: &str, partitions| Topic {
            name: name.into(),
            leaders: vec![0; partitions],
        };
        let topics = [topic("a", 7), topic("b", 2)];
        for members in 1..10 {
            let mut all: Vec<Partition> = (0..members)
                .flat_map(|at| read_assignment(&range_assignment(&topics, at, members)))
                .collect();
            all.sort();
            let expected: Vec<Partition> = (0..7)
                .map(|index| ("a".into(), index))
                .chain((0..2).map(|index| ("b".into(), index)))
                .collect();
            assert_eq!(all, expected, "{members} members");
        }
    }

    #[test]
    fn an_assignment_that_is_cut_short_is_read_as_far_as_it_goes() {
        let topics = [Topic {
            name: "a".into(),
            leaders: vec![0; 3],
        }];
        let whole = range_assignment(&topics, 0, 1);
        for length in 0..whole.len() {
            assert!(read_assignment(&whole.slice(..length)).len() <= 3);
        }
        assert_eq!(read_assignment(&Bytes::new()), []);
    }
}
