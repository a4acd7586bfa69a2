package main

import "time"

func selectOfTwo(count int) time.Duration {
	// What is ready has to be put there first, which the others need not do.
	first := make(chan int, 1)
	second := make(chan int, 1)
	first <- 0
	second <- 0
	secondWon := 0
	start := time.Now()
	for i := 0; i < count; i++ {
		select {
		case value := <-first:
			first <- value
		case value := <-second:
			second <- value
			secondWon++
		}
	}
	elapsed := time.Since(start)
	found = uint64(secondWon)
	return elapsed
}

var selectCases = []benchCase{{"select_two_ready", 100_000, 1, 1, selectOfTwo}}
