// Operations that use CPU time, with and without switches of goroutines. Each returns the CPU time of its thread from
// its begin to its end, ns: its own only if there was no switch.
package main

import (
	"runtime"
	"syscall"
	"unsafe"
)

const clock_thread_cputime_id = 3

func thread_cpu_ns() int {
	var now syscall.Timespec
	// Raw: the scheduler does not know of it.
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock_thread_cputime_id, uintptr(unsafe.Pointer(&now)), 0)
	return int(now.Nano())
}

var sink int

//go:noinline
func burn(steps int) {
	state := steps
	for ; steps > 0; steps-- {
		state = state*6364136223846793005 + 1442695040888963407
	}
	sink = state
}

// Runs without a switch, unless the scheduler takes the thread away after ten milliseconds.
//
//go:noinline
func burns(n int) int {
	begun.Add(1)
	start := thread_cpu_ns()
	burn(20_000 + n%7*10_000)
	finished.Add(1)
	return thread_cpu_ns() - start
}

// Waits in the kernel, which costs no CPU time. The runtime may give its processor to another thread meanwhile.
//
//go:noinline
func sleeps(n int) int {
	begun.Add(1)
	start := thread_cpu_ns()
	burn(20_000)
	time := syscall.NsecToTimespec(int64(1000 * (n%5 + 1)))
	syscall.Nanosleep(&time, nil)
	finished.Add(1)
	return thread_cpu_ns() - start
}

// Hands its thread to others, and gets one back.
//
//go:noinline
func yields(n int) int {
	begun.Add(1)
	start := thread_cpu_ns()
	runtime.Gosched()
	finished.Add(1)
	return thread_cpu_ns() - start
}

// Waits for another goroutine, which burns on the same processor and inherits the time slice.
//
//go:noinline
func asks(n int, question, answer chan int) int {
	begun.Add(1)
	start := thread_cpu_ns()
	question <- n
	<-answer
	finished.Add(1)
	return thread_cpu_ns() - start
}

func ask(n int) {
	question, answer := make(chan int), make(chan int)
	go func() {
		for n := range question {
			burn(2_000_000)
			answer <- n
		}
	}()
	for round := 0; round < 5; round++ {
		asks(n, question, answer)
	}
	close(question)
}
