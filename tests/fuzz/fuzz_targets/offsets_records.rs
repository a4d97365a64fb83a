//! Records of `__consumer_offsets`, which may come from another broker: decoded, and replayed into
//! a coordinator, also as a part of a transaction. The first two bytes say how long the key is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_broker::inside::{
    ConsumerConfig, ConsumerRecord, Coordinator, GroupConfig, GroupValue, Key, Now, TransactionOutcome, decode_offset_value,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let key_bytes = usize::from(u16::from_be_bytes(*len)).min(rest.len());
    let (key, value) = rest.split_at(key_bytes);
    if let Ok(Key::Consumer { group_id, key }) = Key::decode(key)
        && let Ok(record) = ConsumerRecord::decode(key.clone(), Some(value))
        && let Some(written) = record.encode(&group_id).value
    {
        assert_eq!(ConsumerRecord::decode(key, Some(&written)), Ok(record));
    }
    let _ = decode_offset_value(value);
    if let Ok(group) = GroupValue::decode(value) {
        // What is written is the newest version that is served: it says the same.
        assert_eq!(GroupValue::decode(&group.encode()).as_ref(), Ok(&group));
    }

    let config = GroupConfig {
        session_timeout_ms_min: 6_000,
        session_timeout_ms_max: 1_800_000,
        initial_rebalance_delay_ms: 3_000,
        members_max: usize::MAX,
        offsets_retention_ms: 604_800_000,
        offset_metadata_bytes_max: 4_096,
        consumer: ConsumerConfig::default(),
        own: Default::default(),
    };
    let mut coordinator = Coordinator::<()>::new(config, Box::new(|| "suffix".into()));
    let _ = coordinator.replay(0, None, key, Some(value));
    let _ = coordinator.replay(1, Some(7), key, Some(value));
    coordinator.replay_marker(2, 7, TransactionOutcome::Committed);
    coordinator.loaded(Now::default());
    for group in coordinator.list() {
        let _ = coordinator.describe(&group.group_id);
        let _ = coordinator.describe_consumer(&group.group_id);
    }
    let _ = coordinator.tick(Now {
        steady_ms: 1 << 40,
        wall_ms: 1 << 41,
    });
    let _ = coordinator.replay(3, None, key, None);
});
