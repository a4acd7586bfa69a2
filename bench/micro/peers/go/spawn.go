package main

import (
	"sync"
	"time"
)

// A goroutine has no handle; a wait group is the quickest way to hear of its end.

func spawnInSequence(count int) time.Duration {
	var running sync.WaitGroup
	start := time.Now()
	for i := 0; i < count; i++ {
		running.Add(1)
		go running.Done()
		running.Wait()
	}
	return time.Since(start)
}

func spawnMany(count int) time.Duration {
	var running sync.WaitGroup
	start := time.Now()
	running.Add(count)
	for i := 0; i < count; i++ {
		go running.Done()
	}
	running.Wait()
	return time.Since(start)
}

func link(more int, end chan<- int) {
	if more == 0 {
		end <- 1
	} else {
		go link(more-1, end)
	}
}

func chain(count int) time.Duration {
	end := make(chan int, 1)
	start := time.Now()
	go link(count-1, end)
	<-end
	return time.Since(start)
}

var spawnCases = []benchCase{
	{"spawn_join", 10_000, 1, 2, spawnInSequence},
	{"spawn_10k", 10_000, 1, 2, spawnMany},
	{"chained_spawn", 10_000, 1, 2, chain},
}
