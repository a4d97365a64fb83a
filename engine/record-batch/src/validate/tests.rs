//! One test for each row of what a produce is answered, as far as bytes decide it.

use super::refused::REFUSED_RECORDS_MAX;
use super::*;
use crate::{
    Attributes, BatchBuilder, BatchHeader, Codec, HEADER_BYTES, NewRecord, crc32c, first_record_at,
    stamp, stamp_log_append_time, stamp_max_timestamp,
};

const NOW_MS: i64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules {
        now_ms: NOW_MS,
        ..Default::default()
    }
}

fn builder(codec: Codec) -> BatchBuilder {
    let mut builder = BatchBuilder::new(codec);
    for n in 0..3 {
        builder.push_pair(NOW_MS + n, Some(b"key"), Some(b"value"));
    }
    builder
}

fn batch() -> Vec<u8> {
    builder(Codec::None).build().unwrap()
}

/// The batch with another header, its checksum made right again.
fn with(mut batch: Vec<u8>, change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::parse(&batch).unwrap();
    change(&mut header);
    header.write_to(&mut batch);
    header.crc = crc32c(&batch[crate::CRC_FROM..]);
    header.write_to(&mut batch);
    batch
}

/// A batch of one codec around bytes that need not be records.
fn around(codec: Codec, payload: &[u8], records_count: i32) -> Vec<u8> {
    let mut batch = batch();
    batch.truncate(HEADER_BYTES);
    batch.extend_from_slice(payload);
    let length = i32::try_from(batch.len() - 12).unwrap();
    with(batch, |header| {
        header.batch_length = length;
        header.attributes = Attributes(codec.bits());
        header.records_count = records_count;
        header.last_offset_delta = records_count - 1;
    })
}

fn kind(bytes: &[u8]) -> RejectionKind {
    validate(bytes, &rules()).unwrap_err().kind()
}

use RejectionKind::{
    CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, UnsupportedCompressionType,
};

#[test]
fn a_batch_of_every_codec_is_accepted() {
    for codec in Codec::ALL {
        let batch = builder(codec).build().unwrap();
        let accepted = validate(&batch, &rules()).unwrap();
        assert_eq!(accepted.batch_bytes, batch.len());
        assert_eq!(accepted.header, BatchHeader::parse(&batch).unwrap());
        assert_eq!(accepted.max_timestamp_ms, NOW_MS + 2);
        assert_eq!(accepted.max_timestamp_offset_delta, 2);
        assert!(!accepted.has_wrong_max_timestamp());
    }
}

#[test]
fn old_formats_are_invalid() {
    for magic in [0, 1] {
        assert_eq!(kind(&with(batch(), |h| h.magic = magic)), InvalidRecord);
    }
}

#[test]
fn an_unknown_format_is_corrupt() {
    for magic in [3, -1, i8::MAX] {
        assert_eq!(kind(&with(batch(), |h| h.magic = magic)), CorruptMessage);
    }
}

#[test]
fn no_batch_and_several_batches_are_invalid() {
    assert_eq!(kind(b""), InvalidRecord);
    assert_eq!(validate(b"", &rules()), Err(Rejection::NoBatch));
    let two = [batch(), batch()].concat();
    assert_eq!(validate(&two, &rules()), Err(Rejection::MoreBatches));
    assert_eq!(kind(&two), InvalidRecord);
}

#[test]
fn a_batch_that_is_cut_short_is_invalid() {
    let batch = batch();
    for cut in 0..batch.len() {
        assert_eq!(kind(&batch[..cut]), InvalidRecord, "cut at {cut}");
    }
    let long = with(batch, |h| h.batch_length += 1);
    assert_eq!(kind(&long), InvalidRecord);
    assert_eq!(
        kind(&with(long, |h| h.batch_length = i32::MAX)),
        InvalidRecord
    );
}

#[test]
fn a_length_that_is_short_or_negative_is_corrupt() {
    for length in [i32::MIN, -1, 0, 13, 14, 48, 49] {
        let short = with(batch(), |h| h.batch_length = length);
        assert_eq!(kind(&short), CorruptMessage, "length {length}");
    }
    // By one byte: what is left over is trimmed, and the checksum tells.
    assert_eq!(
        kind(&with(batch(), |h| h.batch_length -= 1)),
        CorruptMessage
    );
}

#[test]
fn garbage_after_the_batch_is_trimmed() {
    let whole = batch();
    for garbage in [
        &b"x"[..],
        &[0; 16],
        &[0x7f; 40][..12],
        b"................\x02.....",
    ] {
        let bytes = [&whole, garbage].concat();
        let accepted = validate(&bytes, &rules()).unwrap();
        assert_eq!(accepted.batch_bytes, whole.len());
    }
}

