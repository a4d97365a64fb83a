//! Kafka's record batch v2.
