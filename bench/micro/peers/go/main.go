// The cases of bench_micro in Go, as far as it has what they ask for: there are no threads outside
// of its runtime, no pool for blocking calls, and no end of the runtime. A case has the name, the
// number of operations and the points of measurement that it has there.
//
//	peer_go --list
//	peer_go spawn_10k 2 0.1       # case, workers, seconds to measure at least
//
// Prints the operations of one measurement and the nanoseconds of one operation.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

type benchCase struct {
	name          string
	operations    int
	fewestWorkers int
	mostWorkers   int
	// Reads the clock itself.
	measure func(count int) time.Duration
}

func allCases() []benchCase {
	var all []benchCase
	for _, family := range [][]benchCase{
		spawnCases, forkJoinCases, yieldCases, pingPongCases, wakeCases, selectCases, timerCases,
		channelCases, mutexCases,
	} {
		all = append(all, family...)
	}
	return all
}

// Once to warm up, then until the time is over. Returns nanoseconds per operation.
func measure(c benchCase, atLeast time.Duration) float64 {
	c.measure(c.operations)
	var elapsed time.Duration
	operations := 0
	for elapsed < atLeast {
		elapsed += c.measure(c.operations)
		operations += c.operations
	}
	return float64(elapsed.Nanoseconds()) / float64(operations)
}

func fail(why string) {
	fmt.Fprintf(os.Stderr, "peer_go: %s; usage: peer_go --list | CASE WORKERS SECONDS\n", why)
	os.Exit(2)
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 1 && arguments[0] == "--list" {
		for _, c := range allCases() {
			for workers := c.fewestWorkers; workers <= c.mostWorkers; workers++ {
				fmt.Printf("%s/%d\n", c.name, workers)
			}
		}
		return
	}
	if len(arguments) != 3 {
		fail("three arguments are needed")
	}
	workers, err := strconv.Atoi(arguments[1])
	if err != nil || workers < 1 {
		fail("WORKERS must be above 0")
	}
	seconds, err := strconv.ParseFloat(arguments[2], 64)
	if err != nil || !(seconds > 0 && seconds < 1e6) {
		fail("SECONDS must be above 0")
	}
	for _, c := range allCases() {
		if c.name == arguments[0] {
			runtime.GOMAXPROCS(workers)
			fmt.Printf("%d %.3f\n", c.operations, measure(c, time.Duration(seconds*1e9)))
			return
		}
	}
	fail("there is no such case")
}
