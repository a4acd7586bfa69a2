package main

import (
	"runtime"
	"sync"
	"time"
)

const yieldingTasks = 200

func yields(count int) time.Duration {
	var running sync.WaitGroup
	start := time.Now()
	running.Add(yieldingTasks)
	for i := 0; i < yieldingTasks; i++ {
		go func() {
			for j := 0; j < count/yieldingTasks; j++ {
				runtime.Gosched()
			}
			running.Done()
		}()
	}
	running.Wait()
	return time.Since(start)
}

var yieldCases = []benchCase{{"yield", yieldingTasks * 1_000, 1, 2, yields}}
