// Operations on many goroutines, each counted by the program itself. With --wait as its first
// argument it starts when a line comes in on stdin. It prints the counts that target.h defines, and
// further ones by the name of the function.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

var begun, finished, failures, abandoned atomic.Int64
var failure = errors.New("an odd number")

// Calls C where the program is built with it (through_c.go).
var foreign func(n int) int

// Makes the stack grow, by another amount for each depth, so that the runtime moves it.
//
//go:noinline
func grow(depth int) int {
	var space [512]byte
	space[depth%512] = byte(depth)
	if depth == 0 {
		return int(space[1])
	}
	return grow(depth-1) + int(space[depth%512])
}

// The operation of most modes: recursive, on stacks that move inside of it.
//
//go:noinline
func op(n, levels int) (int, error) {
	begun.Add(1)
	if levels > 0 {
		op(n+1, levels-1)
	}
	grow(n % 70)
	if n%7 == 0 {
		runtime.Gosched()
	}
	if foreign != nil && n%10 == 0 {
		foreign(n)
	}
	finished.Add(1)
	if n%2 == 1 {
		failures.Add(1)
		return 0, failure
	}
	return n, nil
}

// Left by a panic that is recovered further up, three levels deep.
//
//go:noinline
func panics(n, levels int) int {
	begun.Add(1)
	abandoned.Add(1)
	grow(n % 30)
	if levels == 0 {
		panic(n)
	}
	return panics(n, levels-1) + 1
}

//go:noinline
func recovers(n int) (result int) {
	defer func() { recover() }()
	return panics(n, 2)
}

// Recovers by itself: it returns.
//
//go:noinline
func op_recovers(n int) (result int) {
	begun.Add(1)
	defer func() {
		recover()
		finished.Add(1)
	}()
	grow(n % 30)
	if n >= 0 {
		panic(n)
	}
	return 1
}

// Ends its goroutine, but runs another operation before.
//
//go:noinline
func exits(n, levels int) int {
	begun.Add(1)
	abandoned.Add(1)
	if levels > 0 {
		return exits(n, levels-1) + 1
	}
	defer op_deferred(n)
	grow(n % 30)
	runtime.Goexit()
	return 0
}

//go:noinline
func op_deferred(n int) int { return grow(n % 20) }

type number interface{ ~int | ~float64 }

// One body for each shape of its argument.
//
//go:noinline
func sum[T any](values []T, add func(T)) int {
	begun.Add(1)
	for _, value := range values {
		add(value)
	}
	finished.Add(1)
	return len(values)
}

type list[T any] struct{ values []T }

//go:noinline
func (l *list[T]) push(value T) int {
	begun.Add(1)
	l.values = append(l.values, value)
	finished.Add(1)
	return len(l.values)
}

// Too small for a stack check and a frame.
//
//go:noinline
func leaf(a, b int) int { return a*b + 1 }

//go:noinline
func choose(n int) int {
	switch n {
	case 0:
		return 5
	case 1:
		return 61
	case 2:
		return 19
	case 3:
		return 8
	case 4:
		return 77
	case 5:
		return 2
	case 6:
		return 45
	case 7:
		return 33
	case 8:
		return 90
	}
	return leaf(n, n)
}

//go:noinline
func large(n int) int {
	var space [100_000]byte
	for at := range space {
		space[at] = byte(n)
	}
	return int(space[n%100_000])
}

type inner struct{ n int }

//go:noinline
func (i *inner) get() int { return i.n }

type outer struct{ *inner }

type getter interface{ get() int }

// Returns the id of its goroutine, which the runtime shows in traces only:
// "goroutine 18 [running]".
//
//go:noinline
func identified(n int) int {
	begun.Add(1)
	grow(n % 40)
	if n%3 == 0 {
		runtime.Gosched()
	}
	var trace [64]byte
	words := strings.Fields(string(trace[:runtime.Stack(trace[:], false)]))
	id, _ := strconv.Atoi(words[1])
	finished.Add(1)
	return id
}

func on_goroutines(goroutines, calls int, call func(n int)) {
	var all sync.WaitGroup
	for goroutine := 0; goroutine < goroutines; goroutine++ {
		all.Add(1)
		go func(goroutine int) {
			defer all.Done()
			for n := 0; n < calls; n++ {
				call(goroutine + n)
			}
		}(goroutine)
	}
	all.Wait()
}

func main() {
	arguments := os.Args[1:]
	if arguments[0] == "--wait" {
		bufio.NewReader(os.Stdin).ReadString('\n')
		arguments = arguments[1:]
	}
	mode := arguments[0]
	goroutines, _ := strconv.Atoi(arguments[1])
	calls, _ := strconv.Atoi(arguments[2])
	switch mode {
	case "op":
		on_goroutines(goroutines, calls, func(n int) { op(n, 0) })
	case "recursion":
		on_goroutines(goroutines, calls, func(n int) { op(n, n%5) })
	case "panics":
		on_goroutines(goroutines, calls, func(n int) { recovers(n) })
	case "op_recovers":
		on_goroutines(goroutines, calls, func(n int) { op_recovers(n) })
	case "exits":
		// One call for each goroutine; goroutines are used again in the next round.
		for round := 0; round < calls; round++ {
			on_goroutines(goroutines, 1, func(n int) { exits(n+round, n%4) })
		}
	case "sum":
		on_goroutines(goroutines, calls, func(n int) {
			total, text := 0, ""
			sum([]int{n, 2}, func(value int) { total += value })
			sum([]string{"a", "b"}, func(value string) { text += value })
		})
	case "push":
		on_goroutines(goroutines, calls, func(n int) {
			(&list[int]{}).push(n)
			(&list[string]{}).push("a")
		})
	case "identified":
		on_goroutines(goroutines, calls, func(n int) { identified(n) })
	case "burns", "sleeps", "yields":
		call := map[string]func(int) int{"burns": burns, "sleeps": sleeps, "yields": yields}[mode]
		on_goroutines(goroutines, calls, func(n int) { call(n) })
	case "stuck":
		stuck(goroutines)
	case "asks":
		on_goroutines(goroutines, calls, ask)
	case "closure":
		closure := func(n int) int {
			begun.Add(1)
			grow(n % 40)
			finished.Add(1)
			return n
		}
		on_goroutines(goroutines, calls, func(n int) { closure(n) })
	default:
		if call, known := results[mode]; known {
			on_goroutines(goroutines, calls, call)
			break
		}
		var get getter = outer{&inner{calls}}
		fmt.Fprintln(os.Stderr, choose(calls), large(calls), get.get(), sha256.Sum256([]byte(mode)))
		os.Exit(1)
	}
	fmt.Printf("{\"begun\":%d,\"finished\":%d,\"failures\":%d,\"abandoned\":%d,\"unmatched\":0}\n",
		begun.Load(), finished.Load(), failures.Load(), abandoned.Load())
}