#[test]
fn a_base_offset_other_than_0_is_invalid() {
    for base_offset in [1, -1, i64::MAX] {
        assert_eq!(
            kind(&with(batch(), |h| h.base_offset = base_offset)),
            InvalidRecord
        );
    }
}

#[test]
fn a_count_that_does_not_add_up_is_invalid() {
    for (count, last_delta) in [
        (0, -1),
        (-1, -2),
        (4, 2),
        (3, 3),
        (i32::MIN, i32::MAX),
        (4, 3),
    ] {
        let wrong = with(batch(), |h| {
            h.records_count = count;
            h.last_offset_delta = last_delta;
        });
        assert_eq!(kind(&wrong), InvalidRecord, "{count} {last_delta}");
    }
}

#[test]
fn a_count_other_than_the_records_there_are_is_invalid_in_every_codec() {
    for codec in Codec::ALL {
        let whole = builder(codec).build().unwrap();
        let claim = |count| {
            with(whole.clone(), |h| {
                h.records_count = count;
                h.last_offset_delta = count - 1;
            })
        };
        let found = 3;
        let declared = 4;
        let fewer = Err(Rejection::FewerRecords { declared, found });
        assert_eq!(validate(&claim(4), &rules()), fewer, "{codec}");
        let more = Err(Rejection::MoreRecords { declared: 2 });
        assert_eq!(validate(&claim(2), &rules()), more, "{codec}");
        assert_eq!(kind(&claim(i32::MAX)), InvalidRecord);
    }
}

#[test]
fn a_control_batch_is_invalid() {
    let control = builder(Codec::None).control().build().unwrap();
    assert_eq!(validate(&control, &rules()), Err(Rejection::Control));
    assert_eq!(kind(&control), InvalidRecord);
}

#[test]
fn a_negative_sequence_with_a_producer_id_is_invalid() {
    let negative = builder(Codec::None).producer(7, 0, -1).build().unwrap();
    assert_eq!(kind(&negative), InvalidRecord);
    let first = builder(Codec::None).producer(7, 0, 0).build().unwrap();
    assert!(validate(&first, &rules()).is_ok());
    let none = builder(Codec::None).producer(-1, -1, -1).build().unwrap();
    assert!(validate(&none, &rules()).is_ok());
}

#[test]
fn a_bad_checksum_is_corrupt() {
    let whole = batch();
    for at in 17..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert_eq!(kind(&damaged), CorruptMessage, "byte {at}");
    }
}

#[test]
fn zstd_before_produce_7_is_unsupported() {
    let batch = builder(Codec::Zstd).build().unwrap();
    let early = Rules {
        zstd_is_allowed: false,
        ..rules()
    };
    let rejection = validate(&batch, &early).unwrap_err();
    assert_eq!(rejection.kind(), UnsupportedCompressionType);
}

#[test]
fn an_unknown_codec_is_invalid() {
    for bits in 5..8 {
        let unknown = with(batch(), |h| h.attributes = Attributes(bits));
        assert_eq!(kind(&unknown), InvalidRecord);
    }
}

#[test]
fn a_payload_that_does_not_decompress_is_invalid() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        assert_eq!(kind(&around(codec, b"not compressed", 1)), InvalidRecord);
        let mut payload = builder(codec).build().unwrap().split_off(HEADER_BYTES);
        payload.pop();
        let cut = validate(&around(codec, &payload, 3), &rules());
        assert!(
            matches!(cut, Err(Rejection::Undecompressable { .. })),
            "{codec}: {cut:?}"
        );
    }
}

#[test]
fn a_batch_above_max_message_bytes_is_too_large() {
    let batch = batch();
    let limit = |bytes: usize| Rules {
        batch_bytes_max: bytes,
        ..rules()
    };
    assert!(validate(&batch, &limit(batch.len())).is_ok());
    let rejection = validate(&batch, &limit(batch.len() - 1)).unwrap_err();
    assert_eq!(rejection.kind(), MessageTooLarge);
    assert!(rejection.to_string().contains("max.message.bytes"));
}

fn compacted() -> Rules {
    Rules {
        needs_keys: true,
        ..rules()
    }
}

fn refused_indexes(rejection: &Rejection) -> Vec<i32> {
    let records = rejection.refused_records().iter();
    records.map(|record| record.index).collect()
}

