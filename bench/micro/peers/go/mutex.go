package main

import (
	"sync"
	"time"
)

const contenders = 4

type counter struct {
	lock  sync.Mutex
	value int
}

func (c *counter) countUp(times int) {
	for i := 0; i < times; i++ {
		c.lock.Lock()
		c.value++
		c.lock.Unlock()
	}
}

func lockAlone(count int) time.Duration {
	shared := new(counter)
	start := time.Now()
	shared.countUp(count)
	return time.Since(start)
}

func lockTogether(count int) time.Duration {
	shared := new(counter)
	var running sync.WaitGroup
	start := time.Now()
	running.Add(contenders)
	for i := 0; i < contenders; i++ {
		go func() {
			shared.countUp(count / contenders)
			running.Done()
		}()
	}
	running.Wait()
	return time.Since(start)
}

var mutexCases = []benchCase{
	{"mutex_uncontended", 1_000_000, 1, 1, lockAlone},
	{"mutex_contended", 200_000, 2, 2, lockTogether},
}
