//! The shares of `naru.memory`, and what is taken of each.

use naru_runtime::pooled_bytes;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::memory::Shares;

/// The memory that the broker may use for requests, answers and tails of logs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Memory {
    /// `naru.memory`.
    pub limit_bytes: u64,
    pub shares: Vec<Share>,
}

/// A share; the shares do not lend to each other.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Share {
    pub name: &'static str,
    pub limit_bytes: usize,
    pub used_bytes: usize,
    /// Somebody waits for memory of this share.
    pub is_short: bool,
}

pub async fn show(call: Call) -> Result<Memory, Problem> {
    let broker = &call.broker;
    let limit_bytes = broker.config.naru.memory.0;
    let tails = broker
        .ask(async |shard| shard.logs.tails.used_bytes())
        .await?;
    let whole = Shares::of(usize::try_from(limit_bytes).unwrap_or(usize::MAX));
    let mut shares: Vec<Share> = broker
        .memory
        .pots()
        .map(|(name, pot)| Share {
            name,
            limit_bytes: pot.limit_bytes(),
            used_bytes: pot.used_bytes(),
            is_short: pot.is_short(),
        })
        .into();
    let plain = |name, limit_bytes, used_bytes| Share {
        name,
        limit_bytes,
        used_bytes,
        is_short: false,
    };
    shares.push(plain("tails", whole.tails, tails.iter().sum()));
    shares.push(plain("pool", whole.pool, pooled_bytes()));
    Ok(Memory {
        limit_bytes,
        shares,
    })
}
