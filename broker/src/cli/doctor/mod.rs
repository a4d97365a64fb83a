//! `naru doctor`: whether this machine suits a broker, and what to change if it does not.
//!
//! [`facts`] asks the kernel, [`judge`] says what it means: a pure function, so that a test can
//! have any machine.

mod device;
mod facts;
mod judge;
mod print;

use std::process::ExitCode;

use super::DoctorArgs;
use crate::config::{BrokerConfig, ConfigError, Machine};

/// Looks at the machine for a broker that is configured so, and prints what it means.
pub fn doctor(args: &DoctorArgs) -> ExitCode {
    let config = || -> Result<BrokerConfig, ConfigError> {
        let (file, set) = (args.start.config.as_deref(), args.start.settings()?);
        Ok(BrokerConfig::load(file, &set, &Machine::detect())?.0)
    };
    match config() {
        Ok(config) => print::print(&judge::judge(&facts::Facts::of(&config)), args.json),
        Err(error) => {
            eprintln!("naru: {error}");
            ExitCode::from(2)
        }
    }
}
