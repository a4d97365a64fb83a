//! Sample values for every type of the tables, drawn from a seed.
//!
//! A structure holds values only where its version has the field, so that what is read back must
//! equal what was written.

use bytes::Bytes;
use uuid::Uuid;

use crate::field::Format;
use crate::{ErrorCode, Records, Str};

/// A stream of draws: the same seed gives the same message.
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn field<T: Sample>(&mut self, format: Format, nullable: bool) -> T {
        T::sample_field(self, format, nullable)
    }

    fn number(&mut self) -> i64 {
        match self.below(6) {
            0 => 0,
            1 => -1,
            2 => i64::MAX,
            3 => i64::MIN,
            _ => self.next() as i64,
        }
    }

    fn bytes(&mut self) -> Bytes {
        // Past a KiB the encoder keeps the bytes by reference.
        let len = [0, 1, 100, 127, 128, 1023, 1024, 3000][self.below(8)];
        (0..len)
            .map(|_| self.next() as u8)
            .collect::<Vec<_>>()
            .into()
    }
}

pub(crate) trait Sample: Sized {
    fn sample(source: &mut Source, format: Format) -> Self;

    fn sample_field(source: &mut Source, format: Format, _nullable: bool) -> Self {
        Self::sample(source, format)
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source, format: Format) -> Self {
        Self::sample_field(source, format, true)
    }

    fn sample_field(source: &mut Source, format: Format, nullable: bool) -> Self {
        let null = nullable && source.below(3) == 0;
        if null {
            None
        } else {
            Some(T::sample(source, format))
        }
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source, format: Format) -> Self {
        (0..source.below(4))
            .map(|_| T::sample(source, format))
            .collect()
    }
}

macro_rules! sample {
    ($($ty:ty: $draw:expr;)*) => {$(
        impl Sample for $ty {
            fn sample(source: &mut Source, _format: Format) -> Self {
                let draw: fn(&mut Source) -> Self = $draw;
                draw(source)
            }
        }
    )*};
}

sample! {
    i8: |source| source.number() as i8;
    i16: |source| source.number() as i16;
    i32: |source| source.number() as i32;
    i64: Source::number;
    u16: |source| source.number() as u16;
    // Not NaN, which is not equal to itself.
    f64: |source| source.number() as f64;
    bool: |source| source.below(2) == 1;
    Uuid: |source| Uuid::from_u64_pair(source.next(), source.next());
    ErrorCode: |source| ErrorCode::from(source.number() as i16);
    Str: |source| match source.below(4) {
        0 => Str::default(),
        1 => Str::from("나루터, the landing"),
        2 => Str::from("x".repeat(source.below(300))),
        _ => Str::from(format!("topic-{}", source.below(1000))),
    };
    Bytes: Source::bytes;
    Records: |source| Records::from((0..source.below(4)).map(|_| source.bytes()).collect::<Vec<_>>());
}
