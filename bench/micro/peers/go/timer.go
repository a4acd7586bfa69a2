package main

import "time"

func loneTimer(count int) time.Duration {
	start := time.Now()
	for i := 0; i < count; i++ {
		time.NewTimer(time.Hour).Stop()
	}
	return time.Since(start)
}

var timerCases = []benchCase{{"timer_arm_drop", 200_000, 1, 1, loneTimer}}
