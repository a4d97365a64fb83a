//! What a topic may be called (Kafka's `Topic.validate`).

use super::state::Refusal;

/// A partition's folder is the name, a dash and a number, and must fit a file name.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// Checks the name by itself; that it does not collide with another is the state's to say.
pub fn check_topic_name(name: &str) -> Result<(), Refusal> {
    let reason = if name.is_empty() {
        "a topic name must not be empty".to_owned()
    } else if name == "." || name == ".." {
        format!("a topic cannot be called {name}")
    } else if name == super::DIRECTORY {
        format!("{name} is reserved")
    } else if name.len() > TOPIC_NAME_BYTES_MAX {
        format!(
            "a topic name has at most {TOPIC_NAME_BYTES_MAX} characters, not {}",
            name.len()
        )
    } else if !name.bytes().all(is_legal) {
        format!("{name:?}: a topic name is made of a-z, A-Z, 0-9, '.', '_' and '-'")
    } else {
        return Ok(());
    };
    Err(Refusal::InvalidTopic(reason))
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// The form in which names collide: metrics write `.` as `_`, so that `a.b` and `a_b` would be
/// one. `None` for a name that has neither and so collides with nothing.
pub(super) fn collision_form(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}
