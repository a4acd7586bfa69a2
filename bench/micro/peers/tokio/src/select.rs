use crate::{on_worker, Case};
use std::future::ready;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn select(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let mut second_won = 0usize;
        let start = Instant::now();
        for i in 0..count {
            second_won += tokio::select! {
                value = ready(i) => { black_box(value); 0 }
                value = ready(i) => { black_box(value); 1 }
            };
        }
        let found = start.elapsed();
        black_box(second_won);
        found
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case::on_one_worker("select_two_ready", 100_000, select)]
}
