//go:build c

// Makes `op` call C, which calls `op` on the goroutine of its caller. The modes `through` and
// `through_panics` count the calls of the function in C.
package main

import "example.com/goroutines.v2/c"

func init() {
	c.Back = back
	foreign = c.Call
	results["through"] = func(n int) { call_through(-1 - n%40) }
	results["through_panics"] = func(n int) {
		defer func() { recover() }()
		call_through(-1000 - n)
	}
}

// From 0 on it calls `op`. Below it makes the stack grow, and for some numbers it calls C again, or
// panics if they are below -1000.
func back(n int) int {
	if n >= 0 {
		result, _ := op(1, n%3)
		return result
	}
	grow(-n % 40)
	if n%3 == 0 {
		call_through(n / 3)
	}
	if n < -1000 && n%2 == 0 {
		panic(n)
	}
	return n
}

func call_through(n int) {
	begun.Add(1)
	left := true
	defer func() {
		if left {
			abandoned.Add(1)
		}
	}()
	foreign(n)
	left = false
	finished.Add(1)
}
