//! A configuration file, as far as a broker that starts from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naru_broker::config::{BrokerConfig, Machine, properties};

fuzz_target!(|text: &str| {
    let Ok(entries) = properties::parse(text) else {
        return;
    };
    let machine = Machine {
        cores: 2,
        memory_bytes: 4 << 30,
        hostname: "localhost".into(),
    };
    if let Err(error) = BrokerConfig::from_entries(&entries, &[], &machine) {
        assert!(!error.to_string().is_empty());
    }
});
