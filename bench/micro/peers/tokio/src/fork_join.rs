use crate::{on_worker, Case};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

// An async function that calls itself needs the box.
type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

const FIBONACCI_OF: u32 = 30;
const SPAWNED_FOR_IT: usize = 1_346_268;

/// The sum of a spawned task and of a child that is awaited.
fn fibonacci(n: u32) -> Boxed {
    Box::pin(async move {
        if n < 2 {
            return u64::from(n);
        }
        let spawned = tokio::spawn(fibonacci(n - 1));
        let second = fibonacci(n - 2).await;
        spawned.await.unwrap() + second
    })
}

fn compute_fibonacci(runtime: &Runtime, _: usize) -> Duration {
    on_worker(runtime, async move {
        let start = Instant::now();
        black_box(fibonacci(FIBONACCI_OF).await);
        start.elapsed()
    })
}

const CHILDREN: usize = 10;
const LEAVES: usize = 1_000_000;

fn skynet(first: u64, size: usize) -> Boxed {
    Box::pin(async move {
        if size == 1 {
            return first;
        }
        let part = size / CHILDREN;
        let mut handles = Vec::with_capacity(CHILDREN);
        for i in 0..CHILDREN {
            handles.push(tokio::spawn(skynet(first + (i * part) as u64, part)));
        }
        let mut sum = 0;
        for each in handles {
            sum += each.await.unwrap();
        }
        sum
    })
}

fn compute_skynet(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let start = Instant::now();
        black_box(skynet(0, count).await);
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("fork_join_fib", SPAWNED_FOR_IT, compute_fibonacci),
        Case::new("skynet", LEAVES, compute_skynet),
    ]
}
