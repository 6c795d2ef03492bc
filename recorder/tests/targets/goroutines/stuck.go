package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// Operations that finish only when a line comes in on stdin. Prints the boot clock before the first
// one is called and inside it.
func stuck(goroutines int) {
	var gate, all sync.WaitGroup
	gate.Add(1)
	inside := make(chan int64)
	for goroutine := 0; goroutine < goroutines; goroutine++ {
		all.Add(1)
		before := make(chan int64)
		go func(n int) {
			defer all.Done()
			before <- bootNs()
			held(n, inside, &gate)
		}(goroutine)
		from, to := <-before, <-inside
		if goroutine == 0 {
			fmt.Println(from, to)
		}
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
	gate.Done()
	all.Wait()
}

//go:noinline
func held(n int, inside chan<- int64, gate *sync.WaitGroup) int {
	begun.Add(1)
	grow(n % 40)
	inside <- bootNs()
	gate.Wait()
	runtime.Gosched()
	finished.Add(1)
	return n
}

func bootNs() int64 {
	const bootTime = 7
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, bootTime, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
