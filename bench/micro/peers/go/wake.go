package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// A channel with room for one signal is what the others call a notify.

func takeTurns(count int) time.Duration {
	there := make(chan struct{}, 1)
	back := make(chan struct{}, 1)
	go func() {
		for i := 0; i < count; i++ {
			<-there
			back <- struct{}{}
		}
	}()
	start := time.Now()
	for i := 0; i < count; i++ {
		there <- struct{}{}
		<-back
	}
	return time.Since(start)
}

const ringSize = 64

func goRound(count int) time.Duration {
	var all [ringSize]chan struct{}
	for i := range all {
		all[i] = make(chan struct{}, 1)
	}
	var running sync.WaitGroup
	running.Add(ringSize)
	for own := range all {
		go func(mine <-chan struct{}, next chan<- struct{}) {
			for i := 0; i < count/ringSize; i++ {
				<-mine
				next <- struct{}{}
			}
			running.Done()
		}(all[own], all[(own+1)%ringSize])
	}
	start := time.Now()
	all[0] <- struct{}{}
	running.Wait()
	return time.Since(start)
}

const idleFor = 200 * time.Microsecond

func wakeElsewhere(count int) time.Duration {
	called := make(chan struct{}, 1)
	var answers int64
	go func() {
		for i := 0; i < count; i++ {
			<-called
			atomic.AddInt64(&answers, 1)
		}
	}()
	var waited time.Duration
	for i := 0; i < count; i++ {
		for idle := time.Now(); time.Since(idle) < idleFor; {
		}
		start := time.Now()
		called <- struct{}{}
		// The goroutine that was woken last is kept for this processor: that is this one now.
		kept := make(chan struct{}, 1)
		go func() { kept <- struct{}{} }()
		for atomic.LoadInt64(&answers) == int64(i) {
		}
		waited += time.Since(start)
		<-kept
	}
	return waited
}

var wakeCases = []benchCase{
	{"two_in_turn", 100_000, 1, 2, takeTurns},
	{"forward_ring_64", ringSize * 1_000, 1, 2, goRound},
	{"wake_other_worker", 100, 2, 2, wakeElsewhere},
}
