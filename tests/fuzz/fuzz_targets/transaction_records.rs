//! Records of `__transaction_state`, which may come from another broker: replayed into a
//! coordinator, which then goes on with them. The first two bytes say how long the key is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_broker::inside::{
    ListFilter, TransactionConfig, TransactionCoordinator, TransactionNow,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let key_bytes = usize::from(u16::from_be_bytes(*len)).min(rest.len());
    let (key, value) = rest.split_at(key_bytes);
    let config = TransactionConfig {
        timeout_ms_max: 900_000,
        id_expiration_ms: 604_800_000,
    };
    let mut coordinator = TransactionCoordinator::<()>::new(config);
    let _ = coordinator.replay(key, Some(value));
    let now = TransactionNow {
        steady_ms: 1 << 40,
        wall_ms: 1 << 41,
    };
    let _ = coordinator.loaded(now);
    for listed in coordinator.list(now, &ListFilter::default()) {
        let _ = coordinator.describe(&listed.transactional_id);
    }
    coordinator.give_producer_id(1);
    let _ = coordinator.tick(now);
    let _ = coordinator.expire(now, None);
});
