//! Where leader epochs end, as Kafka's LeaderEpochFileCache tells it.

use super::*;

fn leader(leader_epoch: i32) -> Standing {
    Standing {
        role: Role::Leader,
        leader_epoch,
    }
}

fn end(leader_epoch: i32, end_offset: i64) -> Option<EpochEnd> {
    Some(EpochEnd {
        leader_epoch,
        end_offset,
    })
}

/// A log whose epochs 3, 5 and 9 began at 0, 2 and 3; it ends at 4, and is in epoch 11.
async fn with_epochs(io: &Handle) -> Rc<Partition> {
    let partition = new_partition(io);
    for (leader_epoch, records) in [(3, 2), (5, 1), (9, 1)] {
        partition.take_role(leader(leader_epoch));
        for _ in 0..records {
            commit(&partition, 100).await;
        }
    }
    partition.take_role(leader(11));
    partition
}

#[test]
fn an_epoch_ends_where_the_next_begins() {
    simulate(async |_, io| {
        let partition = with_epochs(&io).await;
        assert_eq!(partition.end_of_epoch(3), end(3, 2));
        assert_eq!(partition.end_of_epoch(5), end(5, 3));
        assert_eq!(partition.end_of_epoch(9), end(9, 4));
    });
}

#[test]
fn one_without_records_is_answered_with_the_one_before() {
    simulate(async |_, io| {
        let partition = with_epochs(&io).await;
        assert_eq!(partition.end_of_epoch(4), end(3, 2));
        assert_eq!(partition.end_of_epoch(8), end(5, 3));
        assert_eq!(partition.end_of_epoch(10), end(9, 4));
    });
}

#[test]
fn the_current_one_ends_with_the_log_and_later_ones_have_not_come() {
    simulate(async |_, io| {
        let partition = with_epochs(&io).await;
        assert_eq!(partition.end_of_epoch(11), end(11, 4));
        assert_eq!(partition.end_of_epoch(12), None);
        assert_eq!(partition.end_of_epoch(-1), None);
        let empty = new_partition(&io);
        assert_eq!(empty.end_of_epoch(3), end(3, 0));
        assert_eq!(empty.end_of_epoch(2), end(2, 0));
    });
}

#[test]
fn those_before_the_log_ended_where_it_begins() {
    simulate(async |_, io| {
        let partition = with_epochs(&io).await;
        assert_eq!(partition.end_of_epoch(2), end(2, 0));
        partition.delete_records(2).await.unwrap();
        assert_eq!(partition.end_of_epoch(3), end(3, 2));
        assert_eq!(partition.end_of_epoch(4), end(4, 2));
        assert_eq!(partition.end_of_epoch(5), end(5, 3));
        partition.delete_records(-1).await.unwrap();
        assert_eq!(partition.end_of_epoch(5), end(5, 4));
        assert_eq!(partition.end_of_epoch(11), end(11, 4));
    });
}
