//! The commands of a frame of the metadata log whose checksum holds, whatever wrote it: decoded as
//! the log does, applied, and written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_broker::inside::{ClusterState, decode_commands, encode_commands};

fuzz_target!(|bytes: &[u8]| {
    let Ok(commands) = decode_commands(bytes) else {
        return;
    };
    assert_eq!(
        decode_commands(&encode_commands(&commands)).as_ref(),
        Ok(&commands)
    );
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
