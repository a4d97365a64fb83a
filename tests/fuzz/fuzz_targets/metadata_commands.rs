//! A frame of the metadata log whose checksum holds, whatever wrote it: decoded as the log does,
//! and applied.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_broker::cluster::{ClusterState, Command};
use rkyv::rancor;
use rkyv::util::AlignedVec;

fuzz_target!(|bytes: &[u8]| {
    let mut payload = AlignedVec::<16>::with_capacity(bytes.len());
    payload.extend_from_slice(bytes);
    let Ok(commands) = rkyv::from_bytes::<Vec<Command>, rancor::Error>(&payload) else {
        return;
    };
    let mut state = ClusterState::default();
    for (command, index) in commands.iter().zip(1..) {
        let before = state.image();
        if state.apply(index, command).is_err() {
            let after = state.image();
            assert_eq!(before.topics().len(), after.topics().len());
            assert_eq!(before.cluster_id(), after.cluster_id());
        }
    }
});
