//! The stored types: what is written is read, and what is not known is said.

use super::super::command_log::EntryId;
use super::super::frame;
use super::super::stored::{StoredState, decode_state, encode_state};
use super::*;

proptest! {
    #[test]
    fn commands_are_read_as_they_were_written(
        commands in prop::collection::vec(any_command(), 0..20),
    ) {
        let bytes = encode_commands(&commands);
        prop_assert_eq!(decode_commands(&bytes), Ok(commands));
    }

    #[test]
    fn states_are_read_as_they_were_written(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let (state, _) = after(&commands);
        let last = EntryId { term: 1, index: 7 };
        let image = state.image();
        let decoded = decode_state(&encode_state(last, &image));
        prop_assert_eq!(decoded, Ok(StoredState { last, image }));
    }

    #[test]
    fn commands_that_are_cut_short_or_go_on_are_no_commands(
        command in any_command(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode_commands(std::slice::from_ref(&command));
        let cut = cut.index(bytes.len());
        if cut > 0 {
            prop_assert!(decode_commands(&bytes[..cut]).is_err());
        }
        // A field more in the payload, of which this version knows nothing.
        bytes.push(0);
        let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) + 1;
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        prop_assert!(decode_commands(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_commands(&bytes);
        let _ = decode_state(&bytes);
    }
}

/// A machine whose log has this payload in its only frame, with a good checksum.
fn machine_with_frame(change: impl FnOnce(&mut Vec<u8>)) -> Result<(), StorageError> {
    let sim = machine(1);
    drop(open(&sim));
    let (path, header) = files_of(&sim, "log-").remove(0);
    let entry = EntryId { term: 1, index: 1 };
    let mut frame = frame::encode(entry, 1, &[delete(1)]).unwrap().to_vec();
    change(&mut frame);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..4]);
    crc.update(&frame[8..]);
    frame[4..8].copy_from_slice(&crc.finalize().to_le_bytes());
    sim.put(&path, [&header[..], &frame].concat().into())
        .unwrap();
    open_with(&sim, NO_SNAPSHOT).map(drop)
}

/// Where the record of the first command begins in a frame.
const RECORD: usize = 40;

#[test]
fn a_command_of_a_newer_kind_is_an_error_that_names_both() {
    machine_with_frame(|_| {}).unwrap();
    let error = machine_with_frame(|frame| frame[RECORD] = 99).unwrap_err();
    assert!(matches!(error, StorageError::NewerRecord { .. }), "{error}");
    let text = error.to_string();
    for part in [
        "kind 99",
        "up to 11",
        "newer naru",
        "log-00000000000000000001",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_newer_version_of_a_command_is_an_error_that_names_both() {
    let error = machine_with_frame(|frame| frame[RECORD + 2] = 3).unwrap_err();
    let text = error.to_string();
    for part in ["DeleteTopic", "version 3", "version 1", "newer naru"] {
        assert!(text.contains(part), "{text}");
    }
    let error = machine_with_frame(|frame| frame[RECORD + 2] = 0).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
}

#[test]
fn an_entry_that_only_a_cluster_writes_is_an_error_that_says_so() {
    let error = machine_with_frame(|frame| frame[8] = 1).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("entry of kind 1") && text.contains("newer naru"),
        "{text}"
    );
}

#[test]
fn a_file_of_a_newer_version_is_an_error_that_names_both() {
    let sim = machine(1);
    drop(open(&sim));
    let (path, header) = files_of(&sim, "log-").remove(0);
    let mut header = header.to_vec();
    header[8] = 3;
    sim.put(&path, header.into()).unwrap();
    let Err(error) = open_with(&sim, NO_SNAPSHOT) else {
        panic!("a log of version 3 was opened");
    };
    let text = error.to_string();
    assert!(
        text.contains("version 3") && text.contains("version 2"),
        "{text}"
    );
}