/// Kafka names them all (`LogValidator.processRecordErrors`), and clients fail the others with
/// another error.
#[test]
fn every_record_that_a_batch_is_refused_for_is_named() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec);
        for index in 0..100 {
            let key = (index % 10 != 0).then_some(&b"key"[..]);
            builder.push_pair(NOW_MS, key, Some(b"value"));
        }
        let rejection = validate(&builder.build().unwrap(), &compacted()).unwrap_err();
        assert_eq!(rejection.kind(), InvalidRecord);
        let every_tenth: Vec<i32> = (0..100).step_by(10).collect();
        assert_eq!(refused_indexes(&rejection), every_tenth);
        assert!(
            rejection
                .to_string()
                .ends_with("9 more records are refused")
        );
    }
}

#[test]
fn one_bad_timestamp_makes_the_error_that_of_timestamps() {
    let mut builder = BatchBuilder::default();
    builder.push_pair(NOW_MS, None, None);
    builder.push_pair(NOW_MS, Some(b"key"), None);
    builder.push_pair(i64::MAX, Some(b"key"), None);
    builder.push_pair(i64::MAX, None, None);
    let rejection = validate(&builder.build().unwrap(), &compacted()).unwrap_err();
    assert_eq!(rejection.kind(), InvalidTimestamp);
    let reasons: Vec<_> = rejection
        .refused_records()
        .iter()
        .map(|record| (record.index, record.reason == RefusalReason::NullKey))
        .collect();
    // A record without a key is not looked at further.
    assert_eq!(reasons, [(0, true), (2, false), (3, true)]);
}

#[test]
fn what_cannot_be_read_is_the_fault_of_the_batch_and_not_of_its_records() {
    let mut builder = BatchBuilder::default();
    builder.push_pair(NOW_MS, None, Some(b"value"));
    let batch = with(builder.build().unwrap(), |header| {
        header.records_count = 2;
        header.last_offset_delta = 1;
    });
    let rejection = validate(&batch, &compacted()).unwrap_err();
    let (declared, found) = (2, 1);
    assert_eq!(rejection, Rejection::FewerRecords { declared, found });
}

#[test]
fn no_more_records_are_named_than_a_client_sends() {
    let mut builder = BatchBuilder::default();
    for _ in 0..=REFUSED_RECORDS_MAX {
        builder.push_pair(NOW_MS, None, None);
    }
    let rejection = validate(&builder.build().unwrap(), &compacted()).unwrap_err();
    assert_eq!(rejection.refused_records().len(), REFUSED_RECORDS_MAX);
}

#[test]
fn a_null_key_on_a_compacted_topic_is_invalid_and_named() {
    for codec in Codec::ALL {
        let mut builder = builder(codec);
        builder.push_pair(NOW_MS, None, Some(b"value"));
        let batch = builder.build().unwrap();
        let rejection = validate(&batch, &compacted()).unwrap_err();
        assert_eq!(rejection.kind(), InvalidRecord);
        assert_eq!(refused_indexes(&rejection), [3]);
        assert!(validate(&batch, &rules()).is_ok());
    }
}

#[test]
fn an_empty_key_is_a_key() {
    let mut builder = BatchBuilder::default();
    builder.push_pair(NOW_MS, Some(b""), None);
    let compacted = Rules {
        needs_keys: true,
        ..rules()
    };
    assert!(validate(&builder.build().unwrap(), &compacted).is_ok());
}

#[test]
fn a_timestamp_too_far_ahead_or_back_is_invalid() {
    let of = |timestamp_ms| {
        let mut builder = builder(Codec::None);
        builder.push_pair(timestamp_ms, None, None);
        builder.build().unwrap()
    };
    let hour_ms = 3_600_000;
    assert!(validate(&of(NOW_MS + hour_ms), &rules()).is_ok());
    let rejection = validate(&of(NOW_MS + hour_ms + 1), &rules()).unwrap_err();
    assert_eq!(rejection.kind(), InvalidTimestamp);
    assert_eq!(refused_indexes(&rejection), [3]);
    let no_older = Rules {
        timestamp_before_max_ms: 1_000,
        ..rules()
    };
    assert!(validate(&of(NOW_MS - 1_000), &no_older).is_ok());
    assert_eq!(
        validate(&of(NOW_MS - 1_001), &no_older).unwrap_err().kind(),
        InvalidTimestamp
    );
    let append_time = Rules {
        checks_timestamps: false,
        ..no_older
    };
    assert!(validate(&of(i64::MAX), &append_time).is_ok());
}

