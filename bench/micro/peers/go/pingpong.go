package main

import (
	"sync"
	"time"
)

// A pair: a goroutine starts its partner, sends it a message, and waits for the answer.
func ask(running *sync.WaitGroup) {
	question := make(chan int, 1)
	answer := make(chan int, 1)
	go func() { answer <- <-question + 1 }()
	question <- 1
	<-answer
	running.Done()
}

func pairs(count int) time.Duration {
	var running sync.WaitGroup
	start := time.Now()
	running.Add(count)
	for i := 0; i < count; i++ {
		go ask(&running)
	}
	running.Wait()
	return time.Since(start)
}

var pingPongCases = []benchCase{{"ping_pong_pair", 1_000, 1, 2, pairs}}
