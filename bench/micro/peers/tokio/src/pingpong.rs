use crate::{on_worker, Case};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A pair: a task spawns its partner, sends it a message, and waits for the answer.
async fn ask() {
    let (question, questions) = oneshot::channel::<i32>();
    let (answer, answers) = oneshot::channel::<i32>();
    tokio::spawn(async move {
        if let Ok(asked) = questions.await {
            let _ = answer.send(asked + 1);
        }
    });
    question.send(1).unwrap();
    black_box(answers.await.unwrap());
}

fn pairs(runtime: &Runtime, count: usize) -> Duration {
    on_worker(runtime, async move {
        let mut handles = Vec::with_capacity(count);
        let start = Instant::now();
        for _ in 0..count {
            handles.push(tokio::spawn(ask()));
        }
        for each in handles {
            each.await.unwrap();
        }
        start.elapsed()
    })
}

pub fn cases() -> Vec<Case> {
    vec![Case::new("ping_pong_pair", 1_000, pairs)]
}