#[test]
fn timestamps_of_0_and_none_are_accepted() {
    for timestamp_ms in [0, -1] {
        let mut builder = BatchBuilder::default();
        builder.push_pair(timestamp_ms, None, Some(b"value"));
        let accepted = validate(&builder.build().unwrap(), &rules()).unwrap();
        assert_eq!(accepted.max_timestamp_ms, timestamp_ms);
    }
    let recent_only = Rules {
        timestamp_before_max_ms: 1,
        ..rules()
    };
    let mut builder = BatchBuilder::default();
    builder.push_pair(-1, None, None);
    assert!(validate(&builder.build().unwrap(), &recent_only).is_ok());
}

#[test]
fn a_wrong_max_timestamp_is_reported_to_be_corrected() {
    for codec in Codec::ALL {
        let wrong = with(builder(codec).build().unwrap(), |h| h.max_timestamp_ms = 5);
        let accepted = validate(&wrong, &rules()).unwrap();
        assert!(accepted.has_wrong_max_timestamp());
        let mut corrected = wrong;
        stamp_max_timestamp(&mut corrected, accepted.max_timestamp_ms);
        assert!(
            !validate(&corrected, &rules())
                .unwrap()
                .has_wrong_max_timestamp()
        );
    }
}

#[test]
fn a_leader_epoch_set_by_the_client_is_accepted() {
    let batch = with(batch(), |h| h.partition_leader_epoch = 99);
    assert!(validate(&batch, &rules()).is_ok());
}

#[test]
fn the_brokers_time_is_not_the_producers_to_set() {
    let mut batch = batch();
    stamp_log_append_time(&mut batch, NOW_MS);
    assert_eq!(kind(&batch), InvalidTimestamp);
}

#[test]
fn offset_deltas_that_do_not_count_up_are_invalid() {
    let mut batch = batch();
    // Size, attributes, timestamp delta: then the first record's offset delta.
    batch[HEADER_BYTES + 3] = 2;
    let batch = with(batch, |_| {});
    let rejection = validate(&batch, &rules()).unwrap_err();
    let (index, offset_delta) = (0, 1);
    assert_eq!(
        rejection,
        Rejection::OffsetDelta {
            index,
            offset_delta
        }
    );
}

#[test]
fn a_check_of_the_header_alone_does_not_look_at_records() {
    let shallow = Rules {
        depth: Depth::HeaderAndCrc,
        ..rules()
    };
    let unreadable = around(Codec::Gzip, b"not gzip", 3);
    let accepted = validate(&unreadable, &shallow).unwrap();
    assert_eq!(accepted.max_timestamp_offset_delta, 2);
    let mut damaged = batch();
    damaged[70] ^= 1;
    assert_eq!(
        validate(&damaged, &shallow).unwrap_err().kind(),
        CorruptMessage
    );
    let ahead = with(batch(), |h| h.max_timestamp_ms = i64::MAX);
    assert_eq!(
        validate(&ahead, &shallow).unwrap_err().kind(),
        InvalidTimestamp
    );
}

#[test]
fn records_beyond_the_decompressed_limit_are_too_large() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new(codec);
        builder.push_pair(NOW_MS, None, Some(&[7; 10_000]));
        let batch = builder.build().unwrap();
        let small = Rules {
            decompressed_bytes_max: 10_000,
            ..rules()
        };
        let rejection = validate(&batch, &small).unwrap_err();
        assert_eq!(rejection.kind(), MessageTooLarge, "{codec}: {rejection}");
    }
}

#[test]
fn the_first_record_of_a_time_is_found_in_every_codec() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec);
        for timestamp_ms in [100, 300, 200] {
            let headers: &[_] = &[("name", Some(&b"value"[..])), ("null", None)];
            builder.push(&NewRecord {
                timestamp_ms,
                key: None,
                value: Some(b"value"),
                headers,
            });
        }
        let mut batch = builder.build().unwrap();
        stamp(&mut batch, 1_000, 1);
        assert_eq!(first_record_at(&batch, 0, 0), Some((1_000, 100)));
        assert_eq!(first_record_at(&batch, 150, 0), Some((1_001, 300)));
        assert_eq!(first_record_at(&batch, 301, 0), None);
        // The first record is deleted, and the batch is there for the second.
        assert_eq!(first_record_at(&batch, 0, 1_001), Some((1_001, 300)));
        assert_eq!(first_record_at(&batch, 250, 1_002), None);
        stamp_log_append_time(&mut batch, 900);
        assert_eq!(first_record_at(&batch, 301, 0), Some((1_000, 900)));
    }
}
