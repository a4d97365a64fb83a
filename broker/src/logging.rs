//! What the log tells: one filter for the process, which clients change by the levels of loggers
//! (Kafka's BROKER_LOGGER, KIP-412). Nothing of it outlives the process, as in Kafka.
//!
//! A logger is a room of the code, or `root` for all that have no level of their own. Where nothing
//! was installed (in tests, on a simulated machine) levels are kept and have no effect.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The logger of all that have no level of their own.
pub const ROOT: &str = "root";

const DEFAULT_LEVEL: &str = "INFO";

/// The levels of Kafka's loggers; the last is only told apart by Kafka.
pub const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The rooms that say something, beside the root.
const LOGGERS: [&str; 13] = [
    "naru_broker",
    "naru_broker::admin",
    "naru_broker::cluster",
    "naru_broker::config",
    "naru_broker::coordinator",
    "naru_broker::group",
    "naru_broker::handlers",
    "naru_broker::net",
    "naru_broker::partition",
    "naru_broker::server",
    "naru_broker::shard",
    "naru_engine",
    "naru_runtime",
];

/// Why a level is not set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    #[error("Logger {0} does not exist!")]
    UnknownLogger(String),
    #[error(
        "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid \
         log levels are {}",
        LEVELS.join(", ")
    )]
    UnknownLevel { logger: String, level: String },
    #[error("the log's filter cannot be changed: {0}")]
    Filter(String),
}

struct Filter {
    /// What the process was started with (`NARU_LOG`).
    base: String,
    set: BTreeMap<&'static str, &'static str>,
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

/// Held for a few instructions, when a client looks or sets; never for a request of another kind.
static FILTER: Mutex<Filter> = Mutex::new(Filter {
    base: String::new(),
    set: BTreeMap::new(),
    handle: None,
});

fn filter() -> MutexGuard<'static, Filter> {
    FILTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the process log to its standard error, as `NARU_LOG` says or from INFO on.
pub fn install() {
    let base = std::env::var("NARU_LOG").ok();
    let base = base.filter(|directives| EnvFilter::try_new(directives).is_ok());
    let base = base.unwrap_or_else(|| "info".to_owned());
    let (layer, handle) = reload::Layer::new(EnvFilter::new(&base));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry()
        .with(layer)
        .with(lines)
        .init();
    let mut filter = filter();
    filter.base = base;
    filter.handle = Some(handle);
}

/// Every logger with its level, by name, the root last.
pub fn levels() -> Vec<(&'static str, &'static str)> {
    let filter = filter();
    let loggers = LOGGERS.iter().chain([&ROOT]);
    loggers
        .map(|logger| (*logger, filter.level_of(logger)))
        .collect()
}

/// Checks a change: `None` goes back to what the root has.
pub fn check(logger: &str, level: Option<&str>) -> Result<(), LevelError> {
    known(logger)?;
    level.map_or(Ok(()), |level| known_level(logger, level).map(drop))
}

/// Sets the level of a logger, or has it follow the root again; it counts at once.
pub fn set(logger: &str, level: Option<&str>) -> Result<(), LevelError> {
    let name = known(logger)?;
    let level = level.map(|level| known_level(logger, level)).transpose()?;
    let mut filter = filter();
    match level {
        Some(level) => filter.set.insert(name, level),
        None => filter.set.remove(name),
    };
    let directives = EnvFilter::try_new(filter.directives());
    let failed = |error: &dyn std::fmt::Display| LevelError::Filter(error.to_string());
    let directives = directives.map_err(|error| failed(&error))?;
    match &filter.handle {
        Some(handle) => handle.reload(directives).map_err(|error| failed(&error)),
        None => Ok(()),
    }
}

fn known(logger: &str) -> Result<&'static str, LevelError> {
    let mut all = LOGGERS.iter().chain([&ROOT]);
    let known = all.find(|known| **known == logger).copied();
    known.ok_or_else(|| LevelError::UnknownLogger(logger.to_owned()))
}

fn known_level(logger: &str, level: &str) -> Result<&'static str, LevelError> {
    let known = LEVELS.iter().find(|known| **known == level).copied();
    known.ok_or_else(|| LevelError::UnknownLevel {
        logger: logger.to_owned(),
        level: level.to_owned(),
    })
}

impl Filter {
    /// The level of the nearest room around it that has one.
    fn level_of(&self, logger: &'static str) -> &'static str {
        let mut name = logger;
        loop {
            if let Some(level) = self.set.get(name) {
                return level;
            }
            match name.rsplit_once("::") {
                Some((room, _)) => name = room,
                None => break,
            }
        }
        self.set.get(ROOT).copied().unwrap_or(DEFAULT_LEVEL)
    }

    /// What was set comes last, and beats what the process was started with.
    fn directives(&self) -> String {
        let mut directives = vec![self.base.clone()];
        for (logger, level) in &self.set {
            let level = match *level {
                "FATAL" => "error".to_owned(),
                level => level.to_ascii_lowercase(),
            };
            directives.push(match *logger {
                ROOT => level,
                room => format!("{room}={level}"),
            });
        }
        directives.retain(|directive| !directive.is_empty());
        directives.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_the_level_of_the_nearest_around_it() {
        let filter = Filter {
            base: "warn".into(),
            set: BTreeMap::from([
                (ROOT, "WARN"),
                ("naru_broker", "FATAL"),
                ("naru_broker::net", "TRACE"),
            ]),
            handle: None,
        };
        assert_eq!(filter.level_of("naru_broker::net"), "TRACE");
        assert_eq!(filter.level_of("naru_broker::shard"), "FATAL");
        assert_eq!(filter.level_of("naru_engine"), "WARN");
        let directives = filter.directives();
        assert_eq!(
            directives,
            "warn,naru_broker=error,naru_broker::net=trace,warn"
        );
        assert!(EnvFilter::try_new(&directives).is_ok());
    }

    #[test]
    fn only_known_loggers_take_known_levels() {
        assert_eq!(check(ROOT, Some("DEBUG")), Ok(()));
        assert_eq!(check("naru_engine", None), Ok(()));
        let unknown = check("kafka.server.KafkaApis", Some("DEBUG"));
        assert!(matches!(unknown, Err(LevelError::UnknownLogger(_))));
        let wrong = check(ROOT, Some("loud")).unwrap_err().to_string();
        assert!(wrong.contains("TRACE, DEBUG, INFO"), "{wrong}");
    }
}
