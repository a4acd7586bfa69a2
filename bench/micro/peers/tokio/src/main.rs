//! The cases of bench_micro on Tokio. A case has the name, the number of operations and the points
//! of measurement that it has there.
//!     peer_tokio --list
//!     peer_tokio spawn_10k 2 0.1       # case, workers, seconds to measure at least
//! Prints the operations of one measurement and the nanoseconds of one operation.

mod blocking;
mod channel;
mod fork_join;
mod mutex;
mod pingpong;
mod remote_spawn;
mod select;
mod shutdown;
mod spawn;
mod timer;
mod wake;
mod yielding;

use std::future::Future;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The body starts and reads the clock itself: the way into the workers and back is not measured.
pub type Measure = fn(&Runtime, usize) -> Duration;

pub struct Case {
    pub name: &'static str,
    pub operations: usize,
    pub fewest_workers: usize,
    pub most_workers: usize,
    pub measure: Measure,
}

impl Case {
    pub const fn new(name: &'static str, operations: usize, measure: Measure) -> Case {
        Case { name, operations, fewest_workers: 1, most_workers: 2, measure }
    }

    pub const fn on_one_worker(name: &'static str, operations: usize, measure: Measure) -> Case {
        Case { name, operations, fewest_workers: 1, most_workers: 1, measure }
    }

    pub const fn on_two_workers(name: &'static str, operations: usize, measure: Measure) -> Case {
        Case { name, operations, fewest_workers: 2, most_workers: 2, measure }
    }
}

pub fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap()
}

/// Runs the body on a worker. In block_on() itself it would run on the calling thread, which is
/// slower.
pub fn on_worker<F>(runtime: &Runtime, body: F) -> Duration
where
    F: Future<Output = Duration> + Send + 'static,
{
    let ended = runtime.spawn(body);
    runtime.block_on(ended).unwrap()
}

fn cases() -> Vec<Case> {
    let families = [
        spawn::cases(),
        remote_spawn::cases(),
        fork_join::cases(),
        yielding::cases(),
        pingpong::cases(),
        wake::cases(),
        select::cases(),
        timer::cases(),
        channel::cases(),
        mutex::cases(),
        blocking::cases(),
        shutdown::cases(),
    ];
    families.into_iter().flatten().collect()
}

/// Once to warm up, then until the time is over.
fn measure(case: &Case, workers: usize, at_least: Duration) -> f64 {
    let runtime = runtime(workers);
    (case.measure)(&runtime, case.operations);
    let mut elapsed = Duration::ZERO;
    let mut operations = 0;
    while elapsed < at_least {
        elapsed += (case.measure)(&runtime, case.operations);
        operations += case.operations;
    }
    elapsed.as_nanos() as f64 / operations as f64
}

fn fail(why: &str) -> ! {
    eprintln!("peer_tokio: {}; usage: peer_tokio --list | CASE WORKERS SECONDS", why);
    std::process::exit(2);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = cases();
    if arguments == ["--list"] {
        for case in &known {
            for workers in case.fewest_workers..=case.most_workers {
                println!("{}/{}", case.name, workers);
            }
        }
        return;
    }
    if arguments.len() != 3 {
        fail("three arguments are needed");
    }
    let workers = arguments[1].parse().unwrap_or(0);
    let seconds: f64 = arguments[2].parse().unwrap_or(0.0);
    if workers == 0 || !(seconds > 0.0 && seconds < 1e6) {
        fail("WORKERS and SECONDS must be above 0");
    }
    match known.iter().find(|case| case.name == arguments[0]) {
        None => fail("there is no such case"),
        Some(case) => {
            let nanoseconds = measure(case, workers, Duration::from_secs_f64(seconds));
            println!("{} {:.3}", case.operations, nanoseconds);
        }
    }
}
