//! What has to change, to be pasted: commands and files, each under the name of the place that it
//! belongs to. What passes as it is, is left out.

use std::fmt::Write;

use super::path::{Hurdle, Place};

/// Empty if nothing has to change. A topic that is not there yet (`None`) gets its limits from its
/// broker.
pub fn paste(hurdles: &[Hurdle], topic: Option<&str>, bootstrap: &str) -> String {
    let mut out = String::new();
    for place in Place::ALL {
        let of_place = hurdles.iter().filter(|hurdle| hurdle.place == place);
        let changed: Vec<String> = of_place
            .filter(|hurdle| hurdle.rejects() || hurdle.slows())
            .map(|hurdle| format!("{}={}", name(hurdle, topic), hurdle.wanted_bytes))
            .collect();
        if changed.is_empty() {
            continue;
        }
        // Writing to a string does not fail; hence `let _` here and below.
        let _ = match (place, topic) {
            (Place::Topic, Some(topic)) => writeln!(
                out,
                "# the topic\nkafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic} --add-config {}\n",
                changed.join(",")
            ),
            (Place::Topic, None) => writeln!(
                out,
                "# server.properties of every broker, for topics that are made from now on\n{}\n",
                changed.join("\n")
            ),
            (place, _) => writeln!(out, "# {}\n{}\n", place.file(), changed.join("\n")),
        };
    }
    out
}

/// The broker has other names for what a new topic takes from it.
fn name(hurdle: &Hurdle, topic: Option<&str>) -> &'static str {
    match (hurdle.place, hurdle.key, topic) {
        (Place::Topic, "max.message.bytes", None) => "message.max.bytes",
        (Place::Topic, "segment.bytes", None) => "log.segment.bytes",
        (_, key, _) => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::which_limit::{Client, Configs, Scope, Stand, hurdles};

    fn pasted(value_bytes: u64, configs: &Configs, scope: Scope) -> String {
        let stand = Stand {
            topic: configs,
            broker: configs,
            producer: configs,
            consumer: configs,
        };
        paste(&hurdles(value_bytes, None, &stand, scope), Some("t"), "h:1")
    }

    #[test]
    fn what_passes_as_it_is_is_not_pasted() {
        let none = Configs::new();
        assert_eq!(pasted(1000, &none, Scope::default()), "");
        let text = pasted(2_000_000, &none, Scope::default());
        assert!(text.contains("--add-config max.message.bytes="), "{text}");
        assert!(text.contains("\nmax.request.size="), "{text}");
        for fits in [
            "segment.bytes",
            "buffer.memory",
            "socket.request",
            "replica.",
        ] {
            assert!(!text.contains(fits), "{fits}: {text}");
        }
    }

    #[test]
    fn everything_that_a_large_record_meets_is_pasted() {
        let scope = Scope {
            has_replicas: true,
            ..Scope::default()
        };
        let text = pasted(1_200_000_000, &Configs::new(), scope);
        for key in [
            "max.message.bytes=",
            "segment.bytes=",
            "socket.request.max.bytes=",
            "replica.fetch.max.bytes=",
            "replica.fetch.response.max.bytes=",
            "max.request.size=",
            "buffer.memory=",
            "\nmessage.max.bytes=",
            "\nfetch.max.bytes=",
            "max.partition.fetch.bytes=",
            "receive.message.max.bytes=",
        ] {
            assert!(text.contains(key), "{key}: {text}");
        }
    }

    #[test]
    fn the_other_client_is_not_spoken_of() {
        let scope = |client| Scope {
            client: Some(client),
            ..Scope::default()
        };
        let java = pasted(2_000_000, &Configs::new(), scope(Client::Java));
        assert!(
            !java.contains("librdkafka") && java.contains("Java"),
            "{java}"
        );
        let other = pasted(2_000_000, &Configs::new(), scope(Client::Librdkafka));
        assert!(
            !other.contains("Java") && other.contains("librdkafka"),
            "{other}"
        );
    }

    #[test]
    fn a_new_topic_takes_its_limits_from_the_broker() {
        let none = Configs::new();
        let stand = Stand {
            topic: &none,
            broker: &none,
            producer: &none,
            consumer: &none,
        };
        let all = hurdles(2_000_000, None, &stand, Scope::default());
        let text = paste(&all, None, "h:1");
        assert!(
            text.contains("\nmessage.max.bytes=") && !text.contains("kafka-configs"),
            "{text}"
        );
    }
}
