package main

import "time"

const fibonacciOf = 30
const spawnedForIt = 1_346_268

var found uint64 // keeps results alive

// The sum of a goroutine and of a call.
func fibonacci(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	spawned := make(chan uint64, 1)
	go func() { spawned <- fibonacci(n - 1) }()
	second := fibonacci(n - 2)
	return <-spawned + second
}

func computeFibonacci(int) time.Duration {
	start := time.Now()
	found = fibonacci(fibonacciOf)
	return time.Since(start)
}

const children = 10
const leaves = 1_000_000

func skynet(result chan<- uint64, first uint64, size int) {
	if size == 1 {
		result <- first
		return
	}
	results := make(chan uint64, children)
	part := size / children
	for i := 0; i < children; i++ {
		go skynet(results, first+uint64(i*part), part)
	}
	var sum uint64
	for i := 0; i < children; i++ {
		sum += <-results
	}
	result <- sum
}

func computeSkynet(count int) time.Duration {
	result := make(chan uint64, 1)
	start := time.Now()
	skynet(result, 0, count)
	found = <-result
	return time.Since(start)
}

var forkJoinCases = []benchCase{
	{"fork_join_fib", spawnedForIt, 1, 2, computeFibonacci},
	{"skynet", leaves, 1, 2, computeSkynet},
}
