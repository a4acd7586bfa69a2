package main

import "time"

const channelCapacity = 1_000

func receiveFrom(senders int) func(int) time.Duration {
	return func(count int) time.Duration {
		channel := make(chan int, channelCapacity)
		sum := 0
		start := time.Now()
		for i := 0; i < senders; i++ {
			go func() {
				for j := 0; j < count/senders; j++ {
					channel <- j
				}
			}()
		}
		for i := 0; i < count; i++ {
			sum += <-channel
		}
		elapsed := time.Since(start)
		found = uint64(sum)
		return elapsed
	}
}

var channelCases = []benchCase{
	{"mpsc_1_to_1", 1_000_000, 1, 2, receiveFrom(1)},
	{"mpsc_4_to_1", 1_000_000, 1, 2, receiveFrom(4)},
}
