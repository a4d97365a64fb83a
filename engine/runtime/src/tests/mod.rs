//! Stories about the ring, its executor and the disks behind the seam.
mod disks;
mod runtime;
mod simulated_machines;
mod sockets;

use std::net::{IpAddr, Ipv4Addr};

use crate::sim::Simulation;
use crate::{Handle, RingConfig, Runtime};

const SEEDS: u64 = 20;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Runs a story on a ring, and on the simulated machines of some seeds.
fn on_both_backends(story: impl AsyncFn(Handle)) {
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    runtime.run(story(runtime.handle()));
    drop(runtime);
    for seed in 0..SEEDS {
        let simulation = Simulation::new(seed);
        let thread = simulation.machine(ADDRESS).thread();
        simulation.run(story(thread));
    }
}
